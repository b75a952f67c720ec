package gateway

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Every follower fires once: not before its tick unless that is more than a turn away, and at its tick if there is time for all.
func TestTheWheelFiresInTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w wheel
		now := int64(0)
		waiting := make(map[*Follower]int64)
		early := make(map[*Follower]bool) // it was added more than a turn before it is due
		pick := func(t *rapid.T) *Follower {
			if len(waiting) == 0 {
				return nil
			}
			var all []*Follower
			for f := range waiting {
				all = append(all, f)
			}
			slices.SortFunc(all, func(a, b *Follower) int { return int(a.moment) - int(b.moment) })
			return all[rapid.IntRange(0, len(all)-1).Draw(t, "who")]
		}
		made, kept := 0, 0
		unswept := false
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				made++
				f := &Follower{moment: uint32(made)}
				due := now + rapid.Int64Range(-10, 2*wheelSlots).Draw(t, "in")
				w.add(f, due)
				waiting[f], early[f] = max(due, now), due > w.at+wheelSlots-1
			},
			"keep": func(*rapid.T) {
				kept++
				w.keep(new(Follower))
			},
			"remove": func(t *rapid.T) {
				if f := pick(t); f != nil {
					w.remove(f)
					w.remove(f) // does nothing
					delete(waiting, f)
				}
			},
			"sweep": func(t *rapid.T) {
				now += rapid.Int64Range(0, wheelSlots/2).Draw(t, "past")
				most := rapid.SampledFrom([]int{1, 3, 1000}).Draw(t, "most")
				fired := 0
				unswept = w.sweep(now, most, func(f *Follower) {
					fired++
					due, ok := waiting[f]
					if !ok {
						t.Fatal("a follower fires that is not in the wheel")
					}
					if now < due && !early[f] {
						t.Fatalf("fires at %v, though due at %v and that was less than a turn away", now, due)
					}
					if now < due {
						w.add(f, due)
						early[f] = due > w.at+wheelSlots-1
						return
					}
					delete(waiting, f)
				})
				if fired > most {
					t.Fatalf("%d fired of %d", fired, most)
				}
			},
			"": func(t *rapid.T) {
				if w.count != len(waiting) || w.slots[wheelNever].len() != kept {
					t.Fatalf("%d are counted of %d", w.count, len(waiting))
				}
				next, ok := w.next()
				if ok != (len(waiting) > 0) {
					t.Fatalf("next says %t", ok)
				}
				for f, due := range waiting {
					if !unswept && due+1 < now {
						t.Fatalf("due at %v, and it has not fired by %v", due, now)
					}
					if next > max(due, now)+1 {
						t.Fatalf("next is at %v, though one is due at %v", next, due)
					}
					if *w.slots[f.wheelSlot].at(int(f.place - 1)) != f {
						t.Fatal("a follower does not know its place")
					}
				}
			},
		})
	})
}
