package server

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"tidings/gateway"
	"tidings/transport"
)

const label = "0123456789abcdef0123456789abcdef"

// waysIn are how requests of the same meaning come: read by the loops, by net/http, and as POST /follow.
var waysIn = map[string]func(query string) string{
	"loops":    func(query string) string { return atLoops("/topics/a?"+query, "") },
	"net/http": func(query string) string { return atHTTP("/topics/a?"+query, "") },
	"POST /follow": func(query string) string {
		body := `{"follow":[{"topic":"a"}]`
		for pair := range strings.SplitSeq(query, "&") {
			name, value, _ := strings.Cut(pair, "=")
			body += fmt.Sprintf(",%q:%q", name, value)
		}
		body += "}"
		return fmt.Sprintf("POST /follow HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	},
}

// awaitClosed waits until n followers of a kind's class were ended for a reason.
func (s *site) awaitClosed(class uint8, reason gateway.Reason, n uint64) {
	s.t.Helper()
	s.await(func() bool { return s.Gateway().Stats().Classes[class].Closed[reason] == n })
}

// await waits until something holds that shards say at the end of a turn.
func (s *site) await(holds func() bool) {
	s.t.Helper()
	for !holds() {
		s.ask("GET", "/livez", "") // takes a moment
	}
}

// gauge returns how many followers there are, as metrics have it.
func (s *site) gauge(kind transport.Kind) int { return s.gatewayStats().Classes[kind].Followers }

// TestANewerPollEndsTheHeldOne, whichever way they come: it is answered with its position, and its connection goes on.
func TestANewerPollEndsTheHeldOne(t *testing.T) {
	for name, ask := range waysIn {
		t.Run(name, func(t *testing.T) {
			s := start(t, Options{})
			cursor := s.Gateway().Epoch() + "-0"
			older, newer := s.connect(), s.connect()
			older.send(ask("session=" + label + "&n=1&wait=50"))
			s.awaitFollowers("a", 1)
			newer.send(ask("session=" + label + "&n=2&wait=50"))
			resp, body := older.answer()
			if resp.StatusCode != http.StatusOK || !strings.Contains(body, `"cursor":"`+cursor+`","items":[],"more":false`) {
				t.Errorf("the older: %d %s", resp.StatusCode, body)
			}
			// Sent twice, it is answered and the newer goes on.
			older.send(ask("session=" + label + "&n=2&wait=50"))
			if _, body := older.answer(); !strings.Contains(body, `"items":[]`) {
				t.Errorf("sent twice: %s", body)
			}
			older.send(ask("session=" + label + "&n=1&wait=50"))
			if _, body := older.answer(); !strings.Contains(body, `"items":[]`) {
				t.Errorf("late: %s", body)
			}
			s.awaitFollowers("a", 1)
			if n := s.gauge(transport.LongPoll); n != 1 {
				t.Errorf("%d clients poll", n)
			}
			s.await(func() bool { return s.Stats().HeldPolls == 1 })
			s.ask("POST", "/topics/a", "one")
			if _, body := newer.answer(); !strings.Contains(body, `"one"`) {
				t.Errorf("the newer: %s", body)
			}
			if n := s.gauge(transport.LongPoll); n != 1 {
				t.Errorf("%d clients poll between two polls", n)
			}
			older.send(ask("session=" + label + "&transport=poll"))
			older.answer()
			if long, plain := s.gauge(transport.LongPoll), s.gauge(transport.Poll); long != 0 || plain != 1 {
				t.Errorf("%d and %d clients poll, who is one", long, plain)
			}
		})
	}
}

// TestAStreamEndsTheHeldPoll of its session, whatever kind of stream; who moved is one follower.
func TestAStreamEndsTheHeldPoll(t *testing.T) {
	for _, c := range []struct {
		kind   transport.Kind
		fields string
	}{
		{transport.SSE, "Accept: text/event-stream\r\n"},
		{transport.Stream, "Accept: application/x-ndjson\r\n"},
		{transport.WebSocket, strings.ReplaceAll(upgrade, "\n", "\r\n") + "\r\n"},
	} {
		for way, ask := range map[string]func(string, string) string{"loops": atLoops, "net/http": atHTTP} {
			t.Run(fmt.Sprint(c.kind, way), func(t *testing.T) {
				t.Parallel() // each waits for the grace
				s := start(t, Options{})
				poll, stream, next := s.connect(), s.connect(), s.connect()
				poll.send(ask("/topics/a?wait=50&n=1&session="+label, ""))
				s.awaitFollowers("a", 1)
				stream.send(ask("/topics/a?wrap=1&n=2&session="+label, c.fields))
				if _, body := poll.answer(); !strings.Contains(body, `"items":[]`) {
					t.Error(body)
				}
				until(t, stream.in, `"hello"`)
				s.awaitFollowers("a", 1)
				s.await(func() bool { return s.gauge(c.kind) == 1 })
				if n := s.gauge(transport.LongPoll); n != 0 {
					t.Errorf("%d poll", n)
				}
				next.send(ask("/topics/a?wrap=1&n=3&session="+label, c.fields))
				if bye := until(t, stream.in, `"replaced"`); !strings.Contains(bye, `"bye":{"code":4506,`) {
					t.Error(bye)
				}
				until(t, next.in, `"hello"`)
				s.awaitClosed(uint8(c.kind), gateway.ReasonReplaced, 1)
				s.ask("POST", "/topics/a", "one")
				until(t, next.in, "one")
			})
		}
	}
}

// TestSessionsOfOthers: what another says ends nothing, and short labels never do.
func TestSessionsOfOthers(t *testing.T) {
	s := start(t, Options{})
	held, short, other := s.connect(), s.connect(), s.connect()
	held.send(atLoops("/topics/a?wait=50&n=1&session="+label, ""))
	short.send(atLoops("/topics/a?wait=50&n=1&session=short", ""))
	s.awaitFollowers("a", 2)
	for _, session := range []string{"short", label + "0", strings.ToUpper(label)} {
		other.send(atLoops("/topics/a?n=9&session="+session, ""))
		other.answer()
	}
	if n := s.Gateway().Stats().Classes[transport.SessionPoll].Closed[gateway.ReasonReplaced]; n != 0 {
		t.Errorf("%d were ended by others", n)
	}
	s.ask("POST", "/topics/a", "one")
	for _, r := range []*reader{held, short} {
		if _, body := r.answer(); !strings.Contains(body, "one") {
			t.Error(body)
		}
	}
}

func TestSessionRefusals(t *testing.T) {
	s := start(t, Options{})
	for _, query := range []string{"n=0", "n=-1", "n=4294967296", "n=1.5", "n=x", "session=a.b", "session=" + strings.Repeat("a", 65)} {
		if a := s.ask("GET", "/topics/a?"+query, ""); a.status != http.StatusBadRequest || a.code(t) != "invalid_parameter" {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
}

// TestWhoStaysAwayIsNoFollower, and what metrics say of it.
func TestWhoStaysAwayIsNoFollower(t *testing.T) {
	s := start(t, Options{PollAway: 100 * time.Millisecond, PollInterval: time.Millisecond})
	s.ask("GET", "/topics/a?session="+label, "")
	r := s.connect()
	r.send(atLoops("/topics/a?wait=50&session=another", ""))
	s.awaitFollowers("a", 1)
	const long, plain = `tidings_followers{transport="longpoll"}`, `tidings_followers{transport="poll"}`
	s.awaitMetrics(long+" 1", plain+" 0")
	r.Close() // in mid-hold
	s.awaitMetrics(long+" 0", plain+" 0")
}

// awaitMetrics waits until metrics have these lines.
func (s *site) awaitMetrics(lines ...string) {
	s.t.Helper()
	for {
		have := true
		text := s.ask("GET", "/metrics", "").body
		for _, line := range lines {
			have = have && strings.Contains(text, "\n"+line+"\n")
		}
		if have {
			return
		}
	}
}

// TestSessionsCostAPollNothing: beside what a held poll of nobody's takes, one of a known session allocates no more.
func TestSessionsCostAPollNothing(t *testing.T) {
	more := 0.5
	if racing {
		more = 4 // pools forget now and then
	}
	s := start(t, Options{})
	s.ask("POST", "/topics/a", "one")
	c := s.connect()
	since := "&wait=50&since=" + s.Gateway().Epoch() + "-0"
	of := func(query string) float64 {
		n := 0
		return testing.AllocsPerRun(500, func() {
			n++
			c.send(atLoops("/topics/a?transport=longpoll"+strings.ReplaceAll(query, "#", fmt.Sprint(1000+n)), ""))
			if line, err := c.in.ReadString('\n'); err != nil || !strings.Contains(line, "200") {
				t.Fatal(line, err)
			}
			until(t, bufio.NewReader(c.in), `"poll_ms"`)
			_, _ = c.in.Discard(c.in.Buffered())
		})
	}
	of(since)
	without, with := of("&session=&n=#"+since), of("&session="+label+"&n=#"+since)
	t.Logf("%v and with a session %v", without, with)
	if with > without+more {
		t.Errorf("%v allocations, %v with a session", without, with)
	}
}

// TestANewerPollEndsTheHeldOneInAHandler: so it is where a handler's goroutine waits for the answer.
func TestANewerPollEndsTheHeldOneInAHandler(t *testing.T) {
	s := startAs(t, Options{}, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(struct{ http.ResponseWriter }{w}, r) // it cannot be hijacked
		})
	})
	older, newer := s.connect(), s.connect()
	older.send(atLoops("/topics/a?wait=50&n=1&session="+label, ""))
	s.awaitFollowers("a", 1)
	newer.send(atLoops("/topics/a?wait=50&n=2&session="+label, ""))
	if _, body := older.answer(); !strings.Contains(body, `"items":[]`) {
		t.Error(body)
	}
	s.awaitFollowers("a", 1)
	s.ask("POST", "/topics/a", "one")
	if _, body := newer.answer(); !strings.Contains(body, "one") {
		t.Error(body)
	}
}
