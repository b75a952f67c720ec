package server

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"tidings/gateway"
	"tidings/transport"
)

// TestBlind: who cannot see a status hears all the same what is wrong, and nothing changes where nothing is.
func TestBlind(t *testing.T) {
	s, fakes := startFakes(t, Options{Off: []transport.Kind{transport.LongPoll}, PublishKeys: []string{"key"}})
	fakes[transport.SSE].fail(gateway.ErrClosed)
	const key = "Authorization: Bearer key"
	for _, c := range []struct{ method, target, body, field, code string }{
		{"GET", "/topics/a?since=never&blind=1", "", "", "invalid_since"},
		{"GET", "/topics/a?since=never&blind=true", "", "", "invalid_since"},
		{"GET", "/topics/a?since=now&since=now&blind=1", "", "", "invalid_since"},
		{"GET", "/topics/a//b?blind=1", "", "", "invalid_topic"},
		{"GET", "/topics/a?transport=longpoll&blind=1", "", "", "transport_off"},
		{"GET", "/topics/a?transport=stream&blind=1&tick=no", "", "", "invalid_parameter"},
		{"GET", "/topics/a?transport=sse&blind=1", "", "", "draining"},
		{"GET", "/nothing?blind=1", "", "", "not_found"},
		{"POST", "/follow?blind=1", "{", "Content-Type: text/plain", "bad_request"},
		{"POST", "/follow", `{"follow":[],"blind":1}`, "Content-Type: text/plain", "bad_request"},
		{"POST", "/follow", `{"follow":[{"topic":"a"}],"transport":"sse","blind":true}`, "Content-Type: text/plain", "draining"},
		{"POST", "/topics/a?blind=1", "x", "", "unauthorized"},
		{"POST", "/topics/a?blind=1&ttl=never", "x", key, "invalid_ttl"},
		{"POST", "/topics?blind=1", "{", key, "unsupported_media_type"},
	} {
		var fields []string
		if c.field != "" {
			fields = append(fields, c.field)
		}
		before := s.Stats().Refusals[c.code]
		a := s.ask(c.method, c.target, c.body, fields...)
		var got struct{ Error problemJSON }
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != http.StatusOK {
			t.Fatalf("%s %s: %v, %d %s", c.method, c.target, err, a.status, a.body)
		}
		p := got.Error
		if p.Code != c.code || p.Status < 400 || p.Type != problemType+c.code || p.Title == "" || (p.RetryMS != 0) != (p.Status == 503) {
			t.Errorf("%s %s: %s", c.method, c.target, a.body)
		}
		if kind := a.header.Get("Content-Type"); kind != "application/json" || a.header.Get("Cache-Control") != "no-store" ||
			a.header.Get("X-Content-Type-Options") != "nosniff" || strings.Count(a.body, "\n") != 1 {
			t.Errorf("%s %s: %v, %q", c.method, c.target, a.header, a.body)
		}
		if s.Stats().Refusals[c.code] != before+1 {
			t.Errorf("%s %s: not counted as a refusal", c.method, c.target)
		}
	}
	for _, c := range []struct {
		method, target, field string
		status                int
	}{
		{"POST", "/topics/a?blind=1", key, http.StatusCreated},
		{"POST", "/topics/a?blind=0", "", http.StatusUnauthorized},
		{"HEAD", "/topics/$own?blind=1", "", http.StatusForbidden},
		{"GET", "/topics/a?blind=1;", "", http.StatusBadRequest}, // who knows what that means
	} {
		var fields []string
		if c.field != "" {
			fields = append(fields, c.field)
		}
		if a := s.ask(c.method, c.target, "", fields...); a.status != c.status {
			t.Errorf("%s %s: %d %s", c.method, c.target, a.status, a.body)
		}
	}
}
