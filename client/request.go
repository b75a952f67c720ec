package client

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"tidings/transport"
)

// How long polls ask to be held, in seconds. The first one of a connection is not: its answer says where "now" is, and that
// the transport works.
const (
	pollWait  = "25"
	firstWait = "0.001"
)

// maxQuery bounds a query; what is longer goes into the body of POST /follow. Proxies cut at 8 KB or 4 KB.
const maxQuery = 3500

// query says what is followed, from where, and by which transport; wait is for long polls.
func (f *following) query(kind transport.Kind, wait string) url.Values {
	q := url.Values{"transport": {kind.String()}}
	since := f.reader.since()
	for _, follow := range f.reader.follows {
		q.Add("topic", follow.pattern.String())
	}
	q["since"] = since
	switch kind {
	case transport.LongPoll:
		q.Set("wait", wait)
	case transport.SSE, transport.WebSocket:
		q.Set("wrap", "1")
	}
	return q
}

// request asks to follow over HTTP.
func (f *following) request(ctx context.Context, kind transport.Kind, wait string) (*http.Request, error) {
	q := f.query(kind, wait)
	if len(q.Encode()) <= maxQuery {
		return http.NewRequestWithContext(ctx, http.MethodGet, f.c.url("", q), nil)
	}
	body := struct {
		Follow    []transport.FollowItem `json:"follow"`
		Transport string                 `json:"transport"`
		Wait      json.Number            `json:"wait,omitempty"`
	}{Transport: kind.String()}
	since := f.reader.since()
	for i, follow := range f.reader.follows {
		body.Follow = append(body.Follow, transport.FollowItem{Topic: follow.pattern.String(), Since: since[i]})
	}
	if kind == transport.LongPoll {
		body.Wait = json.Number(wait)
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
