package gateway

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"tidings/gateway/journal"
)

// catchUp reads all that comes after start in slices as a shard does, and calls seen with each.
func catchUp(t testing.TB, h *history, start *Start, slice int, seen func(r *reading)) {
	t.Helper()
	p := &start.position
	for more := true; more; {
		r := reading{max: slice, maxBytes: 1 << 20, to: journal.MaxSeq}
		more = h.read(p, &r)
		p.took(r.items, r.end)
		seen(&r)
	}
}

// Reading on from far behind costs what it returns, however many topics there are and whatever they have lost: no slice looks at all
// of them, and the position keeps nothing of them.
func TestALongWayCostsWhatItReturns(t *testing.T) {
	const topics, each, kept, slice = 20_000, 8, 3, 64
	name := func(i int) string { return fmt.Sprintf("t%d/%d", i%100, i%topics) }
	g := newGateway(t, Options{Shards: 1, Default: Retention{Messages: kept, Age: 1 << 62}, HistoryBytes: 1 << 40})
	g.history.rouse = func() {} // nobody follows here
	next := 1
	publish := func(n int) { fill(g.history, next, n, name); next += n }
	publish(topics * each)

	for _, c := range []struct {
		since, follow           string
		busy                    bool // messages come while it reads
		messages, gaps, touched int
	}{
		{"@7", "**", false, topics * kept, topics, 2 * topics * (kept + 1)},
		{"all", "**", false, topics * kept, 0, 2 * topics * (kept + 1)},
		{"@7", "**", true, topics * kept, topics, 3 * topics * (kept + 1)},
	} {
		start, _ := g.Start(follows(t, g, c.since, c.follow))
		touched, messages, gaps, most, slices := 0, 0, 0, 0, 0
		covers := make(map[string]uint64)
		if c.since == "all" && start.position.subs[0].starts != nil {
			t.Error("the position lists where each topic begins")
		}
		catchUp(t, g.history, start, slice, func(r *reading) {
			touched += r.touched
			most = max(most, r.touched)
			for _, item := range r.items {
				if m := item.Message; m != nil {
					messages++
					if cover, known := covers[m.Topic]; m.Prev > max(7, cover) && (known || c.since != "all") {
						t.Fatalf("%s: %d after %d has prev %d", m.Topic, m.Seq, covers[m.Topic], m.Prev)
					}
					covers[m.Topic] = m.Seq
				} else {
					gaps++
					covers[item.Notice.Topic] = item.Notice.To
				}
			}
			if len(start.position.holes) > 0 {
				t.Fatal("the position keeps holes")
			}
			if slices++; c.busy && slices%4 == 0 && slices < 400 {
				publish(slice)
			}
		})
		if messages < c.messages || gaps < c.gaps || !c.busy && messages+gaps != c.messages+c.gaps {
			t.Errorf("%s since %s: %d messages and %d gaps, want %d and %d", c.follow, c.since, messages, gaps, c.messages, c.gaps)
		}
		if touched > c.touched {
			t.Errorf("%s: %d were looked at, want at most %d", c.follow, touched, c.touched)
		}
		if most > 2*lookSlice+fewTopics*slice {
			t.Errorf("%s: %d were looked at in one slice", c.follow, most)
		}
	}
}

// What arrives along the tail does not hang on where the socket fills up, and no message is parted from the hole behind it.
func TestAWalkStatesEveryHoleHoweverLittleFits(t *testing.T) {
	for room := 40; room < 400; room += 7 {
		synctest.Test(t, func(t *testing.T) {
			g := newGateway(t, Options{Shards: 1, Default: Retention{Messages: 4}})
			g.history.fewTopics, g.history.lookSlice = 0, 3
			for i := range 3 {
				for _, topic := range []string{"a", "b", "c"} {
					publish(t, g, topic, fmt.Sprint(topic, i, "x"))
					publishTTL(t, g, topic, "gone", time.Second)
					publish(t, g, topic, fmt.Sprint(topic, i, "y"))
				}
			}
			time.Sleep(3 * time.Second)
			p := newLinePeer()
			p.setRoom(room)
			start, _ := g.Start(follows(t, g, "@0", "**"))
			f, err := begin(g, start, p, Terms{MaxParts: 5})
			if err != nil {
				t.Fatal(err)
			}
			r := newReader(g)
			r.add("**", "@0", 0)
			for range 300 {
				synctest.Wait()
				p.setRoom(room)
				f.Ready()
			}
			for _, l := range p.lines(t) {
				r.take(l)
			}
			var log []line
			for i := range 27 {
				topic := string("abc"[i/3%3])
				data := "gone"
				if i%3 != 1 {
					data = fmt.Sprint(topic, i/9, string("x y"[i%3]))
				}
				log = append(log, line{Topic: topic, Seq: uint64(i + 1), Data: data})
			}
			r.missing(log)
			for _, b := range r.breaches {
				t.Errorf("room for %d: %s", room, b)
			}
		})
	}
}

// A hole that lay behind a message must be stated sooner when that message goes because of a newer one.
func TestAWalkStatesAHoleThatIsBared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{Default: Retention{ByKey: true}})
		g.history.fewTopics = 0
		publish(t, g, "other", "o")                    // 1
		publishKey(t, g, "a", "x", "x1", 0)            // 2
		publishKey(t, g, "a", "", "gone", time.Second) // 3
		publishKey(t, g, "a", "y", "y1", 0)            // 4
		time.Sleep(3 * time.Second)
		start, _ := g.Start(follows(t, g, "@0", "**"))
		first := true
		var got []Item
		catchUp(t, g.history, start, 1, func(r *reading) {
			got = append(got, r.items...)
			if first && len(r.items) > 0 {
				publishKey(t, g, "a", "x", "x2", 0) // 5
				first = false
			}
		})
		if got, want := text(pageLines(Page{Items: got})), "o gap(a,2-3,expired) y1 x2"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}
