package gateway

import (
	"slices"

	"tidings/gateway/journal"
)

// outcome is what holds for a follower once everything that was gathered for it is written.
type outcome struct {
	seq    uint64    // the batch's cursor
	own    uint64    // the position of a lone follower that keeps up
	more   bool      // it has more pending
	pend   pending   // the next message of a mixed follower that keeps up
	behind bool      // it must read on in the history
	caught *position // this position has caught up with the history, at seq
}

// gapError says that the follower is to end in front of a gap: its peer cannot be told of it, or it was too slow for its topics.
type gapError struct {
	reason Reason
	after  Cursor // where its client is to come back: behind the gap, if it cannot be told
}

// stand returns the follower's position, to be moved while it is served. That of a lone follower that keeps up is the shard's: what
// becomes of it must be kept in the follower.
func (s *shard) stand(f *Follower) *position {
	if !f.abreast() {
		return &f.more.main
	}
	s.lone = position{seq: s.seqOf(f)}
	return &s.lone
}

// seqOf returns the position of a lone follower that keeps up: nothing that it follows lies between its last message and the first
// that it lacks, or the end of the walk.
func (s *shard) seqOf(f *Follower) uint64 {
	if f.seq >= f.audience.until {
		return max(f.seq, s.walked.Load())
	}
	w := f.audience.sweep
	return max(f.seq, (*w.pending.at(w.first(f.seq))).message.Seq-1)
}

