package gateway

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// slowRig is a follower of topics on which a rule ends slow ones.
type slowRig struct {
	*linePeer
	g *Gateway
	f *Follower
}

func newSlowRig(t *testing.T, o Options, since string, terms Terms, patterns ...string) *slowRig {
	o.Shards = 1
	g := newGateway(t, o)
	for i := range 8 {
		publish(t, g, "a", fmt.Sprint("old", i))
	}
	start, err := g.Start(follows(t, g, since, patterns...))
	if err != nil {
		t.Fatal(err)
	}
	p := newLinePeer()
	f, err := begin(g, start, p, terms)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return &slowRig{p, g, f}
}

// lag has n messages published while the follower reads nothing, and then lets it read.
func (r *slowRig) lag(t *testing.T, topic string, n int) {
	t.Helper()
	r.setRoom(0)
	for i := range n {
		publish(t, r.g, topic, fmt.Sprint(i))
		synctest.Wait()
	}
	r.setRoom(-1)
	r.f.Ready()
	synctest.Wait()
}

// A rule may end a follower that falls behind the end of a topic's history; whoever came late is not slow.
func TestARuleEndsSlowFollowers(t *testing.T) {
	for _, follow := range []string{"a", "*", "**"} {
		for _, few := range []int{0, fewTopics} {
			for _, c := range []struct {
				name  string
				slow  Slow
				since string
				topic string
				n     int
				ends  bool
			}{
				{"all is still there", Slow{Disconnect: true}, "now", "a", 4, false},
				{"one is gone", Slow{Disconnect: true}, "now", "a", 5, true},
				{"one is gone, and it resumed late", Slow{Disconnect: true}, "@1", "a", 5, true},
				{"as many as may wait", Slow{Disconnect: true, Lag: 2}, "now", "a", 2, false},
				{"one too many waits", Slow{Disconnect: true, Lag: 2}, "now", "a", 3, true},
				{"much waits from before", Slow{Disconnect: true, Lag: 2}, "@4", "a", 2, false},
				{"no such rule", Slow{}, "now", "a", 50, false},
				{"another topic", Slow{Disconnect: true, Lag: 2}, "now", "b", 50, false},
			} {
				t.Run(fmt.Sprint(follow, few, c.name), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						r := newSlowRig(t, Options{
							Default: Retention{Messages: 4},
							Rules:   []Rule{{Pattern: pattern(t, "a"), Slow: c.slow}},
						}, c.since, Terms{}, follow)
						r.g.history.fewTopics = few
						if reason, _ := r.end(); reason != "" {
							t.Fatalf("ended with %q for what was gone before", reason)
						}
						r.lag(t, c.topic, c.n)
						reason, at := r.end()
						if ends := reason == ReasonSlow; ends != c.ends || !ends && reason != "" {
							t.Fatalf("ended with %q", reason)
						}
						if !c.ends {
							return
						}
						if n := r.g.Stats().Classes[0].Closed[ReasonSlow]; n != 1 {
							t.Errorf("%d are counted", n)
						}
						for _, l := range r.lines(t) {
							if l.Kind == "gap" && l.Seq > 8 {
								t.Errorf("told %+v all the same", l)
							}
						}
						if at != 8 {
							t.Errorf("it is to come back at %d, not 8", at)
						}
						// Back again, it hears of what is gone and goes on.
						if got := read(t, r.g, fmt.Sprint("@", at), follow); c.n == 5 && got != "gap(a,9-9,limit) 1 2 3 4" {
							t.Errorf("back again: %s", got)
						}
					})
				})
			}
		}
	}
}

// It need not read for that, where it follows the topic by its name.
func TestARuleEndsFollowersThatDoNotRead(t *testing.T) {
	for _, follow := range []string{"a", "*"} {
		synctest.Test(t, func(t *testing.T) {
			r := newSlowRig(t, Options{
				Default: Retention{Messages: 4},
				Rules:   []Rule{{Pattern: pattern(t, "a"), Slow: Slow{Disconnect: true}}},
			}, "now", Terms{Ping: 10 * time.Second}, follow)
			r.setRoom(0)
			for range 4 {
				publish(t, r.g, "a", "x")
			}
			time.Sleep(time.Minute)
			if reason, _ := r.end(); reason != "" {
				t.Errorf("%s: ended with %q", follow, reason)
			}
			publish(t, r.g, "a", "x")
			time.Sleep(time.Minute)
			if reason, _ := r.end(); (reason == ReasonSlow) != (follow == "a") {
				t.Errorf("%s: ended with %q", follow, reason)
			}
		})
	}
}
