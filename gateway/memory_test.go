package gateway

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// countLive counts the messages that h takes from here on and that the collector has not freed.
func countLive(h *history) (live *atomic.Int64, apply func()) {
	live = new(atomic.Int64)
	var seen *Message
	return live, func() {
		h.mu.RLock()
		defer h.mu.RUnlock()
		if m := h.newest.place.message; m != seen {
			live.Add(1)
			runtime.AddCleanup(m, func(n *atomic.Int64) { n.Add(-1) }, live)
		}
	}
}

// collect runs the collector until no more than most messages live. It gives up after a number of rounds.
func collect(live *atomic.Int64, most int64) int64 {
	for range 50 {
		runtime.GC()
		if live.Load() <= most {
			break
		}
		runtime.Gosched()
	}
	return live.Load()
}

// A message that is retained, or a marker, must not keep those that came after it in the log and have left the history.
func TestARetainedMessageKeepsNoOther(t *testing.T) {
	const many = 2000
	for name, first := range map[string]func(g *Gateway){
		"message": func(g *Gateway) { publish(t, g, "quiet", "stays") },
		"marker": func(g *Gateway) {
			if _, err := g.Delete(t.Context(), "quiet"); err != nil {
				t.Fatal(err)
			}
		},
		"before one with a TTL": func(g *Gateway) { publish(t, g, "busy", "stays") },
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, Options{Default: Retention{Messages: 10}})
			first(g)
			live, applied := countLive(g.history)
			p := newLinePeer()
			follow(t, g, p, "now", "busy")
			for i := range many {
				publish(t, g, "busy", fmt.Sprint(i))
				applied()
			}
			settle(t, g)
			// The ten retained, the last one walked and what the scratch of a shard holds.
			if n := collect(live, 20); n > 20 {
				t.Errorf("%d of %d messages are kept, though 10 are retained", n, many)
			}
			runtime.KeepAlive(g)
		})
	}
}

func TestAMessageKeepsNoneThatExpiredBehindIt(t *testing.T) {
	const many = 500
	g := newGateway(t, Options{})
	publish(t, g, "a", "stays")
	live, applied := countLive(g.history)
	for i := range many {
		if _, err := g.Publish(t.Context(), Draft{Topic: "a", Data: fmt.Append(nil, i), TTL: time.Hour}); err != nil {
			t.Fatal(err)
		}
		applied()
	}
	settle(t, g)
	g.history.expire(time.Now().Add(2 * time.Hour).UnixMilli())
	if got := read(t, g, "all", "a"); got != fmt.Sprintf("stays gap(a,2-%d,expired)", many+1) {
		t.Fatalf("retained: %s", got)
	}
	if n := collect(live, 5); n > 5 {
		t.Errorf("%d of %d expired messages are kept", n, many)
	}
	runtime.KeepAlive(g)
}

// A slow reader costs its position and at most one shared message, however much is published past it.
func TestStalledFollowersCostAPositionEach(t *testing.T) {
	t.Parallel()
	followers, messages, retained := 1000, 100_000, 100
	if testing.Short() {
		followers, messages = 100, 10_000
	}
	g := newGateway(t, Options{Default: Retention{Messages: retained}, HistoryBytes: 1 << 20})
	all := make([]*Follower, followers)
	for i := range all {
		p := newLinePeer()
		p.setRoom(i % 120 * 10) // some in the middle of a message, some between two
		all[i] = follow(t, g, p, "now", []string{"a", "*", "**"}[i%3])
	}
	live, applied := countLive(g.history)
	for i := range messages {
		publish(t, g, "a", fmt.Sprint(i))
		applied()
	}
	settle(t, g)
	if n := collect(live, int64(retained+10)); n > int64(retained+10) {
		t.Errorf("%d messages are kept, though %d are retained", n, retained)
	}
	if s, err := g.Stats(), recount(g); err != nil || s.HistoryBytes > s.HistoryLimit {
		t.Errorf("%d bytes of %d (%v)", s.HistoryBytes, s.HistoryLimit, err)
	}
	for _, f := range all {
		if x := f.more; x != nil && (x.pend.place != nil || len(x.replies) > 1 || len(x.main.holes) > 1 || len(x.rest) > 200) {
			t.Fatalf("a stalled follower keeps more than its position: %+v", f)
		}
	}
	for _, s := range g.shards {
		if !s.small.empty() || !s.large.empty() || len(s.inbox) > 0 || cap(s.inbox) > 10*followers {
			t.Errorf("something waits, with room for %d commands", cap(s.inbox))
		}
	}
	runtime.KeepAlive(g)
}

// Whoever is full for another reason than messages must not hold on to the log either.
func TestAFollowerThatIsFullHoldsNoLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{})
		p := newLinePeer()
		f := follow(t, g, p, "now", "a")
		synctest.Wait()
		p.setRoom(0)
		f.Reply(jsonReply("answer", Cursor{}))
		synctest.Wait()
		for i := range 3 {
			publish(t, g, "a", fmt.Sprint(i))
			synctest.Wait()
		}
		if f.more.pend != (pending{}) || f.audience.sweep != nil {
			t.Error("it holds what comes after")
		}
		p.setRoom(-1)
		f.Ready()
		synctest.Wait()
		if got, want := text(withoutLive(p.lines(t))), "reply(answer0) 0 1 2"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}
