package gateway

import (
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"
)

// However often something of it expires, and not at all once it was let go.
func TestATopicIsDueOnce(t *testing.T) {
	g := newGateway(t, Options{HistoryBytes: 64 << 10})
	for i := range 5000 {
		publish(t, g, fmt.Sprint("t", i), "x")
	}
	h := g.history
	if len(h.due) > len(h.topics)+1 {
		t.Errorf("%d entries for %d topics", len(h.due), len(h.topics))
	}
	g = newGateway(t, Options{})
	h = g.history
	publish(t, g, "a", "stays")
	for range 100 {
		d := draft("a", "x")
		d.TTL = time.Second
		if _, err := g.Publish(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		h.expire(time.Now().Add(2 * time.Second).UnixMilli())
	}
	if len(h.due) > 1 {
		t.Errorf("%d entries for one topic", len(h.due))
	}
}

func TestAnEndlessTTLNeverExpires(t *testing.T) {
	g := newGateway(t, Options{})
	d := draft("a", "x")
	d.TTL = math.MaxInt64
	if _, err := g.Publish(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	g.history.expire(time.Now().UnixMilli())
	if got := read(t, g, "all", "a"); got != "x" {
		t.Error(got)
	}
}

func TestAGapSaysThatAMessageExpiredInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{Default: Retention{Age: time.Hour}})
		publish(t, g, "a", "1")
		time.Sleep(time.Minute)
		d := draft("a", "2")
		d.TTL = time.Second
		_, _ = g.Publish(t.Context(), d)
		publish(t, g, "a", "3")
		time.Sleep(59*time.Minute + time.Second)
		if got, want := read(t, g, "@1", "a"), "gap(a,2-2,expired) 3"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}
