package gateway

import (
	"fmt"
	"testing"
	"testing/synctest"
)

// The slowest go first: those that are most behind, whatever shard they are on, and of those no more than asked.
func TestShedEndsTheSlowestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{Shards: 1, Classes: 2})
		var peers []*linePeer
		join := func(class uint8) *linePeer {
			start, err := g.Start(follows(t, g, "now", "a"))
			if err != nil {
				t.Fatal(err)
			}
			p := newLinePeer()
			if _, err := begin(g, start, p, Terms{Class: class}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			return p
		}
		for range 40 {
			peers = append(peers, join(1))
		}
		other := join(0)
		// The i-th of the first ten stops reading after i messages; so does one of another class, at once.
		other.setRoom(0)
		for i := range 10 {
			peers[i].setRoom(0)
			publish(t, g, "a", fmt.Sprint(i))
			synctest.Wait()
		}
		gone := func() (n int) {
			for _, p := range peers {
				if reason, _ := p.end(); reason == ReasonPressure {
					n++
				} else if reason != "" {
					t.Fatalf("ended with %q", reason)
				}
			}
			return n
		}
		for i := range 4 {
			g.Shed(2, ReasonPressure, 1)
			synctest.Wait()
			if n := gone(); n != 2*(i+1) {
				t.Fatalf("%d have gone after %d were asked for", n, 2*(i+1))
			}
			for k := range 2 {
				if reason, _ := peers[2*i+k].end(); reason == "" {
					t.Errorf("follower %d is still there, though it is the slowest", 2*i+k)
				}
			}
		}
		g.Shed(1000, ReasonPressure, 1)
		synctest.Wait()
		if n := gone(); n != len(peers) {
			t.Errorf("%d have gone of %d", n, len(peers))
		}
		if reason, _ := other.end(); reason != "" {
			t.Errorf("one of another class ended: %q", reason)
		}
		stats := g.Stats().Classes
		if stats[1].Closed[ReasonPressure] != uint64(len(peers)) || stats[1].Followers != 0 || stats[0].Followers != 1 {
			t.Errorf("%+v", stats)
		}
		g.Shed(1, ReasonPressure, 1) // nobody is left
	})
}

// Shards end their shares, which together are what was asked for.
func TestShedSharesAmongShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{Shards: 3})
		const all = 5000 // more than a slice of a survey, and of what is ended at a time
		for i := range all {
			start, _ := g.Start(follows(t, g, "now", "a"))
			f := new(Follower)
			err := g.Follow(f, FollowOptions{Start: start, Peer: newLinePeer(), Terms: &Terms{Format: lineFormat}, Shard: 1 + min(2, i%7)})
			if err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		left := all
		for _, n := range []int{1, 2, 700, 1500, 0, all} {
			g.Shed(n, ReasonPressure, 0)
			synctest.Wait()
			left = max(0, left-n)
			if have := g.Followers(0); have != left {
				t.Fatalf("%d are left after %d were asked to go, want %d", have, n, left)
			}
		}
	})
}

// What begins to drain while it sheds, or is asked twice, ends everybody once.
func TestShedWhileOthersEnd(t *testing.T) {
	g := newGateway(t, Options{Shards: 2})
	peers := make([]*linePeer, 3000)
	for i := range peers {
		peers[i] = newLinePeer()
		start, _ := g.Start(follows(t, g, "now", "a"))
		if _, err := begin(g, start, peers[i], Terms{}); err != nil {
			t.Fatal(err)
		}
	}
	settle(t, g)
	g.Shed(2900, ReasonPressure, 0)
	g.Shed(2900, ReasonPressure, 0)
	if err := g.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	settle(t, g)
	stats := g.Stats().Classes[0]
	if n := stats.Closed[ReasonPressure] + stats.Closed[ReasonDraining]; n != uint64(len(peers)) || stats.Followers != 0 {
		t.Errorf("%d ended of %d: %+v", n, len(peers), stats.Closed)
	}
}
