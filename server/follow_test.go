package server

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"tidings/gateway"
	"tidings/transport"
	"tidings/transport/websocket"
)

func TestFollowParameters(t *testing.T) {
	s, fakes := startFakes(t, Options{Node: "n1"})
	tests := []struct {
		name   string
		target string
		fields string
		kind   transport.Kind
		want   string // what show says
	}{
		{"poll", "/topics/a", "", transport.Poll, "a@all"},
		{"pattern", "/topics/a/*", "", transport.Poll, "a/*@all wrap"},
		{"encoded", "/topics/a/%2A%2A?since=now", "", transport.Poll, "a/**@now wrap"},
		{"encoded letters", "/topics/%C3%A9%20+", "", transport.Poll, "é +@all"},
		{"long poll", "/topics/a?wait=25", "", transport.LongPoll, "a@now wait=25s"},
		{"long poll of part of a second", "/topics/a?wait=0.5", "", transport.LongPoll, "a@now wait=500ms"},
		{"wait has an end", "/topics/a?wait=1e99", "", transport.LongPoll, "a@now wait=55s"},
		{"no wait", "/topics/a?wait=0", "", transport.Poll, "a@all"},
		{"long poll by name", "/topics/a?transport=longpoll", "", transport.LongPoll, "a@now wait=55s"},
		{"SSE", "/topics/a", "Accept: text/event-stream", transport.SSE, "a@now session"},
		{"SSE resumes", "/topics/a?since=all", "Accept: text/event-stream\nLast-Event-ID: aaaaaaaa-7", transport.SSE, "a@aaaaaaaa-7 session"},
		{"only SSE resumes so", "/topics/a?since=all", "Last-Event-ID: aaaaaaaa-7", transport.Poll, "a@all"},
		{"SSE enveloped", "/topics/a?wrap=1", "Accept: text/event-stream", transport.SSE, "a@now wrap session"},
		{"NDJSON", "/topics/a?transport=stream", "", transport.Stream, "a@now application/x-ndjson session"},
		{"multipart", "/topics/a", "Accept: multipart/mixed", transport.Stream, "a@now multipart/mixed session"},
		{"WebSocket", "/topics/a", upgrade, transport.WebSocket, "a@now session upstream"},
		{"WebSocket enveloped", "/topics/a", upgrade + "\nSec-WebSocket-Protocol: x, tidings.v1", transport.WebSocket, "a@now wrap session upstream"},
		{"WebSocket without topics", "/topics", upgrade + "\nSec-WebSocket-Protocol: tidings.v1", transport.WebSocket, "wrap session upstream"},
		{"several", "/topics?topic=a&topic=b/*", "", transport.Poll, "a@all b/*@all wrap"},
		{"since for each", "/topics?topic=a&since=last:3&topic=b&since=aaaaaaaa-9", "", transport.Poll, "a@last:3 b@aaaaaaaa-9 wrap"},
		{"since for all", "/topics?topic=a&topic=b&since=latest", "", transport.Poll, "a@last:1 b@last:1 wrap"},
		{"since for one of two", "/topics?topic=a&topic=b&since=now&since=", "", transport.Poll, "a@now b@all wrap"},
		{"since a time", "/topics/a?since=2026-11-21T08:00:00%2B02:00", "", transport.Poll, "a@time"},
		{"since a time, its plus not encoded", "/topics/a?since=2026-11-21T08:00:00+02:00", "", transport.Poll, "a@time"},
		{"limit", "/topics/a?limit=7", "", transport.Poll, "a@all limit=7"},
		{"limit has an end", "/topics/a?limit=99999999999999999999999", "", transport.Poll, "a@all"},
		{"ping", "/topics/a?ping=1500", "Accept: text/event-stream", transport.SSE, "a@now ping=1.5s session"},
		{"ping at least", "/topics/a?ping=1", "Accept: text/event-stream", transport.SSE, "a@now ping=1s session"},
		{"ping at most", "/topics/a?ping=99999999999999999999999", "Accept: text/event-stream", transport.SSE, "a@now session"},
		{"tick", "/topics/a?tick=300&wrap=1", "Accept: text/event-stream", transport.SSE, "a@now wrap tick=300ms session"},
		{"tick at least", "/topics/a?tick=1", "Accept: application/x-ndjson", transport.Stream, "a@now application/x-ndjson tick=50ms session"},
		{"tick at most", "/topics/a?tick=99999999999999999999999", upgrade, transport.WebSocket, "a@now tick=2s session upstream"},
		{"prelude", "/topics/a?prelude=1&transport=stream", "", transport.Stream, "a@now application/x-ndjson prelude session"},
		{"session", "/topics/a?session=abc-DEF_123", "", transport.Poll, "a@all session"},
		{"what nobody knows", "/topics/a?colour=red", "", transport.Poll, "a@all"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var fields []string
			if test.fields != "" {
				fields = strings.Split(test.fields, "\n")
			}
			a := s.ask("GET", test.target, "", fields...)
			kind, got := served(t, fakes)
			if got == nil {
				t.Fatalf("%d %s", a.status, a.body)
			}
			if kind != test.kind || show(got) != test.want {
				t.Errorf("%s: %s\nwant %s: %s", kind, show(got), test.kind, test.want)
			}
			if got.Node != "n1" || got.PollMS != 5000 || len(got.Offer.Transports) != 5 || got.Start == nil {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestFollowBody(t *testing.T) {
	s, fakes := startFakes(t, Options{})
	tests := []struct {
		name, body, fields string
		kind               transport.Kind
		want               string
	}{
		{"one", `{"follow":[{"topic":"a"}]}`, "", transport.Poll, "a@all"},
		{"since", `{"follow":[{"topic":"a","since":"now"},{"topic":"b/*"}]}`, "", transport.Poll, "a@now b/*@all wrap"},
		{"numbers", `{"follow":[{"topic":"a"}],"wait":10,"limit":5,"wrap":true}`, "", transport.LongPoll, "a@now wrap wait=10s limit=5"},
		{"texts", `{"follow":[{"topic":"a"}],"wait":"10","limit":"5","wrap":"1"}`, "", transport.LongPoll, "a@now wrap wait=10s limit=5"},
		{"nulls", `{"follow":[{"topic":"a","since":null}],"wait":null,"session":null,"transport":null}`, "", transport.Poll, "a@all"},
		{"transport", `{"follow":[{"topic":"a"}],"transport":"sse","session":"x","n":3,"ping":2000,"tick":100}`, "", transport.SSE, "a@now ping=2s tick=100ms session"},
		{"Accept", `{"follow":[{"topic":"a"}]}`, "Accept: application/x-ndjson", transport.Stream, "a@now application/x-ndjson session"},
		{"topics that a URL cannot say well", `{"follow":[{"topic":"a?b#c%2F"}]}`, "", transport.Poll, "a?b#c%2F@all"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, kind := range []string{"application/json", "text/plain;charset=UTF-8"} {
				fields := []string{"Content-Type: " + kind}
				if test.fields != "" {
					fields = append(fields, test.fields)
				}
				a := s.ask("POST", "/follow", test.body, fields...)
				got, r := served(t, fakes)
				if r == nil {
					t.Fatalf("%d %s", a.status, a.body)
				}
				if got != test.kind || show(r) != test.want {
					t.Errorf("%s: %s\nwant %s: %s", got, show(r), test.kind, test.want)
				}
			}
		})
	}
}

func TestFollowBodyIsAQuery(t *testing.T) {
	s, fakes := startFakes(t, Options{})
	for _, kind := range []string{"Content-Type: text/plain", "Content-Type: application/x-www-form-urlencoded", "Accept: */*"} {
		a := s.ask("POST", "/follow", "transport=sse&topic=a&topic=b%2f*&since=all&since=now&tick=100", kind)
		got, r := served(t, fakes)
		if r == nil {
			t.Fatalf("%s: %d %s", kind, a.status, a.body)
		}
		if want := "a@all b/*@now wrap tick=100ms session"; got != transport.SSE || show(r) != want {
			t.Errorf("%s: %s: %s\nwant %s", kind, got, show(r), want)
		}
	}
	for body, code := range map[string]string{"": "bad_request", "transport=sse": "bad_request", "topic=a&transport=websocket": "invalid_parameter", "topic=%zz": "bad_request"} {
		if a := s.ask("POST", "/follow", body, "Content-Type: text/plain"); a.code(t) != code {
			t.Errorf("%q: %d %s", body, a.status, a.body)
		}
	}
}

func TestFollowRefuses(t *testing.T) {
	many := "/topics?" + strings.Repeat("topic=a&", 101)
	tests := []struct {
		name   string
		target string // GET, or "body: …" for POST /follow
		fields string
		status int
		code   string
	}{
		{"no topic", "/topics", "", 400, "bad_request"},
		{"no topic in the path", "/topics/", "", 400, "invalid_topic"},
		{"two places for topics", "/topics/a?topic=b", "", 400, "bad_request"},
		{"reserved", "/topics/$a", "", 403, "reserved_topic"},
		{"reserved among others", "/topics?topic=a&topic=$b/*", "", 403, "reserved_topic"},
		{"encoded slash", "/topics/a%2fb", "", 400, "invalid_topic"},
		{"double slash", "/topics/a//b", "", 400, "invalid_topic"},
		{"line feed", "/topics/a%0d%0ab", "", 400, "invalid_topic"},
		{"** before the end", "/topics/**/a", "", 400, "invalid_topic"},
		{"too many", many, "", 400, "too_many_topics"},
		{"since", "/topics/a?since=yesterday", "", 400, "invalid_since"},
		{"since of a huge number", "/topics/a?since=aaaaaaaa-99999999999999999999", "", 400, "invalid_since"},
		{"since below zero", "/topics/a?since=aaaaaaaa--1", "", 400, "invalid_since"},
		{"last of a huge number", "/topics/a?since=last:99999999999999999999", "", 400, "invalid_since"},
		{"last of nothing", "/topics/a?since=last:0", "", 400, "invalid_since"},
		{"duration below zero", "/topics/a?since=-5m", "", 400, "invalid_since"},
		{"too many since", "/topics/a?since=now&since=all", "", 400, "invalid_since"},
		{"too few since", "/topics?topic=a&topic=b&topic=c&since=now&since=all", "", 400, "invalid_since"},
		{"Last-Event-ID", "/topics/a", "Accept: text/event-stream\nLast-Event-ID: 17", 400, "invalid_since"},
		{"wait", "/topics/a?wait=long", "", 400, "invalid_parameter"},
		{"wait below zero", "/topics/a?wait=-1", "", 400, "invalid_parameter"},
		{"wait of no number", "/topics/a?wait=NaN", "", 400, "invalid_parameter"},
		{"wait without end", "/topics/a?wait=inf", "", 400, "invalid_parameter"},
		{"limit", "/topics/a?limit=0", "", 400, "invalid_parameter"},
		{"limit below zero", "/topics/a?limit=-1", "", 400, "invalid_parameter"},
		{"ping", "/topics/a?ping=often", "", 400, "invalid_parameter"},
		{"tick", "/topics/a?tick=soon", "", 400, "invalid_parameter"},
		{"prelude", "/topics/a?prelude=long", "", 400, "invalid_parameter"},
		{"blind", "/topics/a?blind=half", "", 400, "invalid_parameter"},
		{"wrap", "/topics/a?wrap=maybe", "", 400, "invalid_parameter"},
		{"session", "/topics/a?session=a%0ab", "", 400, "invalid_parameter"},
		{"long session", "/topics/a?session=" + strings.Repeat("a", 65), "", 400, "invalid_parameter"},
		{"transport", "/topics/a?transport=pigeon", "", 400, "invalid_parameter"},
		{"WebSocket without upgrade", "/topics/a?transport=websocket", "", 426, "upgrade_required"},
		{"WebSocket without topics", "/topics", upgrade, 400, "bad_request"},
		{"WebSocket of another version", "/topics/a", "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 8\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", 426, "upgrade_required"},
		{"WebSocket without key", "/topics/a", "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13", 400, "bad_request"},
		{"query", "/topics/a?since=%", "", 400, "bad_request"},
		{"body", "body: {", "Content-Type: application/json", 400, "bad_request"},
		{"junk after it", `body: {"follow":[{"topic":"a"}]} x`, "Content-Type: application/json", 400, "bad_request"},
		{"array", "body: []", "Content-Type: application/json", 400, "bad_request"},
		{"null", "body: null", "Content-Type: application/json", 400, "bad_request"},
		{"nothing to follow", `body: {"follow":[]}`, "Content-Type: application/json", 400, "bad_request"},
		{"topic of another kind", `body: {"follow":[{"topic":7}]}`, "Content-Type: application/json", 400, "bad_request"},
		{"object as number", `body: {"follow":[{"topic":"a"}],"wait":{}}`, "Content-Type: application/json", 400, "bad_request"},
		{"boolean as wait", `body: {"follow":[{"topic":"a"}],"wait":true}`, "Content-Type: application/json", 400, "invalid_parameter"},
		{"WebSocket by POST", `body: {"follow":[{"topic":"a"}],"transport":"websocket"}`, "Content-Type: application/json", 400, "invalid_parameter"},
		{"picture", `body: {"follow":[{"topic":"a"}]}`, "Content-Type: image/png", 415, "unsupported_media_type"},
		{"large body", "body: " + strings.Repeat(" ", followBytes+1), "Content-Type: text/plain", 413, "too_large"},
	}
	s := start(t, Options{})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			method, target, body := "GET", test.target, ""
			if text, ok := strings.CutPrefix(target, "body: "); ok {
				method, target, body = "POST", "/follow", text
			}
			var fields []string
			if test.fields != "" {
				fields = strings.Split(test.fields, "\n")
			}
			a := s.ask(method, target, body, fields...)
			if code := a.code(t); a.status != test.status || code != test.code {
				t.Errorf("%d %s, want %d %s: %s", a.status, code, test.status, test.code, a.body)
			}
		})
	}
}

