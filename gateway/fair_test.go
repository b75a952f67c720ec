package gateway

import (
	"fmt"
	"testing"
	"testing/synctest"
)

// teller is a peer that calls wrote, on its shard, whenever something is written to it.
type teller struct {
	*linePeer
	wrote func()
}

func (p *teller) Write(b *Batch) (int, error) {
	p.wrote()
	return p.linePeer.Write(b)
}

// A large fan-out holds up neither a small one nor what is asked of the shard meanwhile: both wait for a slice of bounded work, however
// many followers there are, and however much they have pending.
func TestALargeFanOutHoldsNothingUp(t *testing.T) {
	const large, small, bound = 10_000, 10, 512
	for _, at := range []int{1, 100, 256, 257, large / 2, large - 1, 2*large + 7} {
		t.Run(fmt.Sprint("after ", at), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGateway(t, Options{Shards: 1})
				written := 0 // to followers of the large topic; the shard's, as all that follows
				begun, done := -1, -1
				left := small
				replied, joined := -1, -1
				tell := func(topic string, wrote func()) *Follower {
					start, err := g.Start(follows(t, g, "now", topic))
					if err != nil {
						t.Fatal(err)
					}
					f, err := begin(g, start, &teller{newLinePeer(), wrote}, Terms{})
					if err != nil {
						t.Fatal(err)
					}
					return f
				}
				for range small {
					tell("small", func() {
						if left--; left == 0 {
							done = written
						}
					})
				}
				asks := tell("nothing", func() { replied = written })
				for range large {
					tell("large", func() {
						if written++; written != at {
							return
						}
						begun = written
						publish(t, g, "small", "x") // the shard holds no lock while it writes
						asks.Reply([]byte("{}\n"))
						start, err := g.Start(follows(t, g, "@0", "first"))
						if err == nil {
							_, err = begin(g, start, &teller{newLinePeer(), func() { joined = written }}, Terms{})
						}
						if err != nil {
							t.Error(err)
						}
					})
				}
				publish(t, g, "first", "x")
				synctest.Wait()
				for range 3 {
					publish(t, g, "large", "x")
					synctest.Wait()
				}
				if written != 3*large || begun < 0 {
					t.Fatalf("%d writes, the small topic's message after %d", written, begun)
				}
				for what, when := range map[string]int{"the small fan-out": done, "a reply": replied, "a new follower": joined} {
					if when < 0 || when-begun > bound {
						t.Errorf("%s was served after %d further writes, want at most %d", what, when-begun, bound)
					}
				}
			})
		})
	}
}
