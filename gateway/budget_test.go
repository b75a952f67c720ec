package gateway

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// recount adds up from nothing what counts against the budget and says whether it is what was counted, and whether the
// indexes hold together.
func recount(g *Gateway) error {
	var used int64
	h := g.history
	h.mu.RLock()
	defer h.mu.RUnlock()
	h.log.pinned.mu.Lock()
	defer h.log.pinned.mu.Unlock()
	retained := make(map[*encoding]bool)
	messages := 0
	for name, t := range h.topics {
		used += topicOverhead
		var bytes int64
		for i := range t.ring.len() {
			m := *t.ring.at(i)
			used += m.size()
			bytes += int64(len(m.Data))
			messages++
			for e := m.encodings.Load(); e != nil; e = e.older {
				if !e.borrowed {
					used += int64(len(e.bytes))
				}
				retained[e] = true
			}
			slot := h.tail.slots.at(h.tail.after(m.Seq - 1))
			if slot.message != m || slot.topic != t {
				return fmt.Errorf("%s: %d is not in the tail", name, m.Seq)
			}
		}
		if bytes != t.bytes {
			return fmt.Errorf("%s: %d bytes are counted of %d", name, t.bytes, bytes)
		}
		if t.dueIndex == 0 || h.due[t.dueIndex-1] != t {
			return fmt.Errorf("%s: its expiry is not entered", name)
		}
	}
	if messages != h.messages {
		return fmt.Errorf("%d messages are counted of %d", h.messages, messages)
	}
	if len(h.due) != len(h.topics) {
		return fmt.Errorf("%d expiries for %d topics", len(h.due), len(h.topics))
	}
	slots := messages
	cleared := 0
	for i := range h.tail.slots.len() {
		slot := h.tail.slots.at(i)
		switch {
		case slot.topic == nil:
			cleared++
		case slot.message == nil:
			slots++
			if t := h.topics[slot.topic.name]; t != slot.topic || t.last != slot.seq {
				return fmt.Errorf("the stub at %d is not its topic's end", slot.seq)
			}
		}
	}
	if cleared != h.tail.cleared || slots != h.tail.slots.len()-cleared {
		return fmt.Errorf("%d slots are counted as cleared of %d, and there are %d", h.tail.cleared, cleared, h.tail.slots.len())
	}
	pinned := make(map[*encoding]bool)
	for f, held := range h.log.pinned.holders {
		if !f.is(holds) || f.is(ended) || len(f.more.rest) == 0 {
			return fmt.Errorf("a follower pins what it does not hold")
		}
		if !retained[held.enc] && !pinned[held.enc] {
			pinned[held.enc] = true
			used += int64(len(held.enc.bytes))
		}
	}
	for _, s := range g.shards {
		for _, f := range s.followers() {
			if _, ok := h.log.pinned.holders[f]; ok != f.is(holds) {
				return fmt.Errorf("a follower holds what it does not pin")
			}
		}
	}
	if counted := h.bytes + h.log.encoded.Load() + h.log.pinned.bytes; counted != used {
		return fmt.Errorf("%d bytes are counted, and there are %d", counted, used)
	}
	return nil
}

