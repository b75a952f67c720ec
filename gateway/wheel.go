package gateway

import "time"

// The wheel turns by one slot a tick; what is due later than a whole turn is put off when its slot comes.
const (
	wheelTick  = 100 * time.Millisecond
	wheelSlots = 512
)

// wheel holds the followers that have something due at some time: a ping, or the end of a wait. It is owned by its shard.
// Time is the log's clock.
type wheel struct {
	slots [wheelSlots][]*Follower
	at    int64 // the tick up to which everything was swept
	count int
}

// wheelPlace says where in the wheel a follower is.
type wheelPlace struct {
	due   time.Duration
	slot  int16
	index int32 // in its slot, plus 1; 0 for nowhere
}

func (w *wheel) add(f *Follower, due time.Duration) {
	tick := max(int64((due+wheelTick-1)/wheelTick), w.at+1)
	tick = min(tick, w.at+wheelSlots-1)
	slot := tick % wheelSlots
	w.slots[slot] = append(w.slots[slot], f)
	f.wheel = wheelPlace{due: due, slot: int16(slot), index: int32(len(w.slots[slot]))}
	w.count++
}

func (w *wheel) remove(f *Follower) {
	if f.wheel.index == 0 {
		return
	}
	slot := w.slots[f.wheel.slot]
	last := len(slot) - 1
	slot[f.wheel.index-1] = slot[last]
	slot[last].wheel.index = f.wheel.index
	slot[last] = nil
	w.slots[f.wheel.slot] = slot[:last]
	f.wheel.index = 0
	w.count--
}

// sweep calls fire with every follower whose slot has come. Fire may add it again.
func (w *wheel) sweep(now time.Duration, fire func(*Follower)) {
	to := int64(now / wheelTick)
	if w.count == 0 {
		w.at = max(w.at, to)
	}
	for w.at < to {
		w.at++
		slot := w.slots[w.at%wheelSlots]
		w.slots[w.at%wheelSlots] = nil
		w.count -= len(slot)
		for _, f := range slot {
			f.wheel.index = 0
		}
		for _, f := range slot {
			fire(f)
		}
	}
}

// next returns when the next slot in use comes; ok is false if there is none.
func (w *wheel) next() (at time.Duration, ok bool) {
	if w.count == 0 {
		return 0, false
	}
	for tick := w.at + 1; ; tick++ {
		if len(w.slots[tick%wheelSlots]) > 0 {
			return time.Duration(tick) * wheelTick, true
		}
	}
}
