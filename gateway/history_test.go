package gateway

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func publishTTL(t testing.TB, g *Gateway, topic, data string, ttl time.Duration) uint64 {
	t.Helper()
	r, err := g.Publish(t.Context(), Draft{Topic: topic, Data: []byte(data), TTL: ttl})
	if err != nil {
		t.Fatal(err)
	}
	return r.Cursor.Seq
}

func remove(t testing.TB, g *Gateway, topic string) uint64 {
	t.Helper()
	r, err := g.Delete(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	return r.Cursor.Seq
}

func TestRetentionHasThreeBounds(t *testing.T) {
	for _, c := range []struct {
		name string
		keep Retention
		size int
		gap  time.Duration
		want string
	}{
		{"messages", Retention{Messages: 3}, 1, 0, "gap(a,1-7,limit) 8 9 10"},
		{"bytes", Retention{Bytes: 40}, 10, 0, "gap(a,1-6,limit) 7 8 9 10"},
		{"one larger than bytes", Retention{Bytes: 5}, 10, 0, "gap(a,1-9,limit) 10"},
		{"age", Retention{Age: time.Minute}, 1, 20 * time.Second, "gap(a,1-8,expired) 9 10"},
		{"messages before age", Retention{Messages: 2, Age: time.Minute}, 1, 20 * time.Second, "gap(a,1-8,limit) 9 10"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGateway(t, Options{Default: c.keep})
				for i := 1; i <= 10; i++ {
					publish(t, g, "a", fmt.Sprintf("%-*d", c.size, i))
					time.Sleep(c.gap)
				}
				time.Sleep(time.Second) // let what is due go
				got := strings.Join(strings.Fields(read(t, g, "@0", "a")), " ")
				if got != c.want {
					t.Errorf("got %s, want %s", got, c.want)
				}
			})
		})
	}
}

func TestATTLEndsInTheMiddleOfARing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{})
		publish(t, g, "a", "1")
		publishTTL(t, g, "a", "2", time.Second)
		publish(t, g, "a", "3")
		publishTTL(t, g, "a", "4", 10*time.Second)
		publishTTL(t, g, "a", "5", time.Second)
		time.Sleep(4 * time.Second)
		for _, c := range []struct{ since, want string }{
			{"@0", "1 gap(a,2-2,expired) 3 4 gap(a,5-5,expired)"},
			{"@1", "gap(a,2-2,expired) 3 4 gap(a,5-5,expired)"},
			{"@2", "3 4 gap(a,5-5,expired)"},
			{"@4", "gap(a,5-5,expired)"},
			{"@5", ""},
			{"last:2", "3 4 gap(a,5-5,expired)"},
		} {
			if got := read(t, g, c.since, "a"); got != c.want {
				t.Errorf("since %s: got %s, want %s", c.since, got, c.want)
			}
			if got := read(t, g, c.since, "*"); got != c.want {
				t.Errorf("a pattern since %s: got %s, want %s", c.since, got, c.want)
			}
		}
		publish(t, g, "a", "6")
		time.Sleep(10 * time.Second)
		if got, want := read(t, g, "@1", "a"), "gap(a,2-2,expired) 3 gap(a,4-5,expired) 6"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if info, _ := g.Topic("a"); info.Messages != 3 || info.Bytes != 3 || info.Cursor.Seq != 6 {
			t.Errorf("%+v", info)
		}
	})
}

func TestTheFirstRuleThatMatchesHolds(t *testing.T) {
	g := newGateway(t, Options{
		Default: Retention{Messages: 4},
		Rules: []Rule{
			{Pattern: pattern(t, "a/b"), Retention: Retention{Messages: 2}},
			{Pattern: pattern(t, "a/*"), Retention: Retention{Messages: 3}},
			{Pattern: pattern(t, "**"), Retention: Retention{Bytes: 6}}, // and 4 messages, as the default says
			{Pattern: pattern(t, "c"), Retention: Retention{Messages: 100}},
		},
	})
	for topic, want := range map[string]int{"a/b": 2, "a/c": 3, "a": 4, "c": 4, "a/b/c": 4} {
		for range 6 {
			publish(t, g, topic, "x")
		}
		if info, _ := g.Topic(topic); info.Messages != want {
			t.Errorf("%s keeps %d messages, want %d", topic, info.Messages, want)
		}
	}
}

func TestConflationKeepsTheNewestOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{Default: Retention{Messages: 1}})
		p := newLinePeer()
		f := follow(t, g, p, "now", "a")
		synctest.Wait()
		publish(t, g, "a", "1")
		synctest.Wait()
		p.setRoom(0)
		for i := 2; i <= 9; i++ {
			publish(t, g, "a", fmt.Sprint(i))
			synctest.Wait()
		}
		p.setRoom(-1)
		f.Ready()
		synctest.Wait()
		lines := withoutLive(p.lines(t))
		if got := text(lines); got != "1 9" {
			t.Errorf("got %s", got)
		}
		if last := lines[len(lines)-1]; !last.Latest || last.Prev != 8 {
			t.Errorf("%+v", last)
		}
		if dropped := g.Stats().Dropped; dropped[GapLimit] != 0 {
			t.Errorf("conflation counts as loss: %v", dropped)
		}
		remove(t, g, "a")
		if got, want := read(t, g, "@3", "a"), "gap(a,4-10,deleted)"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		publish(t, g, "a", "11")
		publish(t, g, "a", "12")
		if got, want := read(t, g, "@3", "a"), "gap(a,4-10,deleted) 12"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestADeletionIsSeenByAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{})
		live, slow := newLinePeer(), newLinePeer()
		follow(t, g, live, "now", "a")
		f := follow(t, g, slow, "now", "a")
		synctest.Wait()
		publish(t, g, "a", "1")
		synctest.Wait()
		slow.setRoom(0)
		publish(t, g, "a", "2")
		synctest.Wait()
		if seq := remove(t, g, "a"); seq != 3 {
			t.Errorf("the marker is %d", seq)
		}
		if r, _ := g.Publish(t.Context(), draft("a", "4")); r.Prev != 3 {
			t.Errorf("prev is %d behind the marker", r.Prev)
		}
		synctest.Wait()
		slow.setRoom(-1)
		f.Ready()
		synctest.Wait()
		if got, want := text(withoutLive(live.lines(t))), "1 2 deleted(a3) 4"; got != want {
			t.Errorf("live: got %s, want %s", got, want)
		}
		if got, want := text(withoutLive(slow.lines(t))), "1 gap(a,2-3,deleted) 4"; got != want {
			t.Errorf("behind: got %s, want %s", got, want)
		}
	})
}

func TestAnIdleTopicIsLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{Default: Retention{Age: time.Minute}})
		publish(t, g, "a", "1")
		publish(t, g, "b", "2")
		publish(t, g, "kept", "3")
		p := newLinePeer()
		f := follow(t, g, p, "now", "kept")
		wild := newLinePeer()
		follow(t, g, wild, "now", "*") // a pattern keeps no topic
		back := newLinePeer()
		follow(t, g, back, "@3", "*")
		time.Sleep(2 * time.Minute)
		if s := g.Stats(); s.Topics != 1 || s.Floor != 2 || s.Messages != 0 || s.Dropped[GapExpired] != 3 {
			t.Errorf("%+v", s)
		}
		for _, c := range []struct{ since, follow, want string }{
			{"@0", "a", "gap(a,1-2,expired)"},
			{"@1", "a", "gap(a,2-2,expired)"}, // a false gap is allowed
			{"@2", "a", ""},
			{"all", "a", ""},
			{"@0", "never", "gap(never,1-2,expired)"},
			{"@0", "*", "gap(*,1-2,expired) gap(kept,1-3,expired)"},
			{"@2", "kept", "gap(kept,3-3,expired)"},
		} {
			if got := read(t, g, c.since, c.follow); got != c.want {
				t.Errorf("%s since %s: got %s, want %s", c.follow, c.since, got, c.want)
			}
		}
		// Born again, it does not know its predecessor: prev is the floor, and a gap as small as can be goes first.
		r, err := g.Publish(t.Context(), draft("a", "4"))
		if err != nil || r.Prev != 2 {
			t.Errorf("prev is %d, want the floor 2 (%v)", r.Prev, err)
		}
		synctest.Wait()
		if got, want := text(withoutLive(back.lines(t))), "gap(a,2-2,expired) 4"; got != want {
			t.Errorf("live: got %s, want %s", got, want)
		}
		// Who began after the floor, without a cursor from before, has nothing to compare prev with but that.
		if got, want := text(withoutLive(wild.lines(t))), "4"; got != want {
			t.Errorf("live from now: got %s, want %s", got, want)
		}
		if got, want := read(t, g, "all", "a"), "4"; got != want {
			t.Errorf("all: got %s, want %s", got, want)
		}
		for _, c := range []struct{ since, want string }{
			{"@1", "gap(a,2-2,expired) 4"}, {"@2", "gap(a,2-2,expired) 4"}, {"@3", "gap(a,2-2,expired) 4"}, {"@4", ""},
		} {
			if got := read(t, g, c.since, "a"); got != c.want {
				t.Errorf("reborn, since %s: got %s, want %s", c.since, got, c.want)
			}
		}
		publish(t, g, "a", "5")
		if got, want := read(t, g, "@4", "a"), "5"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		f.Close(ReasonGone)
		time.Sleep(3 * time.Minute)
		if s := g.Stats(); s.Topics != 0 || s.HistoryBytes != 0 || len(g.history.due) != 0 || g.history.tail.slots.len() != 0 {
			t.Errorf("something is left: %+v", s)
		}
	})
}

