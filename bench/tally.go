package bench

import "slices"

// tally holds one follower's account of the messages of one phase. While all is well it is one number.
type tally struct {
	next       uint32 // one past the highest number that came
	holes      []hole // below next, ascending
	doubled    int64
	disordered int64 // came after a later one
}

// hole is a run of numbers that did not come: from, and up to but not including to.
type hole struct{ from, to uint32 }

// see takes account of a message.
func (t *tally) see(number uint32) {
	switch {
	case number == t.next:
		t.next++
	case number > t.next:
		t.holes = append(t.holes, hole{t.next, number})
		t.next = number + 1
	default:
		t.late(number)
	}
}

func (t *tally) late(number uint32) {
	i := slices.IndexFunc(t.holes, func(h hole) bool { return h.from <= number && number < h.to })
	if i < 0 {
		t.doubled++
		return
	}
	t.disordered++
	h := t.holes[i]
	var parts []hole
	if h.from < number {
		parts = append(parts, hole{h.from, number})
	}
	if number+1 < h.to {
		parts = append(parts, hole{number + 1, h.to})
	}
	t.holes = slices.Replace(t.holes, i, i+1, parts...)
}

// lost returns how many of the first n messages did not come.
func (t *tally) lost(n uint32) int64 {
	lost := int64(n) - int64(min(n, t.next))
	for _, h := range t.holes {
		lost += int64(min(h.to, n)) - int64(min(h.from, n))
	}
	return lost
}
