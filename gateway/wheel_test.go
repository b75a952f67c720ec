package gateway

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Every follower fires once: not before its time unless that is more than a turn away, and no later than a tick after it.
func TestTheWheelFiresInTime(t *testing.T) {
	const turn = wheelSlots * wheelTick
	rapid.Check(t, func(t *rapid.T) {
		var w wheel
		now := time.Duration(0)
		waiting := make(map[*Follower]time.Duration)
		pick := func(t *rapid.T) *Follower {
			if len(waiting) == 0 {
				return nil
			}
			var all []*Follower
			for f := range waiting {
				all = append(all, f)
			}
			slices.SortFunc(all, func(a, b *Follower) int { return a.index - b.index })
			return all[rapid.IntRange(0, len(all)-1).Draw(t, "who")]
		}
		made := 0
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				made++
				f := &Follower{index: made}
				due := now + time.Duration(rapid.Int64Range(-int64(time.Second), int64(2*turn)).Draw(t, "in"))
				w.add(f, due)
				waiting[f] = max(due, now)
			},
			"remove": func(t *rapid.T) {
				if f := pick(t); f != nil {
					w.remove(f)
					w.remove(f) // does nothing
					delete(waiting, f)
				}
			},
			"sweep": func(t *rapid.T) {
				from := now
				now += time.Duration(rapid.Int64Range(0, int64(turn/2)).Draw(t, "past"))
				w.sweep(now, func(f *Follower) {
					due, ok := waiting[f]
					if !ok {
						t.Fatal("a follower fires that is not in the wheel")
					}
					if now < due && due-from < turn-2*wheelTick {
						t.Fatalf("fires at %v, though due at %v and that was less than a turn away at %v", now, due, from)
					}
					if now < due {
						w.add(f, due)
						return
					}
					delete(waiting, f)
				})
			},
			"": func(t *rapid.T) {
				if w.count != len(waiting) {
					t.Fatalf("%d are counted of %d", w.count, len(waiting))
				}
				next, ok := w.next()
				if ok != (len(waiting) > 0) {
					t.Fatalf("next says %t", ok)
				}
				for f, due := range waiting {
					if due+wheelTick < now {
						t.Fatalf("due at %v, and it has not fired by %v", due, now)
					}
					if next > max(due, now)+2*wheelTick {
						t.Fatalf("next is at %v, though one is due at %v", next, due)
					}
					if slot := w.slots[f.wheel.slot]; slot[f.wheel.index-1] != f {
						t.Fatal("a follower does not know its place")
					}
				}
			},
		})
	})
}
