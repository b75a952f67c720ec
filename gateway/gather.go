package gateway

import "tidings/gateway/journal"

// outcome is what holds for a follower once everything that was gathered for it is written.
type outcome struct {
	seq    uint64    // its position
	more   bool      // it has more pending
	pend   pending   // the next message of a follower that keeps up
	behind bool      // it must read on in the history
	caught *position // this position has caught up with the history, at seq
}

// gapError says that a peer cannot be told of a gap.
type gapError struct {
	cause error
	after Cursor // the position behind the gap
}

// gather puts what the follower has pending into s.out. On a gapError, what was put there comes in front of the gap.
func (s *shard) gather(f *Follower) (outcome, *gapError) {
	now := outcome{seq: f.main.seq, behind: f.behind, pend: f.pend}
	if s.out.full(f) {
		now.more = true
		return now, nil
	}
	switch {
	case f.behind:
		return s.gatherHistory(f, &f.main, journal.MaxSeq)
	case f.pend.place != nil:
		now = s.gatherLive(f)
	}
	if len(f.joins) > 0 && !now.more && !s.out.full(f) {
		// What joins reads no further than the follower has come itself: in a topic that it follows already, a message that
		// it has not had must not come before an older one.
		joining, err := s.gatherHistory(f, f.joins[0], max(f.main.seq, s.walked.Load()))
		// The follower itself keeps up, whatever becomes of what joins it.
		joining.behind = false
		joining.more = joining.more || len(f.joins) > 1
		return joining, err
	}
	return now, nil
}

// gatherHistory reads on in the history: the way of whoever is behind.
func (s *shard) gatherHistory(f *Follower, p *position, to uint64) (outcome, *gapError) {
	r, o := &s.reading, &s.out
	r.messages, r.bytes, r.touched, r.to = 0, 0, 0, to
	defer func() {
		clear(r.items) // a message that is kept keeps all that come after it
		r.items = r.items[:0]
	}()
	r.max, r.maxBytes = f.maxParts-len(o.batch.Parts), f.maxBytes-o.batch.Bytes
	more := s.gateway.history.read(p, r)
	before := outcome{seq: p.seq} // holds if the next item cannot be told
	for i := range r.items {
		item := &r.items[i]
		if item.Message != nil {
			o.addMessage(f, p, item.Message)
			before.seq = item.Message.Seq
			continue
		}
		s.gateway.counts.gap(item.Notice.Reason)
		if err := o.addNotice(f, p, item.Notice); err != nil {
			return before, &gapError{err, item.Notice.Cursor}
		}
		before.seq = item.Notice.Cursor.Seq
		if last := len(o.marks) - 1; item.told > 0 && last >= 0 {
			o.marks[last].told = item.told
		}
	}
	if more {
		return outcome{seq: r.end, more: true, behind: true}, nil
	}
	for _, sub := range p.subs {
		if !sub.announce {
			continue
		}
		at := s.gateway.history.cursor(r.end)
		if err := o.addLive(f, p, sub, at); err != nil {
			return before, &gapError{err, at}
		}
	}
	return outcome{seq: r.end, caught: p}, nil
}

// gatherLive goes along the links from the first pending message to the last one that the follower was marked for.
func (s *shard) gatherLive(f *Follower) outcome {
	o, p := &s.out, &f.main
	at := f.pend
	single := len(p.subs) == 1 && p.subs[0].pattern.text == at.place.message.Topic
	if !single && at.link == nil {
		// It came here along a topic that it has stopped following since.
		return outcome{seq: p.seq, more: true, behind: true}
	}
	for scanned := 0; ; scanned++ {
		m := at.place.message
		if o.full(f) || scanned == scanSlice {
			return outcome{seq: m.Seq - 1, more: true, pend: at}
		}
		if !f.superseded(at.place) && (single && m.Seq > p.subs[0].known || !single && f.wants(m)) {
			if !f.raw && p.doubts(m) {
				s.gateway.counts.gap(GapExpired)
				_ = o.addNotice(f, p, m.doubt(GapExpired)) // only raw peers cannot be told of a gap
			}
			o.addMessage(f, p, m)
		} else {
			o.pass(p, m.Seq)
		}
		if m.Seq >= f.until {
			return outcome{seq: f.until}
		}
		next := at.next(single)
		if next.place == nil || next.place.message.Seq > f.until {
			// The topic's chain began anew in between: the history knows how it goes on.
			return outcome{seq: m.Seq, more: true, behind: true}
		}
		at = next
	}
}

// superseded reports whether a newer message of a conflating topic is pending too. A marker is none: should it not be
// written, the gap in its stead must not leave this message out.
func (f *Follower) superseded(p *place) bool {
	if !p.message.Latest {
		return false
	}
	newer := p.after.Load()
	return newer != nil && !newer.message.Deleted && newer.message.Seq <= f.until
}

// wants reports whether the follower follows the topic of m, from before m.
func (f *Follower) wants(m *Message) bool {
	base, ok := f.main.base(m.Topic)
	return ok && m.Seq > base
}

// apply makes the outcome hold.
func (o *outcome) apply(s *shard, f *Follower) {
	f.pend, f.behind = o.pend, o.behind
	switch {
	case o.caught == &f.main:
		f.main.caughtUp(o.seq)
	case o.caught != nil:
		o.caught.caughtUp(o.seq)
		f.joins[0] = nil
		f.joins = f.joins[1:]
		s.joined(f, o.caught)
	}
	if o.more || f.pend.place != nil || f.behind || len(f.joins) > 0 {
		s.queue(f)
	}
}
