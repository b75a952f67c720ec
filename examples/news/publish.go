package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// publisher posts messages to a gateway. It is written out here with nothing but net/http, so that it can be copied.
type publisher struct {
	gateway string // base URL, without a slash at its end
	secret  string // publish key, "" where the gateway needs none
	client  *http.Client
	backoff time.Duration // the first wait before a retry; doubles up to maxBackoff
}

const maxBackoff = 10 * time.Second

// publish posts body to topic, with the key that tells which item it is, and tries again until the gateway has taken it,
// has refused it for good, or ctx ends. The Idempotency-Key makes that safe: should an answer get lost, the second try is
// not stored again.
func (p *publisher) publish(ctx context.Context, topic, key string, body []byte) error {
	idempotencyKey := rand.Text()
	for wait := p.backoff; ; wait = min(2*wait, maxBackoff) {
		retryAfter, err := p.post(ctx, topic, key, idempotencyKey, body)
		if err == nil || retryAfter < 0 {
			return err
		}
		// Half of the wait is drawn by lot: many publishers must not come back in step.
		pause := max(retryAfter, wait/2+mathrand.N(wait/2+1))
		slog.Warn("publish again", "topic", topic, "in", pause.Round(time.Millisecond), "err", err)
		select {
		case <-ctx.Done():
			return fmt.Errorf("publish to %s: %w", topic, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// post makes one attempt. With an error, the duration says how long the gateway asked to wait at least, and is
// negative if another attempt would be refused as well.
func (p *publisher) post(ctx context.Context, topic, key, idempotencyKey string, body []byte) (time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.gateway+"/topics/"+topic, bytes.NewReader(body))
	if err != nil {
		return -1, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Tidings-Key", key)
	req.Header.Set("Idempotency-Key", idempotencyKey)
	if p.secret != "" {
		req.Header.Set("Authorization", "Bearer "+p.secret)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode < 300 {
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection is used again
		return 0, nil
	}
	err = fmt.Errorf("publish to %s: %s", topic, problem(resp))
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500 {
		seconds, _ := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 16)
		return time.Duration(seconds) * time.Second, err
	}
	return -1, err
}

// problem says in one line why the gateway refused: the detail of its problem document (RFC 9457), else the status.
func problem(resp *http.Response) string {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	var p struct{ Title, Detail, Code string }
	if json.Unmarshal(body, &p) != nil || p.Title+p.Detail == "" {
		return resp.Status
	}
	return strings.TrimSuffix(resp.Status+": "+p.Title+": "+p.Detail, ": ")
}
