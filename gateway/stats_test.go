package gateway

import (
	"testing"
	"testing/synctest"
)

// Counters are read while a shard is in the middle of a turn, and say what it had counted before.
func TestStatsWaitForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{Shards: 1, Classes: 2})
		p := newLinePeer()
		start, _ := g.Start(follows(t, g, "now", "a"))
		if _, err := begin(g, start, p, Terms{Class: 1}); err != nil {
			t.Fatal(err)
		}
		publish(t, g, "a", "x")
		synctest.Wait()
		release := stall(t, g)
		publish(t, g, "a", "y")
		if s := g.Stats().Classes[1]; s.Followers != 1 || s.Opened != 1 || s.Messages != 1 || s.Writes != 1 || s.Bytes == 0 || s.Latency.Counts[0] != 1 {
			t.Errorf("%+v", s)
		}
		if n := g.Followers(1); n != 1 {
			t.Errorf("%d followers", n)
		}
		release()
		synctest.Wait()
		if s := g.Stats().Classes[1]; s.Messages != 2 || s.Latency.Counts[0] != 2 {
			t.Errorf("%+v", s)
		}
	})
}
