package client

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"tidings/transport"
)

func TestLadder(t *testing.T) {
	cut := errors.New("cut")
	dial := &net.OpError{Op: "dial", Err: cut}
	tests := []struct {
		name string
		ends func(l *ladder, now time.Time)
		want transport.Kind
	}{
		{"nothing bad", func(*ladder, time.Time) {}, transport.WebSocket},
		{"never spoke", func(l *ladder, now time.Time) { l.ended(transport.WebSocket, cut, false, false, now) }, transport.SSE},
		{"nobody there", func(l *ladder, now time.Time) { l.ended(transport.WebSocket, dial, false, false, now) }, transport.WebSocket},
		{"fell silent", func(l *ladder, now time.Time) { l.ended(transport.WebSocket, errSilent, true, true, now) }, transport.SSE},
		{"died young once", func(l *ladder, now time.Time) { l.ended(transport.WebSocket, cut, true, false, now) }, transport.WebSocket},
		{"died young twice", func(l *ladder, now time.Time) {
			l.ended(transport.WebSocket, cut, true, false, now)
			l.ended(transport.WebSocket, cut, true, false, now)
		}, transport.SSE},
		{"died old in between", func(l *ladder, now time.Time) {
			l.ended(transport.WebSocket, cut, true, false, now)
			l.ended(transport.WebSocket, cut, true, true, now)
			l.ended(transport.WebSocket, cut, true, false, now)
		}, transport.WebSocket},
		{"all failed", func(l *ladder, now time.Time) {
			for _, kind := range transport.Kinds {
				l.ended(kind, cut, false, false, now)
			}
		}, transport.Poll},
		{"a while ago", func(l *ladder, now time.Time) { l.ended(transport.WebSocket, cut, false, false, now.Add(-time.Hour)) }, transport.WebSocket},
		{"off", func(l *ladder, _ time.Time) { l.off(transport.WebSocket, nil) }, transport.SSE},
		{"off, and an offer", func(l *ladder, _ time.Time) { l.off(transport.WebSocket, []string{"poll"}) }, transport.Poll},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l, now := newLadder(transport.Kinds[:], time.Minute), time.Now()
			test.ends(l, now)
			if got := l.pick(now); got != test.want {
				t.Errorf("picks %s, want %s", got, test.want)
			}
		})
	}
	l := newLadder([]transport.Kind{transport.SSE}, time.Minute)
	if l.off(transport.SSE, nil) || l.pick(time.Now()) != transport.SSE {
		t.Error("the last transport was taken out")
	}
}

func TestBackoff(t *testing.T) {
	b := backoff{least: time.Second, most: 30 * time.Second}
	bounds := []time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 30 * time.Second}
	for range 200 {
		for failures, bound := range append(bounds, 30*time.Second) {
			if got := b.after(failures, 0); got > bound || (failures > 0 && got < bound/20) {
				t.Fatalf("after %d failures: %v, over %v", failures, got, bound)
			}
		}
		if got := b.after(1000, time.Minute); got < time.Minute || got > 90*time.Second {
			t.Fatalf("over a floor of 1m: %v", got)
		}
	}
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch(t.Context(), 5*time.Second)
		defer w.close()
		time.Sleep(4 * time.Second)
		w.hears(object{Hello: &hello{PingMS: 20_000}})
		time.Sleep(31 * time.Second)
		if w.ctx.Err() != nil {
			t.Error("dead before 1.5 heartbeats and 2 s")
		}
		time.Sleep(2 * time.Second)
		if !errors.Is(w.why(nil), errSilent) {
			t.Errorf("after 33 s of silence: %v", w.why(nil))
		}
	})
}