func TestTheBudgetIsWhatARecountFinds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := Options{
			Shards:       rapid.IntRange(1, 2).Draw(rt, "shards"),
			Default:      Retention{Messages: rapid.SampledFrom([]int{1, 3, 100}).Draw(rt, "retained"), Age: time.Minute},
			HistoryBytes: int64(rapid.SampledFrom([]int{3 << 10, 1 << 20}).Draw(rt, "budget")),
		}
		type step struct {
			What, Who, N int
		}
		steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
			return step{rapid.IntRange(0, 9).Draw(t, "what"), rapid.IntRange(0, 3).Draw(t, "who"), rapid.IntRange(1, 60).Draw(t, "n")}
		}), 1, 60).Draw(rt, "steps")
		var wrong error
		synctest.Test(t, func(t *testing.T) {
			g := newGateway(t, o)
			topics := []string{"a", "a/b", "c", "c/d/e"}
			peers, followers := make([]*linePeer, 4), make([]*Follower, 4)
			connect := func(i int) {
				peers[i] = newLinePeer()
				followers[i] = follow(t, g, peers[i], "now", topics[i], "a/*", "**")
			}
			for i := range peers {
				connect(i)
			}
			for i, s := range steps {
				switch s.What {
				case 0, 1, 2, 3:
					publish(t, g, topics[s.Who], strings.Repeat("x", s.N))
				case 4:
					publishTTL(t, g, topics[s.Who], "ttl", time.Duration(s.N)*time.Second)
				case 5:
					remove(t, g, topics[s.Who])
				case 6:
					peers[s.Who].setRoom(s.N * 3)
				case 7:
					peers[s.Who].setRoom(s.N)
					followers[s.Who].Ready()
				case 8:
					followers[s.Who].Close(ReasonGone)
					connect(s.Who)
				case 9:
					time.Sleep(time.Duration(s.N) * time.Second)
				}
				synctest.Wait()
				if err := recount(g); err != nil {
					wrong = fmt.Errorf("after step %d: %w", i, err)
					return
				}
			}
			for _, f := range followers {
				f.Close(ReasonGone)
			}
			time.Sleep(5 * time.Minute)
			synctest.Wait()
			if n := g.Stats().HistoryBytes; n != 0 {
				wrong = fmt.Errorf("%d bytes are counted when nothing is left", n)
			}
		})
		if wrong != nil {
			rt.Fatal(wrong)
		}
	})
}

func TestOverBudgetTheOldestGoesAndTheNewestStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const room = 4
		g := newGateway(t, Options{HistoryBytes: room * (messageOverhead + topicOverhead + 10)})
		for i := 1; i <= 10; i++ {
			publish(t, g, fmt.Sprint("t", i%3), fmt.Sprintf("%08d", i))
		}
		got := read(t, g, "all", "**")
		if want := "00000006 00000007 00000008 00000009 00000010"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if n := g.Stats().HistoryBytes; n > g.Stats().HistoryLimit {
			t.Errorf("%d bytes", n)
		}
		// One that is larger than all of the budget is there all the same, and alone.
		publish(t, g, "large", strings.Repeat("x", 1<<16))
		if s := g.Stats(); s.Messages != 1 || s.Topics != 1 || s.Floor != 10 {
			t.Errorf("%+v", s)
		}
		if got, want := read(t, g, "@9", "t1"), "gap(t1,10-10,limit)"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		publish(t, g, "small", "x")
		if s := g.Stats(); s.Messages != 1 || s.HistoryBytes > s.HistoryLimit {
			t.Errorf("%+v", s)
		}
	})
}

// Encodings count while their message is retained; those made later do not, unless somebody has begun to write them.
func TestEncodingsCount(t *testing.T) {
	g := newGateway(t, Options{Default: Retention{Messages: 1}})
	h := g.history
	publish(t, g, "a", "1")
	m := *h.topics["a"].ring.at(0)
	other := &Format{Name: "other", Append: func(dst []byte, _ *Message) []byte { return append(dst, "0123456789"...) }}
	one := int64(len(m.Encoded(lineFormat)))
	m.Encoded(lineFormat)
	if n := h.log.encoded.Load(); n != one {
		t.Errorf("%d bytes, want %d", n, one)
	}
	m.Encoded(other)
	if n := h.log.encoded.Load(); n != one+10 {
		t.Errorf("%d bytes, want %d", n, one+10)
	}
	same := &Format{Name: "same", Append: func(_ []byte, m *Message) []byte { return m.Encoded(other) }}
	m.Encoded(same)
	if n := h.log.encoded.Load(); n != one+10 {
		t.Errorf("%d bytes with what is another format's, want %d", n, one+10)
	}
	publish(t, g, "a", "2") // the first leaves
	third := &Format{Name: "third", Append: other.Append}
	late := m.encode(third)
	if n := h.log.encoded.Load(); n != 0 {
		t.Errorf("%d bytes of a message that has left", n)
	}
	f, second := new(Follower), new(Follower)
	h.log.pinned.hold(f, 1, late)
	h.log.pinned.hold(second, 1, late)
	if n := h.log.pinned.size(); n != 10 {
		t.Errorf("%d bytes are pinned, want 10: shared bytes count once", n)
	}
	h.log.pinned.release(f)
	h.log.pinned.release(f)
	if n := h.log.pinned.size(); n != 10 {
		t.Errorf("%d bytes are pinned, want 10", n)
	}
	h.log.pinned.release(second)
	if n := h.log.pinned.size(); n != 0 {
		t.Errorf("%d bytes are pinned, want 0", n)
	}
}