func TestTransportOff(t *testing.T) {
	s := start(t, Options{Off: []transport.Kind{transport.WebSocket, transport.SSE, transport.LongPoll}})
	for name, fields := range map[string][]string{
		"/topics/a?x=sse":             {"Accept: text/event-stream"},
		"/topics/a?x=websocket":       strings.Split(upgrade, "\n"),
		"/topics/a?wait=5":            nil,
		"/topics/a?transport=sse":     nil,
		"/topics?transport=websocket": nil,
	} {
		a := s.ask("GET", name, "", fields...)
		var p struct{ Offer transport.Offer }
		if a.code(t) != "transport_off" || a.status != http.StatusNotAcceptable {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		a.decode(t, &p)
		if strings.Join(p.Offer.Transports, " ") != "stream poll" {
			t.Errorf("%s says that there are %v", name, p.Offer)
		}
	}
	if got := s.Stats().Refusals["transport_off"]; got != 5 {
		t.Errorf("%d refusals were counted", got)
	}
}

// TestPlainEventSource: what is worth trying again is answered so that an EventSource tries again, and nothing else is.
func TestPlainEventSource(t *testing.T) {
	s, fakes := startFakes(t, Options{})
	sse := fakes[transport.SSE]
	for _, err := range []error{gateway.ErrClosed, gateway.ErrBusy, errors.New("anything")} {
		sse.fail(err)
		a := s.ask("GET", "/topics/a", "", "Accept: text/event-stream")
		if a.status != http.StatusOK || a.header.Get("Content-Type") != "text/event-stream" || !strings.Contains(a.body, "\nretry: ") || !strings.HasSuffix(a.body, "\n\n") {
			t.Errorf("%v: %d %v %q", err, a.status, a.header, a.body)
		}
		if strings.Contains(a.body, "anything") {
			t.Errorf("%q lets out what stays inside", a.body)
		}
	}
	sse.fail(gateway.ErrTooManyTopics)
	if a := s.ask("GET", "/topics/a", "", "Accept: text/event-stream"); a.code(t) != "too_many_topics" {
		t.Errorf("%d %s", a.status, a.body)
	}
	fakes[transport.Stream].fail(gateway.ErrClosed)
	if a := s.ask("GET", "/topics/a?transport=stream", ""); a.code(t) != "draining" || a.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestPollAnswers(t *testing.T) {
	s := start(t, Options{})
	s.ask("POST", "/topics/a", "1")
	first := s.ask("GET", "/topics/a", "")
	cursor := s.Gateway().Epoch() + "-1"
	if first.header.Get("ETag") != `W/"`+cursor+`"` || first.header.Get("Tidings-Cursor") != cursor || first.header.Get("Content-Length") == "" {
		t.Errorf("%v", first.header)
	}
	if a := s.ask("GET", "/topics/a", "", "If-None-Match: "+first.header.Get("ETag")); a.status != http.StatusNotModified || a.body != "" {
		t.Errorf("%d %s", a.status, a.body)
	}
	a := s.ask("GET", "/topics/a?wait=0.001&since="+cursor, "")
	if a.status != http.StatusOK || !strings.Contains(a.body, `"items":[]`) || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	if p := s.poll("/topics/a?limit=1&since=all"); len(p.Items) != 1 || p.Cursor != cursor {
		t.Errorf("%+v", p)
	}
}

// TestStreams publishes to followers on every transport that streams.
func TestStreams(t *testing.T) {
	s := start(t, Options{})
	for accept, want := range map[string]string{
		"text/event-stream": "data: rain", "application/x-ndjson": `"data":"rain"`, "multipart/mixed": "rain",
	} {
		t.Run(accept, func(t *testing.T) {
			resp := s.open("GET", "/topics/a?since=all", nil, "Accept: "+accept, "Origin: "+s.url)
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), accept) {
				t.Fatalf("%d %v", resp.StatusCode, resp.Header)
			}
			if resp.Header.Get("Access-Control-Allow-Origin") != s.url {
				t.Errorf("the fields that the server adds are lost: %v", resp.Header)
			}
			s.ask("POST", "/topics/a", "rain")
			for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
				if strings.Contains(lines.Text(), want) {
					return
				}
			}
			t.Errorf("it ended without %s", want)
		})
	}
}