// gather puts what the follower has pending into s.out. On a gapError, what was put there comes in front of the gap.
func (s *shard) gather(f *Follower, p *position) (outcome, *gapError) {
	now := outcome{seq: p.seq, own: p.seq, behind: f.is(behind)}
	x := f.more
	if x != nil {
		now.pend = x.pend
	}
	if s.out.full(f) {
		now.more = true
		return now, nil
	}
	switch {
	case f.is(behind):
		return s.gatherHistory(f, p, journal.MaxSeq)
	case f.audience != nil:
		now = s.gatherLone(f, p)
	case x.pend.place != nil:
		now = s.gatherMixed(f, p)
	}
	if x != nil && len(x.joins) > 0 && !now.more && !s.out.full(f) {
		// What joins reads no further than the follower has come itself: in a topic that it follows already, a message that
		// it has not had must not come before an older one.
		joining, err := s.gatherHistory(f, x.joins[0], max(now.seq, s.walked.Load()))
		// The follower itself keeps up, whatever becomes of what joins it.
		joining.behind, joining.own = false, now.own
		joining.more = joining.more || len(x.joins) > 1
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
	parts, bytes := f.terms.batch()
	r.max, r.maxBytes = parts-len(o.batch.Parts), bytes-o.batch.Bytes
	more := s.gateway.history.read(p, r)
	before := outcome{seq: p.seq} // holds if the next item cannot be told
	if r.slow {
		return before, &gapError{ReasonSlow, s.cursor(f)}
	}
	for i := range r.items {
		item := &r.items[i]
		if item.Message != nil {
			o.addMessage(f, p, item.Message, false)
			o.tell(p, item)
			before.seq = item.Message.Seq
			continue
		}
		s.gateway.counts.gap(item.Notice.Reason)
		if err := o.addNotice(f, p, item.Notice); err != nil {
			return before, &gapError{ReasonGap, item.Notice.Cursor}
		}
		before.seq = item.Notice.Cursor.Seq
		o.tell(p, item)
	}
	if more {
		o.pass(p, r.end) // it may have come further than to the last item
		return outcome{seq: r.end, more: true, behind: true}, nil
	}
	for _, sub := range p.subs {
		if !sub.announce {
			continue
		}
		at := s.gateway.history.cursor(r.end)
		if err := o.addLive(f, p, sub, at); err != nil {
			return before, &gapError{ReasonGap, at}
		}
	}
	return outcome{seq: r.end, caught: p}, nil
}

// gatherLone goes along what the follower's audience has pending.
func (s *shard) gatherLone(f *Follower, p *position) outcome {
	a, o := f.audience, &s.out
	if f.seq >= a.until {
		return outcome{seq: p.seq, own: p.seq}
	}
	pending := &a.sweep.pending
	for i := a.sweep.first(f.seq); i < pending.len(); i++ {
		at := *pending.at(i)
		m := at.message
		if o.full(f) {
			return outcome{seq: m.Seq - 1, own: m.Seq - 1, more: true}
		}
		if at.superseded(a.until) {
			o.pass(p, m.Seq)
			continue
		}
		if m.reborn && !m.Latest && !f.terms.Raw && a.lone.at(int(f.slot)).fresh < m.Prev {
			s.doubt(f, p, m)
		}
		o.addMessage(f, p, m, true)
	}
	return outcome{seq: a.until, own: a.until}
}

// doubt tells that the predecessor of m is not known. Only raw peers cannot be told of a gap, and they are not.
func (s *shard) doubt(f *Follower, p *position, m *Message) {
	s.gateway.counts.gap(GapExpired)
	_ = s.out.addNotice(f, p, m.doubt(GapExpired))
}

// gatherMixed goes along the links from the first pending message to the last one that the follower was marked for.
func (s *shard) gatherMixed(f *Follower, p *position) outcome {
	o, x := &s.out, f.more
	at := x.pend
	for scanned := 0; ; scanned++ {
		m := at.place.message
		if o.full(f) || scanned == scanSlice {
			return outcome{seq: m.Seq - 1, more: true, pend: at}
		}
		if !at.place.superseded(x.until) && p.wants(m) {
			if !f.terms.Raw && p.doubts(m) {
				s.doubt(f, p, m)
			}
			o.addMessage(f, p, m, true)
		} else {
			o.pass(p, m.Seq)
		}
		if m.Seq >= x.until {
			return outcome{seq: x.until}
		}
		next := at.link.next.Load()
		if next == nil || next.place.message.Seq > x.until {
			return outcome{seq: m.Seq, more: true, behind: true} // never: the walk came along here
		}
		at = pending{next.place, next}
	}
}

// superseded reports whether a newer message of a conflating topic, no later than until, is pending too. A marker is none: should it
// not be written, the gap in its stead must not leave this message out.
func (p *place) superseded(until uint64) bool {
	if !p.message.Latest || p.message.byKey {
		return false
	}
	newer := p.after.Load()
	return newer != nil && !newer.message.Deleted && newer.message.Seq <= until
}

// wants reports whether the topic of m is followed, from before m, at a position that keeps up: nothing begins elsewhere then, and no
// hole lies ahead.
func (p *position) wants(m *Message) bool {
	if m.Seq <= p.seq {
		return false
	}
	for _, s := range p.subs {
		if m.Seq > s.known && s.pattern.Match(m.Topic) {
			return true
		}
	}
	return false
}

// begun makes hold what of the outcome was said already, although not all was written. A client that hears that a topic is live takes it
// that the topic shares the follower's position from then on: so it has to.
func (o *outcome) begun(s *shard, f *Follower) {
	x := f.more
	if o.caught == nil || o.caught == &x.main || !f.terms.Live || !slices.ContainsFunc(o.caught.subs, func(s *sub) bool { return !s.announce }) {
		return
	}
	var left []Notice
	for _, sub := range o.caught.subs {
		if sub.announce {
			sub.announce = false
			left = append(left, Notice{Kind: NoticeLive, Topic: sub.pattern.text, Cursor: s.gateway.history.cursor(o.seq)})
		}
	}
	o.caught.caughtUp(o.seq)
	x.joins[0] = nil
	x.joins = x.joins[1:]
	s.joined(f, o.caught)
	f.set(behind)
	s.tell(f, left)
}

// apply makes the outcome hold.
func (o *outcome) apply(s *shard, f *Follower) {
	x := f.more
	if f.abreast() {
		f.seq = max(f.seq, o.own)
	} else {
		x.pend = o.pend
		f.clear(behind)
		if o.behind {
			f.set(behind)
		}
	}
	switch {
	case o.caught == nil:
	case o.caught == &x.main:
		x.main.caughtUp(o.seq)
		if f.audience != nil {
			f.seq = x.main.seq
			f.audience.lone.at(int(f.slot)).fresh = x.main.subs[0].freshness()
			x.main = position{}
		}
	default:
		o.caught.caughtUp(o.seq)
		x.joins[0] = nil
		x.joins = x.joins[1:]
		s.joined(f, o.caught)
	}
	if f.is(behind) || x != nil && (len(x.joins) > 0 || x.pend.place != nil) || o.more && !f.abreast() {
		s.queue(f)
	}
	f.trim()
}
