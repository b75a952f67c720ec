package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Many publish, follow, stall and leave at once, for real: each topic keeps its order and loses nothing.
func TestManyAtOnceKeepOrderAndLoseNothing(t *testing.T) {
	const topics, publishers, each = 4, 8, 300
	g := newGateway(t, Options{Shards: 3, Default: Retention{Messages: 2 * publishers * each}})
	var stayers []*linePeer
	patterns := []string{"t/0", "t/*", "**", "t/3"}
	for i := range 20 {
		p := newLinePeer()
		follow(t, g, p, "now", patterns[i%len(patterns)])
		stayers = append(stayers, p)
	}
	var publishing, coming sync.WaitGroup
	stop := make(chan struct{})
	for i := range 4 {
		coming.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				p := newLinePeer()
				p.setRoom(rand.IntN(500))
				start, _ := g.Start(follows(t, g, []string{"now", "all", "last:3"}[n%3], patterns[(i+n)%len(patterns)]))
				f, err := begin(g, start, p, Terms{Live: true, Ping: time.Nanosecond})
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = f.Add(follows(t, g, "all", "t/1", "t/2"), func(Cursor) []byte { return nil })
				p.setRoom(-1)
				f.Ready()
				f.Remove([]Pattern{pattern(t, "t/1")}, nil)
				_ = g.Stats()
				f.Close([]Reason{ReasonGone, ReasonKicked}[n%2])
			}
		})
	}
	for i := range publishers {
		publishing.Go(func() {
			for n := range each {
				publish(t, g, fmt.Sprint("t/", (i+n)%topics), fmt.Sprint(i, ".", n))
			}
		})
	}
	publishing.Wait()
	close(stop)
	coming.Wait()
	settle(t, g)
	for i, p := range stayers {
		last, count := make(map[string]uint64), 0
		for _, l := range p.lines(t) {
			if l.Kind != "message" {
				continue
			}
			if l.Prev != last[l.Topic] {
				t.Fatalf("%d: %s: %d has prev %d and came after %d", i, l.Topic, l.Seq, l.Prev, last[l.Topic])
			}
			last[l.Topic] = l.Seq
			count++
		}
		want := publishers * each
		if pattern(t, patterns[i%len(patterns)]).Exact() {
			want /= topics
		}
		if count != want {
			t.Errorf("follower %d got %d messages, want %d", i, count, want)
		}
	}
}

// countPeer counts what it is served, and notes the order among its like.
type countPeer struct {
	*linePeer
	served *[]string // of all its like; one shard writes it
	name   string
}

func (p *countPeer) Write(b *Batch) (int, error) {
	*p.served = append(*p.served, p.name)
	return b.Bytes, nil
}

// A message with a huge fan-out must not hold up one with a small fan-out that comes after it: it is served in slices.
func TestAHugeFanOutDoesNotHoldUpASmallOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{Shards: 1})
		var served []string
		join := func(topic string, n int) {
			for range n {
				start, _ := g.Start(follows(t, g, "now", topic))
				if _, err := begin(g, start, &countPeer{newLinePeer(), &served, topic}, Terms{}); err != nil {
					t.Fatal(err)
				}
			}
		}
		join("huge", 10_000)
		join("small", 10)
		synctest.Wait()
		release := stall(t, g)
		publish(t, g, "huge", "x")
		publish(t, g, "small", "x")
		release()
		synctest.Wait()
		if len(served) != 10_010 {
			t.Fatalf("%d were served", len(served))
		}
		last := 0
		for i, name := range served {
			if name == "small" {
				last = i
			}
		}
		if last > 2*serveSlice {
			t.Errorf("the small fan-out was done after %d followers, want at most %d", last, 2*serveSlice)
		}
	})
}

// interruptPeer has something published in the middle of a fan-out.
type interruptPeer struct {
	*countPeer
	at        int
	interrupt func()
}

func (p *interruptPeer) Write(b *Batch) (int, error) {
	if len(*p.served) == p.at {
		p.interrupt()
	}
	return p.countPeer.Write(b)
}

