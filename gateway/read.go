package gateway

// Item is one thing that a follower gets: a message, or (if Message is nil) a gap.
type Item struct {
	Message *Message
	Notice  Notice
}

// Page is what a poll reads.
type Page struct {
	Items   []Item
	Cursor  Cursor // the position after the items
	More    bool   // there is more after Cursor already
	Touched int    // how many messages and topics were looked at
}

// Read answers a poll: what comes after s, at most limit items and about maxBytes of payload, at once.
func (g *Gateway) Read(s *Start, limit, maxBytes int) Page {
	r := reading{max: limit, maxBytes: maxBytes}
	for _, n := range s.notices {
		r.items = append(r.items, Item{Notice: n})
	}
	more := g.history.read(&s.position, &r)
	for i := range r.items {
		if r.items[i].Message == nil {
			g.counts.gap(r.items[i].Notice.Reason)
		}
	}
	return Page{Items: r.items, Cursor: Cursor{Epoch: s.epoch, Seq: r.end}, More: more, Touched: r.touched}
}

// reading is one slice of history that is being read, and the room to do it in.
type reading struct {
	max, maxBytes int    // how much to read
	items         []Item // what was read; a gap before a message has the message's seq - 1 as its cursor
	end           uint64 // the position after items
	touched       int

	bytes int
	heap  mergeHeap
	seen  map[*topicLog]struct{}
}

// full reports whether nothing more may be read in this slice.
func (r *reading) full() bool { return len(r.items) >= r.max || r.bytes >= r.maxBytes }

// read appends what comes after p to r.items in the order of the log, and sets r.end. It returns true if there is more. It
// touches no more topics than lie in the patterns, or else no more slots of the tail than lie past p, whichever is less.
func (h *history) read(p *position, r *reading) (more bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	r.end = p.seq
	if len(p.subs) == 1 && p.subs[0].pattern.Exact() {
		more = h.readTopic(p, r)
	} else {
		from := h.tail.after(p.seq)
		if h.collect(p, r, h.tail.slots.len()-from) {
			more = h.readMerged(p, r)
		} else {
			more = h.readTail(p, r, from)
		}
		clear(r.seen)
		clear(r.heap)
		r.heap = r.heap[:0]
	}
	if !more {
		r.end = h.newest.Seq
	}
	return more
}

// readTopic reads one topic, without a merge.
func (h *history) readTopic(p *position, r *reading) (more bool) {
	s := p.subs[0]
	base := max(p.seq, s.base(s.pattern.text))
	t := h.topics[s.pattern.text]
	if t == nil {
		if base < h.floor {
			r.gap(h.epochCursor(h.floor), Notice{Topic: s.pattern.text, From: base + 1, To: h.floor, Reason: h.floorWhy})
		}
		return false
	}
	if t.last <= base {
		return false
	}
	i := t.past(base)
	for ; i < t.ring.len(); i++ {
		if r.full() {
			return true
		}
		base = h.take(t, i, base, r)
		r.end = base
	}
	return h.takeEnd(t, base, r)
}

// past returns the index in the ring of the first message past seq.
func (t *topicLog) past(seq uint64) int {
	return t.ring.search(func(m **Message) bool { return (*m).Seq > seq })
}

// take appends the i-th message of the topic's ring, behind a gap if messages between base and it are lost. It returns
// the message's seq, the new base.
func (h *history) take(t *topicLog, i int, base uint64, r *reading) uint64 {
	m := *t.ring.at(i)
	if i > 0 {
		base = max(base, (*t.ring.at(i - 1)).Seq)
	}
	if n, ok := t.lost(base, m.Prev); ok {
		r.gap(h.epochCursor(m.Seq-1), n)
	}
	r.items = append(r.items, Item{Message: m})
	r.bytes += len(m.Data)
	r.touched++
	return m.Seq
}

// takeEnd states the hole behind the last retained message of a topic, if there is one.
func (h *history) takeEnd(t *topicLog, base uint64, r *reading) (more bool) {
	n, ok := t.lost(base, t.last)
	if !ok {
		return false
	}
	if r.full() {
		return true
	}
	r.gap(h.epochCursor(n.To), n)
	return false
}

func (r *reading) gap(at Cursor, n Notice) {
	n.Kind, n.Cursor = NoticeGap, at
	r.items = append(r.items, Item{Notice: n})
}

func (h *history) epochCursor(seq uint64) Cursor { return Cursor{Epoch: h.log.epoch, Seq: seq} }

// readTail reads along the tail index: the cheaper way when few messages lie past the position.
func (h *history) readTail(p *position, r *reading, from int) (more bool) {
	floors := h.floorGaps(p)
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
		if r.full() {
			return true
		}
		for len(floors) > 0 && slot.seq > h.floor {
			r.gap(h.epochCursor(h.floor), floors[0])
			floors = floors[1:]
		}
		t := slot.topic
		if slot.message != nil {
			h.take(t, t.past(slot.seq-1), base, r)
		} else {
			if n := t.ring.len(); n > 0 {
				base = max(base, (*t.ring.at(n - 1)).Seq)
			}
			h.takeEnd(t, base, r)
		}
		r.end = slot.seq
	}
	for _, n := range floors {
		r.gap(h.epochCursor(h.floor), n)
	}
	return false
}

// floorGaps returns what is not known any more: a topic that was let go may have had messages up to the floor. A
// pattern's gap is stated after everything retained up to the floor, since it speaks of all its topics.
func (h *history) floorGaps(p *position) (gaps []Notice) {
	for _, s := range p.subs {
		base := max(p.seq, s.known)
		if base >= h.floor || s.pattern.Exact() && h.topics[s.pattern.text] != nil {
			continue
		}
		gaps = append(gaps, Notice{Topic: s.pattern.text, From: base + 1, To: h.floor, Reason: h.floorWhy})
	}
	return gaps
}