// Topics that are used once do not fill the history for as long as their messages could have lived.
func TestAnEmptiedTopicHasAShortAfterlife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{})
		d := draft("once", "x")
		d.TTL = time.Second
		if _, err := g.Publish(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		publish(t, g, "dropped", "y")
		if _, err := g.Delete(t.Context(), "dropped"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(afterlife - time.Second)
		if s := g.Stats(); s.Topics != 2 {
			t.Errorf("%d topics can still say why, want 2", s.Topics)
		}
		time.Sleep(4 * time.Second)
		if s := g.Stats(); s.Topics != 0 || s.HistoryBytes != 0 {
			t.Errorf("%d topics and %d bytes are left", s.Topics, s.HistoryBytes)
		}
	})
}

// A raw follower does not see prev: it is not told of a hole that need not be one.
func TestARawFollowerHearsNoDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{Default: Retention{Age: time.Minute}})
		publish(t, g, "a", "1")
		time.Sleep(2 * time.Minute)
		p := newLinePeer()
		p.rawGap = true
		start, _ := g.Start(follows(t, g, "@1", "a"))
		if _, err := begin(g, start, p, Terms{Raw: true}); err != nil {
			t.Fatal(err)
		}
		publish(t, g, "a", "2")
		synctest.Wait()
		if got := text(p.lines(t)); got != "2" {
			t.Errorf("got %s", got)
		}
	})
}

func TestTimeNeverDecreases(t *testing.T) {
	g := newGateway(t, Options{})
	for range 1000 {
		publish(t, g, "a", "x")
	}
	start, _ := g.Start(follows(t, g, "all", "a"))
	last := int64(0)
	for _, item := range g.Read(start, 1000, 1<<20).Items {
		if item.Message.Time < last {
			t.Fatalf("%d after %d", item.Message.Time, last)
		}
		last = item.Message.Time
	}
}

func TestTheFloorIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{Default: Retention{Age: time.Minute}})
		publish(t, g, "gone", "1")
		time.Sleep(2 * time.Minute)
		for i := 2; i <= 6; i++ {
			publish(t, g, "a", fmt.Sprint(i))
		}
		p := newLinePeer()
		start, _ := g.Start(follows(t, g, "@0", "**"))
		p.setRoom(0)
		f, err := begin(g, start, p, Terms{})
		if err != nil {
			t.Fatal(err)
		}
		for range 50 { // the gap arrives some time before the message behind it
			synctest.Wait()
			p.setRoom(20)
			f.Ready()
		}
		synctest.Wait()
		got := text(p.lines(t))
		if strings.Count(got, "gap(**,1-1,expired)") != 1 || !strings.HasSuffix(got, "gap(a,1-1,expired) 2 3 4 5 6") {
			t.Errorf("got %s", got)
		}
	})
}

// A marker that is not written in time becomes a gap, and with it goes the message in front.
func TestAMarkerSupersedesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{Shards: 1, Default: Retention{Messages: 1}})
		p := newLinePeer()
		f := follow(t, g, p, "now", "**")
		synctest.Wait()
		release := stall(t, g)
		publish(t, g, "a", "x")
		publish(t, g, "b", "2")
		remove(t, g, "b")
		p.setRoom(150) // the second message is written in part
		release()
		synctest.Wait()
		p.setRoom(-1)
		f.Ready()
		synctest.Wait()
		if got, want := text(withoutLive(p.lines(t))), "x x gap(b,3-4,deleted)"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}
