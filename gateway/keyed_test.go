package gateway

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func publishKey(t testing.TB, g *Gateway, topic, key, data string, ttl time.Duration) uint64 {
	t.Helper()
	r, err := g.Publish(t.Context(), Draft{Topic: topic, Key: key, Data: []byte(data), TTL: ttl})
	if err != nil {
		t.Fatal(err)
	}
	return r.Cursor.Seq
}

func TestConflationByKeyKeepsTheNewestOfEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{Rules: []Rule{{Pattern: pattern(t, "stock/*"), Retention: Retention{ByKey: true, Messages: 4}}}})
		p := newLinePeer()
		f := follow(t, g, p, "now", "stock/*")
		synctest.Wait()
		p.setRoom(0)
		publishKey(t, g, "stock/a", "x", "x1", 0) // 1
		synctest.Wait()
		publishKey(t, g, "stock/a", "", "open", 0) // 2: without a key it stays
		publishKey(t, g, "stock/a", "y", "y1", 0)  // 3
		publishKey(t, g, "stock/a", "x", "x2", 0)  // 4
		publishKey(t, g, "stock/b", "x", "b1", 0)  // 5: another topic
		publishKey(t, g, "stock/a", "x", "x3", 0)  // 6
		synctest.Wait()
		p.setRoom(-1)
		f.Ready()
		synctest.Wait()
		lines := withoutLive(p.lines(t))
		if got, want := text(lines), "open y1 b1 x3"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		for _, l := range lines {
			if !l.Latest {
				t.Errorf("%+v may have been jumped to", l)
			}
		}
		if got, want := read(t, g, "@1", "stock/a"), "open y1 x3"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		// Over its bounds the topic loses messages as any other.
		publishKey(t, g, "stock/a", "z", "z1", 0) // 7
		publishKey(t, g, "stock/a", "w", "w1", 0) // 8: the fifth
		if got, want := read(t, g, "@1", "stock/a"), "gap(stock/a,2-2,limit) y1 x3 z1 w1"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		publishKey(t, g, "stock/a", "z", "z2", time.Second) // 9
		publishKey(t, g, "stock/a", "y", "y2", 0)           // 10
		time.Sleep(3 * time.Second)
		// The older message of the key does not come back when the newer one expires.
		for _, follow := range []string{"stock/a", "*/a"} {
			if got, want := read(t, g, "@3", follow), "x3 w1 gap(stock/a,9-9,expired) y2"; got != want {
				t.Errorf("%s: got %s, want %s", follow, got, want)
			}
		}
		remove(t, g, "stock/a")                   // 11
		publishKey(t, g, "stock/a", "y", "y3", 0) // 12
		if got, want := read(t, g, "@3", "stock/a"), "gap(stock/a,4-11,deleted) y3"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if s := g.Stats(); s.Dropped[GapLimit] != 1 || s.Dropped[GapExpired] != 1 || s.Dropped[GapDeleted] != 3 {
			t.Errorf("conflation counts as loss: %v", s.Dropped)
		}
	})
}

// What is read of a topic that conflates by key is what a list of everything published says: the newest of each key, and a gap
// for each hole in which something was lost, as small as can be, in whatever way it is read.
func TestConflationByKeyStatesLossesOnly(t *testing.T) {
	type fate struct {
		seq         uint64
		key         string
		ends        int64
		gone, quiet bool
	}
	rapid.Check(t, func(rt *rapid.T) {
		ops := rapid.SliceOfN(rapid.SampledFrom([]string{"", "x", "y", "z", "ttl x", "ttl y", "ttl ", "sleep", "delete"}), 1, 40).Draw(rt, "ops")
		most := rapid.SampledFrom([]int{2, 4, 100}).Draw(rt, "most")
		var wrong string
		synctest.Test(t, func(t *testing.T) {
			g := newGateway(t, Options{Default: Retention{ByKey: true, Messages: most}})
			var all []fate
			for _, op := range ops {
				switch key, ttl := strings.CutPrefix(op, "ttl "); {
				case op == "sleep":
					time.Sleep(1500 * time.Millisecond)
					for i := range all {
						all[i].gone = all[i].gone || all[i].ends != 0 && all[i].ends <= time.Now().UnixMilli()
					}
				case op == "delete":
					for i := range all {
						all[i].gone = true
					}
					all = append(all, fate{seq: remove(t, g, "a"), gone: true})
				default:
					m := fate{key: key}
					var d time.Duration
					if ttl {
						d = time.Second
						m.ends = time.Now().Add(d).UnixMilli()
					}
					m.seq = publishKey(t, g, "a", key, fmt.Sprint(len(all)+1), d)
					kept := 0
					for i := len(all) - 1; i >= 0; i-- {
						old := &all[i]
						if old.gone || old.quiet {
							continue
						}
						if old.quiet = key != "" && old.key == key; !old.quiet {
							kept++
							old.gone = kept >= most
						}
					}
					all = append(all, m)
				}
			}
			for since := range all {
				base, lost, want := uint64(since), uint64(0), ""
				state := func() {
					if lost > base {
						want += fmt.Sprintf("gap(a,%d-%d) ", base+1, lost)
					}
				}
				for _, m := range all[since:] {
					switch {
					case m.quiet:
					case m.gone:
						lost = m.seq
					default:
						state()
						want += fmt.Sprint(m.seq, " ")
						base = m.seq
					}
				}
				state()
				for _, way := range []struct {
					follow string
					few    int
				}{{"a", 0}, {"*", 0}, {"*", fewTopics}} {
					g.history.fewTopics = way.few
					got := ""
					start, _ := g.Start(follows(t, g, fmt.Sprint("@", since), way.follow))
					for _, l := range pageLines(g.Read(start, 1000, 1<<20)) {
						if l.Kind == "gap" {
							got += fmt.Sprintf("gap(a,%d-%d) ", l.From, l.Seq)
						} else {
							got += fmt.Sprint(l.Seq, " ")
						}
					}
					if got != want {
						wrong = fmt.Sprintf("%+v since %d: got %s, want %s", way, since, got, want)
					}
				}
			}
			if k := g.history.topics["a"]; k != nil && (len(k.keyed.newest) > k.ring.len() || len(k.keyed.holes) > k.ring.len()) {
				wrong = fmt.Sprintf("%d messages, but %+v", k.ring.len(), k.keyed)
			}
		})
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
}

func TestADequeGivesUpWhatIsRemoved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d deque[int]
		var want []int
		for i, n := range rapid.SliceOf(rapid.IntRange(-20, 20)).Draw(t, "ops") {
			if n >= 0 || len(want) == 0 {
				d.push(i)
				want = append(want, i)
			} else {
				at := -n % len(want)
				if got := d.remove(at); got != want[at] {
					t.Fatalf("removed %d, want %d", got, want[at])
				}
				want = append(want[:at], want[at+1:]...)
			}
			if d.len() != len(want) {
				t.Fatalf("%d elements, want %d", d.len(), len(want))
			}
			for j := range want {
				if *d.at(j) != want[j] {
					t.Fatalf("element %d is %d, want %d", j, *d.at(j), want[j])
				}
			}
		}
	})
}
