package server

import (
	"testing"
	"testing/synctest"
	"time"

	"tidings/transport"
)

func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var open [len(transport.Kinds)]int
		asked := 0
		l := &limits{connections: 3, held: 1, open: func() [len(transport.Kinds)]int { asked++; return open }}
		take := func(kind transport.Kind, want bool) {
			t.Helper()
			p := l.take(kind)
			if (p == nil) != want {
				t.Fatalf("%s: %v", kind, p)
			}
			if p != nil && (p.kind != tooManyConnections || p.retry == 0) {
				t.Errorf("%v", p)
			}
		}
		take(transport.LongPoll, true)
		take(transport.LongPoll, false) // one may be held
		take(transport.SSE, true)
		take(transport.WebSocket, true)
		take(transport.Stream, false) // three may be open
		take(transport.Poll, true)    // a poll holds nothing
		if asked != 1 {
			t.Errorf("the gateway was asked %d times at one moment", asked)
		}
		open[transport.SSE] = 1 // the others have left
		take(transport.WebSocket, false)
		time.Sleep(refresh)
		take(transport.WebSocket, true)
		take(transport.LongPoll, true)
		take(transport.WebSocket, false)
	})
}

func TestLimitAnswer(t *testing.T) {
	s := start(t, Options{Connections: 1})
	resp := s.open("GET", "/topics/a?transport=stream", nil)
	defer resp.Body.Close()
	a := s.ask("GET", "/topics/a?wait=5", "")
	if a.code(t) != "limit" || a.status != 503 || a.header.Get("Retry-After") != "5" {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	if a := s.ask("GET", "/topics/a", "", "Accept: text/event-stream"); a.status != 200 || a.header.Get("Content-Length") == "0" {
		t.Errorf("an EventSource would never come back: %d %s", a.status, a.body)
	}
	if a := s.ask("GET", "/topics/a", ""); a.status != 200 {
		t.Errorf("a plain poll holds nothing: %d %s", a.status, a.body)
	}
}
