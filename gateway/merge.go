package gateway

// mergeEntry is one topic's next item in a merge of rings.
type mergeEntry struct {
	key   uint64 // seq of the message, or of the hole's end
	topic *topicLog
	index int    // in the topic's ring; its length for the hole at the end
	base  uint64 // what the follower has of the topic
}

// mergeHeap is a binary heap by key.
type mergeHeap []mergeEntry

func (m *mergeHeap) push(e mergeEntry) {
	*m = append(*m, e)
	h := *m
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if h[parent].key <= h[i].key {
			return
		}
		h[parent], h[i] = h[i], h[parent]
		i = parent
	}
}

// down restores the order after the first entry has changed.
func (m mergeHeap) down() {
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(m) {
			return
		}
		if child+1 < len(m) && m[child+1].key < m[child].key {
			child++
		}
		if m[i].key <= m[child].key {
			return
		}
		m[i], m[child] = m[child], m[i]
		i = child
	}
}

func (m *mergeHeap) pop() {
	h := *m
	last := len(h) - 1
	h[0], h[last] = h[last], mergeEntry{}
	*m = h[:last]
	m.down()
}

// collect puts the topics that p follows and that have something past it into r.heap. It gives up and returns false when there are
// more than most: then the tail is the shorter way.
func (h *history) collect(p *position, r *reading, most int) bool {
	r.heap = r.heap[:0]
	overlap := len(p.subs) > 1
	if overlap && r.seen == nil {
		r.seen = make(map[*topicLog]struct{})
	}
	looked := 0
	for _, s := range p.subs {
		whole := h.visit(s.pattern, func(t *topicLog) bool {
			if looked++; looked > most {
				return false
			}
			if t.last <= p.seq {
				return true
			}
			base := max(p.seq, s.base(t.name))
			if overlap {
				if _, ok := r.seen[t]; ok {
					return true
				}
				r.seen[t] = struct{}{}
				base, _ = p.base(t.name)
			}
			if e, ok := t.next(t.past(base), base); ok {
				r.heap.push(e)
			}
			return true
		})
		if !whole {
			r.touched += looked
			clear(r.seen)
			return false
		}
	}
	r.touched += looked
	return true
}

// next returns the topic's entry at index i of its ring, if there is anything.
func (t *topicLog) next(i int, base uint64) (mergeEntry, bool) {
	if i < t.ring.len() {
		return mergeEntry{key: (*t.ring.at(i)).Seq, topic: t, index: i, base: base}, true
	}
	n, ok := t.lost(base, t.last)
	return mergeEntry{key: n.To, topic: t, index: i, base: base}, ok
}

// readMerged reads the topics in r.heap in the order of the log.
func (h *history) readMerged(p *position, r *reading) (more bool) {
	floors := h.floorGaps(p)
	for len(r.heap) > 0 {
		top := &r.heap[0]
		if r.full() {
			return true
		}
		for len(floors) > 0 && top.key > h.floor {
			r.gap(h.epochCursor(h.floor), floors[0])
			floors = floors[1:]
		}
		t, i := top.topic, top.index
		r.end = max(r.end, top.key)
		if i == t.ring.len() {
			h.takeEnd(t, top.base, r)
			r.heap.pop()
			continue
		}
		base := h.take(t, i, top.base, r)
		if e, ok := t.next(i+1, base); ok {
			*top = e
			r.heap.down()
		} else {
			r.heap.pop()
		}
	}
	for _, n := range floors {
		r.gap(h.epochCursor(h.floor), n)
	}
	return false
}
