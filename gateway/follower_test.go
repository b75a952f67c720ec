package gateway

import (
	"errors"
	"fmt"
	"math"
	"strings"
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
		_, _ = begin(g, start, p, Terms{Ping: math.MaxInt64})
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := text(p.lines(t)); got != "x" {
			t.Errorf("got %s", got)
		}
	})
}

// What lay before a gap is written first, and the client comes back behind it.
func TestARawPeerIsClosedBehindTheGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{Default: Retention{Messages: 3}})
		raw := func(since string) (*linePeer, *Follower) {
			p := newLinePeer()
			p.rawGap = true
			start, _ := g.Start(follows(t, g, since, "a"))
			f, err := begin(g, start, p, Terms{Raw: true})
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			return p, f
		}
		p, f := raw("now")
		publish(t, g, "a", "1")
		synctest.Wait()
		p.setRoom(5)
		publish(t, g, "a", "2") // begun
		synctest.Wait()
		for i := 3; i <= 9; i++ {
			publish(t, g, "a", fmt.Sprint(i))
		}
		synctest.Wait()
		p.setRoom(-1)
		f.Ready()
		synctest.Wait()
		if got := text(p.lines(t)); got != "1 2" {
			t.Errorf("got %s", got)
		}
		reason, at := p.end()
		if reason != ReasonGap || at != 6 {
			t.Errorf("closed with %q at %d, want gap at 6", reason, at)
		}
		p, _ = raw(fmt.Sprint("@", at))
		if got := text(p.lines(t)); got != "7 8 9" {
			t.Errorf("got %s after the gap", got)
		}
		// A cursor that is not known leads to the start of what is retained, step by step.
		p, _ = raw("@99")
		if reason, at := p.end(); reason != ReasonGap || at != 0 {
			t.Errorf("closed with %q at %d, want gap at 0", reason, at)
		}
		p, _ = raw("@0")
		if reason, at := p.end(); reason != ReasonGap || at != 6 {
			t.Errorf("closed with %q at %d, want gap at 6", reason, at)
		}
	})
}

// talker is a peer that counts how often it is told of room.
type talker struct {
	*linePeer
	told int
}

func (p *talker) Room() { p.told++ }

func TestATalkerIsToldOfRoomOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{})
		p := &talker{linePeer: newLinePeer()}
		p.setRoom(0)
		start, _ := g.Start(follows(t, g, "now", "a"))
		f, err := begin(g, start, p, Terms{})
		if err != nil {
			t.Fatal(err)
		}
		half := []byte(strings.Repeat("x", maxReplyBytes/2-1) + "\n")
		if first, second := f.Reply(half), f.Reply(half); !first || !second {
			t.Error("no room at the bound")
		}
		synctest.Wait()
		p.setRoom(-1)
		f.Ready()
		synctest.Wait()
		if p.told != 0 {
			t.Errorf("told of room that it had, %d times", p.told)
		}
		p.setRoom(0)
		if first, second := f.Reply(half), f.Reply(half); !first || !second {
			t.Error("no room after all was written")
		}
		if f.Reply([]byte("one\n")) || f.Remove(nil, []byte("two\n")) {
			t.Error("there is room past the bound")
		}
		if room, err := f.Add(nil, func(Cursor) []byte { return []byte("three\n") }); room || err != nil {
			t.Errorf("adding past the bound says %t, %v", room, err)
		}
		synctest.Wait()
		p.setRoom(len(half)) // the second was begun once the first is taken
		f.Ready()
		synctest.Wait()
		if p.told != 0 {
			t.Errorf("told of room with %d bytes unwritten", f.talk.unwritten())
		}
		p.setRoom(-1)
		f.Ready()
		synctest.Wait()
		if p.told != 1 || f.talk.unwritten() != 0 {
			t.Errorf("told %d times, and %d bytes are left", p.told, f.talk.unwritten())
		}
		if !strings.HasSuffix(p.got.String(), "one\ntwo\nthree\n") {
			t.Error("what was said without room is lost")
		}
	})
}

func TestAHeldPollEndsWithADrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{})
		p := newLinePeer()
		p.polls = true
		start, _ := g.Start(follows(t, g, "now", "a"))
		if _, err := begin(g, start, p, Terms{Wait: time.Minute}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := g.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if reason, _ := p.end(); reason != ReasonDraining || p.answer() != nil {
			t.Errorf("ended with %q and %+v", reason, p.answer())
		}
		time.Sleep(2 * time.Minute) // its place in the wheel is gone
		synctest.Wait()
		if p.answer() != nil {
			t.Error("answered after its end")
		}
	})
}

func TestTooManyTopicsCannotBeAdded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{FollowTopics: 3})
		p := newLinePeer()
		f := follow(t, g, p, "now", "a", "b")
		add := func(patterns ...string) error {
			defer synctest.Wait()
			_, err := f.Add(follows(t, g, "now", patterns...), func(at Cursor) []byte { return jsonReply(patterns[0], at) })
			return err
		}
		if err := add("c", "d"); !errors.Is(err, ErrTooManyTopics) {
			t.Error(err)
		}
		if err := add("c"); err != nil {
			t.Error(err)
		}
		if err := add("d"); !errors.Is(err, ErrTooManyTopics) {
			t.Error(err)
		}
		f.Remove([]Pattern{pattern(t, "b"), pattern(t, "never")}, nil)
		synctest.Wait()
		if err := add("d"); err != nil {
			t.Error(err)
		}
		if got, want := text(p.lines(t)), "live(a0) live(b0) reply(c0) live(c0) reply(d0) live(d0)"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}
