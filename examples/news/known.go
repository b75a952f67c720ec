package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// maxAnswer bounds what is read of one answer; the gateway ends an answer at about 1 MiB of items.
const maxAnswer = 8 << 20

// known is the set of keys in the topic's history: what was published before this program started. It waits for a
// gateway that is not there yet.
func (p *publisher) known(ctx context.Context, topic string) (map[string]bool, error) {
	keys := map[string]bool{}
	since, wait := "all", p.backoff
	for {
		page, err := p.poll(ctx, topic, since)
		if err != nil {
			if page == nil {
				return nil, err
			}
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(wait):
				wait = min(2*wait, maxBackoff)
			}
			continue
		}
		for _, it := range page.Items {
			if it.Key != "" {
				keys[it.Key] = true
			}
		}
		if !page.More || page.Cursor == since {
			return keys, nil
		}
		since = page.Cursor
	}
}

// page is the part of a poll's answer that is used here.
type page struct {
	Cursor string `json:"cursor"`
	More   bool   `json:"more"`
	Items  []struct {
		Key string `json:"key"`
	} `json:"items"`
}

// poll reads one page. With an error, the page is nil if another attempt would fail as well.
func (p *publisher) poll(ctx context.Context, topic, since string) (*page, error) {
	address := p.gateway + "/topics/" + topic + "?since=" + url.QueryEscape(since)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	if p.secret != "" {
		req.Header.Set("Authorization", "Bearer "+p.secret)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return &page{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("read the history of %s: %s", topic, problem(resp))
		if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500 {
			return &page{}, err
		}
		return nil, err
	}
	var answer page
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&answer); err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", topic, err)
	}
	return &answer, nil
}
