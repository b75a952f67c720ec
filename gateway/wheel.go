package gateway

import "time"

// The wheel turns by one slot a tick; what is due later than a whole turn is put off when its slot comes.
const (
	wheelTick  = 100 * time.Millisecond
	wheelSlots = 512
	wheelNever = wheelSlots // the slot that never comes
)

// wheel holds all followers of a shard, by when something of theirs is due: a ping, or the end of a wait. It is owned by its
// shard. Time is the log's clock, in ticks.
type wheel struct {
	slots [wheelSlots + 1]bag[*Follower]
	at    int64 // the tick whose slot is being swept, or was swept last
	count int   // how many are in slots that come
}

// add puts f, which is nowhere, where it comes at a tick, or soon if that has passed.
func (w *wheel) add(f *Follower, due int64) {
	tick := min(max(due, w.at+1), w.at+wheelSlots-1)
	w.put(f, int(tick%wheelSlots))
	w.count++
}

// keep puts f where it never comes.
func (w *wheel) keep(f *Follower) { w.put(f, wheelNever) }

func (w *wheel) put(f *Follower, slot int) {
	b := &w.slots[slot]
	b.push(f)
	f.wheelSlot, f.place = uint16(slot), uint32(b.len())
}

func (w *wheel) remove(f *Follower) {
	if f.place == 0 {
		return
	}
	b := &w.slots[f.wheelSlot]
	last := *b.at(b.len() - 1)
	*b.at(int(f.place - 1)) = last
	last.place = f.place
	b.pop()
	if f.wheelSlot != wheelNever {
		w.count--
	}
	f.place = 0
}

// sweep takes out followers whose tick has come and calls fire with each, up to most of them. Fire may add them again. It returns
// true if there are more.
func (w *wheel) sweep(to int64, most int, fire func(*Follower)) (more bool) {
	if w.skip(to); w.count == 0 {
		return false
	}
	for {
		for b := &w.slots[w.at%wheelSlots]; b.len() > 0; most-- {
			if most == 0 {
				return true
			}
			f := *b.at(b.len() - 1)
			w.remove(f)
			fire(f)
		}
		if w.at >= to {
			return false
		}
		w.at++
	}
}

// skip passes over the ticks up to one, if nothing is due: what is added then does not come too early.
func (w *wheel) skip(to int64) {
	if w.count == 0 {
		w.at = max(w.at, to)
	}
}

// next returns the tick of the next slot in use; ok is false if there is none.
func (w *wheel) next() (tick int64, ok bool) {
	if w.count == 0 {
		return 0, false
	}
	for tick = w.at; ; tick++ {
		if w.slots[tick%wheelSlots].len() > 0 {
			return tick, true
		}
	}
}

// all calls visit with every follower until there is none: visit must remove it.
func (w *wheel) all(visit func(*Follower)) {
	for i := range w.slots {
		for b := &w.slots[i]; b.len() > 0; {
			visit(*b.at(b.len() - 1))
		}
	}
}
