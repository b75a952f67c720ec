package gateway

// mergeEntry is one topic's next item in a merge of rings.
type mergeEntry struct {
	key   uint64 // seq of the message, or the first seq of the hole in front of it: several topics may have the same
	topic *topicLog
	index int    // in the topic's ring; its length for what is behind the last message
	base  uint64 // what the follower has of the topic
	hole  bool   // the messages between base and the one at index are lost
}

// mergeHeap is a binary heap by key, and by name where that is the same: what is read does not hang on chance.
type mergeHeap []mergeEntry

func (m mergeHeap) less(i, j int) bool {
	return m[i].key < m[j].key || m[i].key == m[j].key && m[i].topic.name < m[j].topic.name
}

func (m *mergeHeap) push(e mergeEntry) {
	*m = append(*m, e)
	h := *m
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h.less(i, parent) {
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
		if child+1 < len(m) && m.less(child+1, child) {
			child++
		}
		if !m.less(child, i) {
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

// past returns the index in the ring of the first message past seq.
func (t *topicLog) past(seq uint64) int {
	return t.ring.search(func(m **Message) bool { return (*m).Seq > seq })
}

// before returns the highest seq that may have been lost in front of index i of the topic's ring.
func (t *topicLog) before(i int) uint64 {
	if i == t.ring.len() {
		return t.last
	}
	m := *t.ring.at(i)
	if t.keyed != nil {
		return t.keyed.holes[m.Seq]
	}
	return m.Prev
}

// entry returns what comes at index i of the topic's ring, if there is anything.
func (t *topicLog) entry(i int, base uint64) (e mergeEntry, ok bool) {
	if i > 0 {
		base = max(base, (*t.ring.at(i - 1)).Seq)
	}
	e = mergeEntry{topic: t, index: i, base: base}
	if i < t.ring.len() {
		e.key, ok = (*t.ring.at(i)).Seq, true
	}
	if _, e.hole = t.lost(base, t.before(i)); e.hole {
		e.key, ok = base+1, true
	}
	return e, ok
}

// enter puts what comes after base of a topic into the heap.
func (r *reading) enter(t *topicLog, base uint64) {
	if e, ok := t.entry(t.past(base), base); ok && e.key <= r.to {
		r.slow = r.slow || t.tooSlow(base, r.late, Notice{}, false)
		r.heap.push(e)
	}
}

// collect enters the topics that have something past p, at an index of the tail, unless there are too many to do so in each slice.
// Once the position reads along the tail, it goes on until it has caught up.
func (h *history) collect(p *position, r *reading, from int) bool {
	past := h.tail.slots.len() - from
	few := min(h.lookSlice, h.fewTopics*r.max)
	switch {
	case p.surveyed > 0:
		return false
	case h.collectTopics(p, r, min(past, few)):
	case past <= few:
		h.collectTail(p, r, from)
	default:
		return false
	}
	return true
}

// collectOne enters the only topic that is followed.
func (h *history) collectOne(p *position, r *reading) {
	name := p.subs[0].pattern.text
	if t := h.topics[name]; t != nil {
		r.touched++
		r.enter(t, max(p.seq, p.subs[0].base(name)))
	}
}

// collectTopics enters the topics that p follows and that have something past it. It gives up and returns false when it has
// looked at more than most: then the tail is the shorter way.
func (h *history) collectTopics(p *position, r *reading, most int) bool {
	looked := 0
	defer func() { r.touched += looked }()
	for i, s := range p.subs {
		whole := h.visit(s.pattern, func(t *topicLog) bool {
			if looked++; looked > most {
				return false
			}
			if t != nil && t.last > p.seq && !p.followsBefore(i, t.name) {
				base, _ := p.base(t.name)
				r.enter(t, base)
			}
			return true
		})
		if !whole {
			clear(r.heap)
			r.heap = r.heap[:0]
			return false
		}
	}
	return true
}

// followsBefore reports whether one of the first n subs matches the topic.
func (p *position) followsBefore(n int, topic string) bool {
	for _, s := range p.subs[:n] {
		if s.pattern.Match(topic) {
			return true
		}
	}
	return false
}

// collectTail enters the topics that have a slot in the tail from an index on.
func (h *history) collectTail(p *position, r *reading, from int) {
	for i := from; i < h.tail.slots.len(); i++ {
		slot := h.tail.slots.at(i)
		r.touched++
		if slot.topic == nil {
			continue
		}
		base, ok := p.base(slot.topic.name)
		if !ok || slot.seq <= base {
			continue
		}
		// Each topic once: at its first slot past base.
		t := slot.topic
		first := t.past(base)
		if slot.message == nil && first == t.ring.len() || slot.message != nil && *t.ring.at(first) == slot.message {
			r.enter(t, base)
		}
	}
}

// mergeAll states what is not known any more, and then merges what was collected.
func (h *history) mergeAll(p *position, r *reading, alone bool) (more bool) {
	h.stateFloor(p, r, alone)
	more = h.merge(p, r, alone)
	clear(r.heap)
	return more
}

// merge moves what is in r.heap to r.items in the order of the log. It returns true if there is more.
func (h *history) merge(p *position, r *reading, alone bool) (more bool) {
	for len(r.heap) > 0 {
		if r.full() {
			return true
		}
		e := &r.heap[0]
		t := e.topic
		if e.hole {
			h.stateHole(r, e, alone)
			if e.index < t.ring.len() && (*t.ring.at(e.index)).Seq <= r.to {
				e.key, e.hole = (*t.ring.at(e.index)).Seq, false
				r.heap.down()
			} else {
				r.heap.pop()
			}
			continue
		}
		m := *t.ring.at(e.index)
		if m.reborn && e.base >= m.Prev && m.Seq != r.doubted && p.doubts(m) {
			r.gap(h.cursor(m.Seq-1), m.doubt(h.floorWhy))
		}
		r.message(m)
		r.touched++
		if next, ok := t.entry(e.index+1, m.Seq); ok && next.key <= r.to {
			*e = next
			r.heap.down()
		} else {
			r.heap.pop()
		}
	}
	return false
}

// stateHole appends the gap that e stands for. Nothing but the hole lies between its ends where only one topic is followed: then
// the position moves behind it.
func (h *history) stateHole(r *reading, e *mergeEntry, alone bool) {
	n, hole := e.topic.lost(e.base, e.topic.before(e.index))
	r.slow = r.slow || e.topic.tooSlow(e.base, r.late, n, hole)
	n.To = min(n.To, r.to)
	at := r.end
	if alone {
		at = n.To
	}
	r.gap(h.cursor(at), n)
}

// doubt is the gap in front of a message whose predecessor is not known any more. It is as small as a gap can be, since nothing need
// be missing; a client that compares prev with its cover must hear of it all the same.
func (m *Message) doubt(why GapReason) Notice {
	return Notice{Kind: NoticeGap, Topic: m.Topic, From: m.Prev, To: m.Prev, Reason: why, Doubt: true, Cursor: Cursor{Epoch: m.log.epoch, Seq: m.Seq - 1}}
}
