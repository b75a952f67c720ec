package gateway

import (
	"slices"
	"time"
)

// Start is where a follow begins, resolved against the log at one moment. It is used once.
type Start struct {
	position position
	epoch    string
	// notices are the gaps of cursors that this log does not know: their extent is not known either.
	notices []Notice
	head    uint64

	// Room for the only sub of most followers.
	one  [1]sub
	ones [1]*sub
}

// Cursor is the follower's position before its first message: what hello says.
func (s *Start) Cursor() Cursor { return Cursor{Epoch: s.epoch, Seq: s.position.seq} }

// Start resolves follows. It fails with [ErrTooManyTopics].
func (g *Gateway) Start(follows []Follow) (*Start, error) {
	if len(follows) > g.options.FollowTopics {
		return nil, ErrTooManyTopics
	}
	return g.history.start(follows), nil
}

func (h *history) start(follows []Follow) *Start {
	h.mu.RLock()
	defer h.mu.RUnlock()
	head := h.head.Load()
	out := &Start{epoch: h.log.epoch, head: head, position: position{seq: head, late: head}}
	subs := out.one[:]
	out.position.subs = out.ones[:0]
	if len(follows) > len(subs) {
		subs = make([]sub, len(follows))
		out.position.subs = make([]*sub, 0, len(follows))
	}
	resumes := slices.ContainsFunc(follows, func(f Follow) bool { return f.Since.Kind == SinceCursor })
	for i, f := range follows {
		s := &subs[i]
		s.pattern, s.known, s.fresh = f.Pattern, head, f.Since.Kind != SinceCursor
		first := head // what must be read for this sub lies past it
		switch f.Since.Kind {
		case SinceNow:
		case SinceCursor:
			s.known, first = h.resume(f, out)
		default:
			if s.all = f.Since.Kind == SinceAll && !resumes && h.many(f.Pattern); s.all {
				// It reads along the tail, and what was lost before is none of its business.
				first, out.position.surveyed = 0, h.losses.count
				break
			}
			first = h.startEach(s, f.Since)
		}
		out.position.seq = min(out.position.seq, first)
		out.position.subs = append(out.position.subs, s)
	}
	return out
}

// resume returns the seq of a cursor. One that this log cannot have given out begins at the start of what is retained,
// behind a gap of unknown extent.
func (h *history) resume(f Follow, out *Start) (known, first uint64) {
	c := f.Since.Cursor
	reason := GapRestart
	if c.Epoch == h.log.epoch {
		if c.Seq <= out.head {
			return c.Seq, c.Seq
		}
		reason = GapUnknownCursor
	}
	out.notices = append(out.notices, Notice{Kind: NoticeGap, Topic: f.Pattern.String(), Reason: reason, Cursor: Cursor{Epoch: h.log.epoch}})
	return 0, 0
}

// startEach finds where each topic of a sub begins that is not followed from a cursor. What was lost before is no gap:
// nobody claimed to have it.
func (h *history) startEach(s *sub, since Since) (first uint64) {
	first = h.head.Load()
	h.visit(s.pattern, func(t *topicLog) bool {
		if t == nil {
			return true
		}
		i := t.begin(since)
		if i == t.ring.len() {
			return true
		}
		m := *t.ring.at(i)
		first = min(first, m.Seq-1)
		from := m.Prev
		if i > 0 {
			from = max(from, (*t.ring.at(i - 1)).Seq)
		}
		if s.pattern.Exact() {
			s.known = from
			return true
		}
		if s.starts == nil {
			s.starts = make(map[string]uint64)
		}
		s.starts[t.name] = from
		return true
	})
	return first
}

// many reports whether a pattern leads to more topics than may be looked at in every slice.
func (h *history) many(p Pattern) bool {
	looked, most := 0, min(h.lookSlice, h.fewTopics*64)
	return !p.Exact() && !h.visit(p, func(*topicLog) bool { looked++; return looked <= most })
}

// begin returns the index in the ring of the first message that since asks for.
func (t *topicLog) begin(since Since) int {
	switch since.Kind {
	case SinceAll:
		return 0
	case SinceLast:
		return max(0, t.ring.len()-since.N)
	case SinceTime:
		// Times in the log have whole milliseconds: one in the middle of since's millisecond counts as at it.
		at := since.Time.Truncate(time.Millisecond).UnixMilli()
		return t.ring.search(func(m **Message) bool { return (*m).Time >= at })
	}
	return t.ring.len()
}

// visit calls fn with the topics of a pattern, and with nil for other work, until it returns false. h.mu is held.
func (h *history) visit(p Pattern, fn func(*topicLog) bool) bool {
	if p.Exact() {
		t := h.topics[p.text]
		return t == nil || fn(t)
	}
	return h.names.visit(p.text, true, fn)
}

// Newest returns the cursor of the newest message (or marker) of what is followed; its Seq is 0 if there is none.
func (g *Gateway) Newest(follows []Follow) Cursor {
	return Cursor{Epoch: g.Epoch(), Seq: g.history.newestOf(follows)}
}

func (h *history) newestOf(follows []Follow) uint64 {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if !slices.ContainsFunc(follows, func(f Follow) bool { return !f.Pattern.Exact() }) {
		var newest uint64
		for _, f := range follows {
			if t := h.topics[f.Pattern.text]; t != nil {
				newest = max(newest, t.last)
			}
		}
		return newest
	}
	// Busy patterns are found near the end of the tail at once; for quiet ones looking at their topics costs less.
	const tries = 1000
	for i := h.tail.slots.len() - 1; i >= 0 && i >= h.tail.slots.len()-tries; i-- {
		if slot := h.tail.slots.at(i); slot.topic != nil && slot.seq == slot.topic.last && matchAny(follows, slot.topic.name) {
			return slot.seq
		}
	}
	var newest uint64
	for _, f := range follows {
		h.visit(f.Pattern, func(t *topicLog) bool {
			if t != nil {
				newest = max(newest, t.last)
			}
			return true
		})
	}
	return newest
}

func matchAny(follows []Follow, topic string) bool {
	return slices.ContainsFunc(follows, func(f Follow) bool { return f.Pattern.Match(topic) })
}
