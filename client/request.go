package client

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"tidings/transport"
)

// pollWait is how many seconds a poll asks to be held.
const pollWait = 25

// maxQuery bounds a query; what is longer goes into the body of POST /follow. Proxies cut at 8 KB or 4 KB.
const maxQuery = 3500

// query says what is followed, from where, and by which transport.
func (f *following) query(kind transport.Kind) url.Values {
	q := url.Values{"transport": {kind.String()}}
	since := f.reader.since()
	for _, follow := range f.reader.follows {
		q.Add("topic", follow.pattern.String())
	}
	q["since"] = since
	switch kind {
	case transport.LongPoll:
		q.Set("wait", strconv.Itoa(pollWait))
	case transport.SSE, transport.WebSocket:
		q.Set("wrap", "1")
	}
	return q
}

// request asks to follow over HTTP.
func (f *following) request(ctx context.Context, kind transport.Kind) (*http.Request, error) {
	q := f.query(kind)
	if len(q.Encode()) <= maxQuery {
		return http.NewRequestWithContext(ctx, http.MethodGet, f.c.url("", q), nil)
	}
	body := struct {
		Follow    []transport.FollowItem `json:"follow"`
		Transport string                 `json:"transport"`
		Wait      int                    `json:"wait,omitempty"`
	}{Transport: kind.String()}
	since := f.reader.since()
	for i, follow := range f.reader.follows {
		body.Follow = append(body.Follow, transport.FollowItem{Topic: follow.pattern.String(), Since: since[i]})
	}
	if kind == transport.LongPoll {
		body.Wait = pollWait
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	u := *f.c.base
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.JoinPath("follow").String(), bytes.NewReader(text))
	if err == nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, err
}
