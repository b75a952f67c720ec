package gateway

import (
	"math"
	"testing"
	"testing/synctest"
	"time"
)

func TestOptionsOutOfRangeDoNoHarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{})
		publish(t, g, "a", "x")
		start, _ := g.Start(follows(t, g, "all", "a"))
		if page := g.Read(start, 0, 0); len(page.Items) != 1 {
			t.Error("a poll that never gets on")
		}
		p := newLinePeer()
		start, _ = g.Start(follows(t, g, "all", "a"))
		_, _ = g.Follow(FollowOptions{Start: start, Peer: p, Ping: math.MaxInt64})
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := text(p.lines(t)); got != "x" {
			t.Errorf("got %s", got)
		}
	})
}
