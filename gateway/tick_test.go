package gateway

import (
	"testing"
	"testing/synctest"
	"time"
)

// A first ping comes when it was asked for, once, whatever else is said meanwhile; it is never the first thing that is said.
func TestTheFirstPing(t *testing.T) {
	const tick, every = 300 * time.Millisecond, 20 * time.Second
	for name, c := range map[string]struct {
		tick     time.Duration
		terms    Terms
		messages int // one each 50 ms
		room     int
		early    string // what is read short of the tick
		then     string // what is read a wheel's tick after it
	}{
		"nobody asked": {terms: Terms{Ping: every}, room: -1},
		"idle":         {tick: tick, terms: Terms{Ping: every}, room: -1, then: "ping(0)"},
		"without any other ping": {
			tick: tick, room: -1, then: "ping(0)",
		},
		"spoken to": {
			tick: tick, terms: Terms{Ping: every}, messages: 3, room: -1, early: "a a a", then: "a a a ping(3)",
		},
		"live": {
			tick: tick, terms: Terms{Ping: every, Live: true}, room: -1, early: "live(t0)", then: "live(t0) ping(0)",
		},
		"a poll that is held":                      {tick: tick, terms: Terms{Wait: every}, room: -1},
		"what it was told before is not taken yet": {tick: tick, terms: Terms{Ping: every}, messages: 1, room: 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGateway(t, Options{Shards: 1})
				start, _ := g.Start(follows(t, g, "now", "t"))
				p := newLinePeer()
				p.room = c.room
				c.terms.Format = lineFormat
				f := new(Follower)
				if err := g.Follow(f, FollowOptions{Start: start, Peer: p, Terms: &c.terms, Tick: c.tick}); err != nil {
					t.Fatal(err)
				}
				for range c.messages {
					time.Sleep(50 * time.Millisecond)
					publish(t, g, "t", "a")
				}
				time.Sleep(tick - time.Duration(c.messages)*50*time.Millisecond - time.Millisecond)
				synctest.Wait()
				if got := text(p.lines(t)); got != c.early {
					t.Errorf("before: %q, want %q", got, c.early)
				}
				time.Sleep(wheelTick + time.Millisecond)
				synctest.Wait()
				if got := text(p.lines(t)); got != c.then {
					t.Errorf("after: %q, want %q", got, c.then)
				}
				// From then on it is pinged as anybody is.
				time.Sleep(every/2 - 10*wheelTick)
				synctest.Wait()
				if got := text(p.lines(t)); got != c.then {
					t.Errorf("later: %q, want %q", got, c.then)
				}
			})
		})
	}
}

// A ping that was owed to a peer that takes nothing comes when it reads again, behind what was there before.
func TestTheFirstPingWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{Shards: 1})
		start, _ := g.Start(follows(t, g, "now", "t"))
		p := newLinePeer()
		p.greeting, p.room = `{"Kind":"hello"}`+"\n", 5
		f := new(Follower)
		terms := &Terms{Format: lineFormat, Ping: time.Hour}
		if err := g.Follow(f, FollowOptions{Start: start, Peer: p, Terms: terms, Tick: 50 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		p.setRoom(-1)
		f.Ready()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got, want := text(p.lines(t)), "hello(0) ping(0)"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// slowPeer takes its time with each write.
type slowPeer struct{ *linePeer }

func (p *slowPeer) Write(b *Batch) (int, error) {
	time.Sleep(time.Millisecond)
	return p.linePeer.Write(b)
}

// However much a shard has to do, a ping does not come before the greeting: what comes first is taken for that.
func TestTheFirstPingIsNotTheFirstWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{Shards: 1})
		terms := &Terms{Format: lineFormat, Ping: time.Hour}
		peers := make([]*linePeer, 4*serveSlice) // some are not served before they are due
		for i := range peers {
			peers[i] = newLinePeer()
			peers[i].greeting = `{"Kind":"hello"}` + "\n"
			start, _ := g.Start(follows(t, g, "now", "t"))
			o := FollowOptions{Start: start, Peer: &slowPeer{peers[i]}, Terms: terms, Tick: 50 * time.Millisecond}
			if err := g.Follow(new(Follower), o); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		for i, p := range peers {
			if got, want := text(p.lines(t)), "hello(0) ping(0)"; got != want {
				t.Fatalf("%d: %q, want %q", i, got, want)
			}
		}
	})
}