// TestUpstream follows and publishes over a WebSocket.
func TestUpstream(t *testing.T) {
	s := start(t, Options{PublishKeys: []string{"k1"}})
	c, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(s.url, "http")+"/topics", nil, []string{websocket.Protocol})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(1000, "")
	next := func() map[string]any {
		t.Helper()
		b, _, err := c.Read()
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		return m
	}
	ack := func(send string) map[string]any {
		t.Helper()
		if err := c.Write([]byte(send), true); err != nil {
			t.Fatal(err)
		}
		for {
			if a, ok := next()["ack"].(map[string]any); ok {
				return a
			}
		}
	}
	code := func(a map[string]any) any {
		e, _ := a["error"].(map[string]any)
		return e["code"]
	}
	if got := code(ack(`{"id":1,"follow":[{"topic":"$a"}]}`)); got != "reserved_topic" {
		t.Errorf("%v", got)
	}
	if got := code(ack(`{"id":1,"follow":[]}`)); got != "bad_request" {
		t.Errorf("%v", got)
	}
	if a := ack(`{"id":2,"follow":[{"topic":"a"}]}`); a["at"] == nil {
		t.Errorf("%v", a)
	}
	if got := code(ack(`{"id":3,"publish":{"topic":"a","data":"x"}}`)); got != "unauthorized" {
		t.Errorf("without a key: %v", got)
	}
	if got := code(ack(`{"id":4,"token":"k2"}`)); got != "unauthorized" {
		t.Errorf("a wrong key: %v", got)
	}
	if a := ack(`{"id":5,"token":"k1"}`); a["error"] != nil {
		t.Errorf("the right key: %v", a)
	}
	if got := code(ack(`{"id":6,"publish":{"topic":"a/*","data":"x"}}`)); got != "invalid_topic" {
		t.Errorf("%v", got)
	}
	a := ack(`{"id":"seven","publish":{"topic":"a","data":"x","idempotency_key":"k"}}`)
	if a["id"] != "seven" || a["seq"] != 1.0 || a["topic"] != "a" || a["durability"] != "memory" || a["duplicate"] != false || a["status"] != nil {
		t.Errorf("%v", a)
	}
	// The same credential by another way has the same idempotency keys.
	if a := s.ask("POST", "/topics/a", "x", "Authorization: Bearer k1", "Idempotency-Key: k"); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestChoicesAreCounted(t *testing.T) {
	s, _ := startFakes(t, Options{})
	s.ask("GET", "/topics/a", "")
	s.ask("GET", "/topics/a", "", "Accept: text/event-stream")
	s.ask("GET", "/topics/a?transport=sse", "")
	got := map[string]uint64{}
	for _, c := range s.choices() {
		if c.Count > 0 {
			got[c.Transport+" "+c.Cause] = c.Count
		}
	}
	if want := map[string]uint64{"poll default": 1, "sse accept": 1, "sse parameter": 1}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestGetWithBody: a stream would leave the body on the connection, to be taken for what comes next.
func TestGetWithBody(t *testing.T) {
	s := start(t, Options{})
	for _, path := range []string{"/topics/a", "/topics?topic=a", "/topics/a?transport=sse"} {
		if a := s.ask("GET", path, "GET /metrics HTTP/1.1\r\n\r\n"); a.code(t) != "bad_request" {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
}