// A marker is never in a ring, and so never leaves one.
func TestMarkersDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{})
		p := newLinePeer()
		follow(t, g, p, "now", "a")
		for range 10 {
			remove(t, g, "a")
			synctest.Wait()
		}
		if n := g.history.log.encoded.Load(); n != 0 {
			t.Errorf("%d bytes of encodings count", n)
		}
	})
}

func TestARestStaysPinnedUntilItIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{})
		p := newLinePeer()
		f := follow(t, g, p, "now", "a")
		synctest.Wait()
		for _, c := range []struct{ room, holders int }{{3, 1}, {3, 1}, {0, 1}, {-1, 0}} {
			p.setRoom(c.room)
			if c.holders == 1 && len(g.history.log.pinned.holders) == 0 {
				publish(t, g, "a", "hello")
			}
			f.Ready()
			synctest.Wait()
			if n := len(g.history.log.pinned.holders); n != c.holders {
				t.Errorf("%d holders with room for %d, want %d", n, c.room, c.holders)
			}
		}
	})
}

func TestAllOfAMessageCounts(t *testing.T) {
	g := newGateway(t, Options{})
	d := draft("a", "data")
	d.Type, d.Event, d.Key = "text/plain; a="+strings.Repeat("t", 200), "event", "key"
	if _, err := g.Publish(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	want := int64(topicOverhead + messageOverhead + len("a") + len(d.Type) + len("event") + len("key") + len("data"))
	if n := g.Stats().HistoryBytes; n != want {
		t.Errorf("%d bytes, want %d", n, want)
	}
}

// Over budget, those go that pin the oldest of what left the history, and no more of them than must.
func TestWhoPinsTheOldestIsClosedAsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 10 << 10
		g := newGateway(t, Options{Default: Retention{Messages: 1}, HistoryBytes: 6 * size})
		var peers []*linePeer
		for _, stalling := range []int{1, 2, 1, 1} { // how many stall in the middle of each message
			for range stalling {
				peers = append(peers, newLinePeer())
				follow(t, g, peers[len(peers)-1], "now", "a")
			}
			synctest.Wait()
			for _, p := range peers[len(peers)-stalling:] {
				p.setRoom(100)
			}
			publish(t, g, "a", strings.Repeat("x", size))
			synctest.Wait()
		}
		reasons := func() (out string) {
			for _, p := range peers {
				reason, _ := p.end()
				out += string((reason + "-")[0])
			}
			return out
		}
		if got := reasons(); got != "-----" {
			t.Fatalf("%s are closed, and there is room", got)
		}
		for i, want := range []string{"s----", "sss--", "ssss-"} {
			publish(t, g, fmt.Sprint("b", i), strings.Repeat("x", size))
			synctest.Wait()
			if got := reasons(); got != want {
				t.Errorf("after %d messages more: %s are closed, want %s", i+1, got, want)
			}
		}
		s := g.Stats()
		if s.HistoryBytes > s.HistoryLimit || s.Messages != 4 || s.Classes[0].Closed[ReasonSlow] != 4 {
			t.Errorf("%+v", s)
		}
	})
}
