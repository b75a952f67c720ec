package gateway

import (
	"fmt"
	"testing"
	"testing/synctest"
)

func TestFollowingAgainTakesNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{FollowTopics: 2})
		p := newLinePeer()
		f := follow(t, g, p, "now", "a")
		for range 5 {
			if _, err := f.Add(follows(t, g, "now", "a"), func(Cursor) []byte { return nil }); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
	})
}

// The follower reads to the end of the history at once, the shard walks the log in slices.
func TestWhatJoinsAFollowerAheadOfTheWalkLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{Shards: 1})
		still := &gate{newLinePeer(), make(chan struct{}), make(chan struct{})}
		start, _ := g.Start(follows(t, g, "now", "gate"))
		if _, err := begin(g, start, still, Terms{}); err != nil {
			t.Fatal(err)
		}
		publish(t, g, "gate", "x")
		<-still.in
		for i := range 2 * walkSlice {
			publish(t, g, "a", fmt.Sprint(i))
		}
		p := newLinePeer()
		start, _ = g.Start(follows(t, g, "all", "a"))
		f, err := begin(g, start, p, Terms{MaxParts: 1000, MaxBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Add(follows(t, g, "@1", "b"), func(Cursor) []byte { return nil }); err != nil {
			t.Fatal(err)
		}
		publish(t, g, "b", "wanted")
		publish(t, g, "a", "last")
		still.out <- struct{}{}
		synctest.Wait()
		found := false
		for _, l := range p.lines(t) {
			found = found || l.Data == "wanted"
		}
		if !found {
			t.Error("lost")
		}
	})
}

// From its live on a topic shares the follower's position, however little of that fits: nothing of it comes behind a later message.
func TestWhatIsLiveSharesThePosition(t *testing.T) {
	for room := 1; room < 260; room += 3 {
		synctest.Test(t, func(t *testing.T) {
			g := newGateway(t, Options{Shards: 1})
			p := newLinePeer()
			p.setRoom(room)
			f := follow(t, g, p, "now", "own")
			synctest.Wait()
			if _, err := f.Add(follows(t, g, "now", "**"), func(Cursor) []byte { return nil }); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			for _, topic := range []string{"a", "a", "own"} {
				publish(t, g, topic, "x")
			}
			synctest.Wait()
			p.setRoom(-1)
			f.Ready()
			synctest.Wait()
			live, last := false, uint64(0)
			for _, l := range p.lines(t) {
				live = live || l.Kind == "live" && l.Topic == "**"
				if l.Kind == "message" {
					if live && l.Seq < last {
						t.Errorf("room for %d: %s", room, text(p.lines(t)))
					}
					last = l.Seq
				}
			}
			if !live || last == 0 {
				t.Errorf("room for %d: %s", room, text(p.lines(t)))
			}
		})
	}
}
