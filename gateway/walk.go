package gateway

// walk reads along the tail of the log, from the slot at an index on: the way of whoever follows very many topics and is far behind.
// It keeps nothing of what it saw, whatever the number of topics, and goes over each slot once in all slices together.
//
// Holes are found without looking at every topic. One that begins right behind the position is found among the losses (see survey);
// one that begins behind a message, when that message is read.
func (h *history) walk(p *position, r *reading, from int) (more bool) {
	h.stateFloor(p, r, false)
	if !h.survey(p, r) {
		return true
	}
	for i := from; i < h.tail.slots.len(); i++ {
		slot := h.tail.slots.at(i)
		if slot.seq > r.to {
			return false
		}
		if i-from >= h.lookSlice {
			return true
		}
		r.touched++
		if m := slot.message; m != nil {
			base, ok := p.base(m.Topic)
			if ok && m.Seq > base {
				if r.full() {
					return true
				}
				h.readSlot(p, r, slot, base)
			}
		}
		r.end = slot.seq
	}
	return false
}

// readSlot appends the slot's message, and the hole behind it.
func (h *history) readSlot(p *position, r *reading, slot *tailSlot, base uint64) {
	m, t := slot.message, slot.topic
	if m.reborn && base >= m.Prev && m.Seq != r.doubted && p.doubts(m) {
		r.gap(h.cursor(m.Seq-1), m.doubt(h.floorWhy))
	}
	r.slow = r.slow || t.tooSlow(base, r.late, Notice{}, false)
	r.message(m)
	if t.lastLost() <= m.Seq {
		return
	}
	if e, ok := t.entry(t.past(m.Seq), m.Seq); ok && e.hole {
		r.items[len(r.items)-1].split = true
		h.stateHole(r, &e, false)
		r.items[len(r.items)-1].surveyed = r.surveyed
	}
}

// survey states the holes that begin right behind the position, of the topics that have lost something since the last survey. It
// returns false if there are more than may be looked at, or stated, in this slice.
func (h *history) survey(p *position, r *reading) (whole bool) {
	x := &h.losses
	stated, seen := -1, p.surveyed // stated is the index of the last item that states a hole
	most := len(r.items) + max(r.max, 64)
	from := x.after(p)
	i := from
	for ; i < x.slots.len() && i-from < h.lookSlice && len(r.items) < most; i++ {
		slot := x.slots.at(i)
		r.touched++
		seen = slot.at
		if t := slot.topic; !slot.dead() && t.last > p.seq {
			base, ok := p.base(t.name)
			if !ok {
				continue
			}
			if e, ok := t.entry(t.past(base), base); ok && e.hole {
				h.stateHole(r, &e, false)
				stated = len(r.items) - 1
				r.items[stated].surveyed = seen
			}
		}
	}
	whole = i == x.slots.len()
	if whole {
		seen = x.count
	}
	r.surveyed = seen
	if stated >= 0 {
		r.items[stated].surveyed = seen
	} else {
		p.surveyed = seen // nothing has to arrive first
	}
	return whole
}
