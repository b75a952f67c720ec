package gateway

import "tidings/gateway/journal"

// Item is one thing that a follower gets: a message, or (if Message is nil) a gap.
type Item struct {
	Message *Message
	Notice  Notice

	told     uint64 // the gaps up to this floor are stated with this item; see position.told
	surveyed uint64 // the losses up to this one are stated with this item; see position.surveyed
	split    bool   // the next item is a gap that nobody would look for again, should the message arrive without it
}

// Page is what a poll reads.
type Page struct {
	Items   []Item
	Cursor  Cursor // the position after the items
	More    bool   // there is more after Cursor already
	Touched int    // how many messages and topics were looked at
}

// Read answers a poll: what comes after s, at most limit messages of about maxBytes of payload, and the gaps
// between them, at once. It reads one message at least. Gaps come on top, and none is parted from the message behind it.
func (g *Gateway) Read(s *Start, limit, maxBytes int) Page {
	r := reading{max: max(1, limit), maxBytes: max(1, maxBytes), to: journal.MaxSeq}
	for _, n := range s.notices {
		r.items = append(r.items, Item{Notice: n})
	}
	more := true
	for more && !r.full() {
		from := len(r.items)
		more = g.history.read(&s.position, &r)
		s.position.took(r.items[from:], r.end)
	}
	for i := range r.items {
		if r.items[i].Message == nil {
			g.counts.gap(r.items[i].Notice.Reason)
		}
	}
	return Page{Items: r.items, Cursor: Cursor{Epoch: s.epoch, Seq: r.end}, More: more, Touched: r.touched}
}

// lookSlice is how many messages and topics are looked at before publishers have their turn.
const lookSlice = 4096

// fewTopics is how many topics may be looked at in every slice, for each message that it can hold. With more, the way along the
// tail is shorter, for all slices together.
const fewTopics = 16

// reading is one slice of history that is being read, and the room to do it in.
type reading struct {
	max, maxBytes int    // how much to read
	to            uint64 // read nothing past this seq
	items         []Item // what was read, in the order of the log
	end           uint64 // the position after items
	touched       int
	doubted       uint64 // see position.doubted
	surveyed      uint64 // see position.surveyed
	late          uint64 // see position.late
	slow          bool   // some topic's rule wants the follower ended, for what is in items

	messages, bytes int // in items
	heap            mergeHeap
}

// full reports whether no further message may be read in this slice. Gaps do not count: they do not bring the position on.
func (r *reading) full() bool { return r.messages >= r.max || r.bytes >= r.maxBytes }

// gap appends a gap, after which the position is at.
func (r *reading) gap(at Cursor, n Notice) {
	n.Kind, n.Cursor = NoticeGap, at
	r.items = append(r.items, Item{Notice: n})
	r.end = max(r.end, at.Seq)
}

// message appends a message.
func (r *reading) message(m *Message) {
	r.items = append(r.items, Item{Message: m})
	r.messages++
	r.bytes += len(m.Data)
	r.end = m.Seq
}

// read appends what comes after p to r.items in the order of the log, and sets r.end. It returns true if there is more. It looks at
// twice lookSlice messages and topics at most: then nothing need have been found, and the position is further on all the same.
//
// The topics that have something are found among those that the patterns match, or along the tail of the log past p,
// whichever is shorter, and their rings merged. Where both are long, it reads along the tail (see walk). A hole is stated as soon
// as the position comes to its first seq: whoever breaks off and resumes from anything behind that has been told.
func (h *history) read(p *position, r *reading) (more bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	to := r.to
	defer func() { r.to = to }()
	r.end, r.doubted, r.late, r.slow = p.seq, p.doubted, p.late, false
	r.to = min(r.to, h.head.Load())
	r.heap = r.heap[:0]
	alone := len(p.subs) == 1 && p.subs[0].pattern.Exact()
	if alone {
		h.collectOne(p, r)
		more = h.mergeAll(p, r, true)
	} else if from := h.tail.after(p.seq); h.collect(p, r, from) {
		more = h.mergeAll(p, r, false)
	} else {
		more = h.walk(p, r, from)
	}
	if !more {
		r.end = max(p.seq, r.to)
	}
	return more
}

func (h *history) cursor(seq uint64) Cursor { return Cursor{Epoch: h.log.epoch, Seq: seq} }

// stateFloor states what is not known any more: a followed topic without state may have had messages up to the floor.
// A pattern's gap speaks of topics that were let go only; of the others, what is retained follows.
func (h *history) stateFloor(p *position, r *reading, alone bool) {
	if h.floor <= p.told || h.floor > r.to {
		return
	}
	for _, s := range p.subs {
		base := max(p.seq, s.known)
		if base >= h.floor || s.pattern.Exact() && h.topics[s.pattern.text] != nil {
			continue
		}
		at := h.cursor(p.seq)
		if alone {
			at.Seq = h.floor
		}
		r.gap(at, Notice{Topic: s.pattern.text, From: base + 1, To: h.floor, Reason: h.floorWhy})
		r.items[len(r.items)-1].told = h.floor
	}
}