// What comes in the middle of a huge fan-out waits for a few of its followers, not for a whole slice.
func TestAMessageInterruptsAHugeFanOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const at = 1030 // soon after a slice has begun
		g := newGateway(t, Options{Shards: 1})
		var served []string
		interrupt := func() { publish(t, g, "small", "x") }
		for i := range 5000 {
			name := "huge"
			if i%1000 == 0 {
				name = "small"
			}
			start, _ := g.Start(follows(t, g, "now", name))
			p := &interruptPeer{&countPeer{newLinePeer(), &served, name}, at, interrupt}
			if _, err := begin(g, start, p, Terms{}); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		publish(t, g, "huge", "x")
		synctest.Wait()
		if len(served) != 5000 {
			t.Fatalf("%d were served", len(served))
		}
		for i, name := range served {
			if name == "small" && (i < at || i > at+breakSlice+5) {
				t.Errorf("one of the small fan-out was served after %d, and its message came after %d", i, at)
			}
		}
	})
}

func TestDrainTellsEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{Shards: 2})
		var peers []*linePeer
		for range 10 {
			p := newLinePeer()
			follow(t, g, p, "now", "a")
			peers = append(peers, p)
		}
		publish(t, g, "a", "x")
		synctest.Wait()
		if err := g.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		late := newLinePeer()
		follow(t, g, late, "now", "a")
		synctest.Wait()
		for i, p := range append(peers, late) {
			if reason, at := p.end(); reason != ReasonDraining || at != 1 {
				t.Errorf("follower %d was ended with %q at %d", i, reason, at)
			}
		}
		publish(t, g, "a", "publishing goes on")
		if n := g.Stats().Classes[0]; n.Followers != 0 || n.Opened != 11 || n.Closed[ReasonDraining] != 11 {
			t.Errorf("%+v", n)
		}
		if r, _ := g.Publish(t.Context(), draft("a", "x")); r.Followers != 0 {
			t.Errorf("%d followers are left", r.Followers)
		}
	})
}

func TestDrainWaitsNoLongerThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{Shards: 1})
		release := stall(t, g)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := g.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		release()
	})
}

func TestCloseEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{Shards: 2})
		p := newLinePeer()
		p.setRoom(0)
		f := follow(t, g, p, "now", "a")
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		if reason, _ := p.end(); reason != ReasonDraining {
			t.Errorf("ended with %q", reason)
		}
		start, _ := g.Start(follows(t, g, "now", "a"))
		if _, err := begin(g, start, p, Terms{}); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		if err := g.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		f.Ready()
		f.Close(ReasonKicked)
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestNoJournalIsRefused(t *testing.T) {
	if g, err := New(Options{}); err == nil || g != nil {
		t.Errorf("%v, %v", g, err)
	}
}

func jsonReply(name string, at Cursor) []byte {
	out, _ := json.Marshal(line{Kind: "reply", Topic: name, Seq: at.Seq})
	return append(out, '\n')
}

func TestAddAndRemoveWhileCatchingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{Shards: 1})
		for i := range 10 {
			publish(t, g, []string{"a", "b", "c"}[i%3], fmt.Sprint(i))
		}
		p := newLinePeer()
		release := stall(t, g) // all that follows comes to the shard at once
		start, _ := g.Start(follows(t, g, "all", "a"))
		f, err := begin(g, start, p, Terms{Live: true, MaxParts: 1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Add(follows(t, g, "all", "b"), func(at Cursor) []byte { return jsonReply("b", at) }); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Add(follows(t, g, "all", "c"), func(at Cursor) []byte { return jsonReply("c", at) }); err != nil {
			t.Fatal(err)
		}
		f.Remove([]Pattern{pattern(t, "b")}, jsonReply("gone", Cursor{}))
		release()
		synctest.Wait()
		publish(t, g, "a", "10")
		publish(t, g, "b", "11")
		publish(t, g, "c", "12")
		synctest.Wait()
		got := text(p.lines(t))
		if want := "reply(b1) reply(c2) reply(gone0) 0 3 6 9 live(a11) 2 5 8 live(c11) 10 12"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if info, _ := g.Topic("b"); info.Followers != 0 {
			t.Errorf("%d follow b", info.Followers)
		}
		if info, _ := g.Topic("c"); info.Followers != 1 {
			t.Errorf("%d follow c", info.Followers)
		}
		for _, left := range g.shards[0].followers() {
			left.Close(ReasonGone)
		}
		synctest.Wait()
		time.Sleep(idleAudience * 2 * wheelTick)
		synctest.Wait()
		if n := len(g.interest.exact); n != 0 || !g.interest.wild.root.empty() || len(g.shards[0].audiences.exact) != 0 {
			t.Errorf("%d topics are followed by nobody", n)
		}
	})
}
