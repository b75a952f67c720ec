package gateway

import "errors"

// outlet is where a shard gathers what a follower has pending, and takes account of what was written.
type outlet struct {
	batch   Batch
	marks   []mark // one per part
	gaps    []Notice
	scratch []byte // notices of one batch; never used again, since a connection may write them later than it takes them
}

// mark says what a part of a batch is, and what holds once it is written.
type mark struct {
	position *position // moves to seq; nil for the rest of a unit and for replies
	seq      uint64
	told     uint64    // what becomes of position.told, if it rises
	surveyed uint64    // the same of position.surveyed
	split    bool      // see Item.split
	sub      *sub      // what has caught up, if kind is markLive
	message  *Message  // nil for a notice
	encoding *encoding // of message
	gap      int32     // what was stated, if kind is markGap: index in outlet.gaps
	kind     markKind
	live     bool // message came along the links, not from the history
}

type markKind uint8

const (
	markRest markKind = iota
	markGreeting
	markReply
	markNotice
	markGap
	markLive
	markMessage
)

func (o *outlet) reset() {
	clear(o.batch.Parts)
	clear(o.marks)
	clear(o.gaps)
	o.batch = Batch{Parts: o.batch.Parts[:0]}
	o.marks, o.gaps = o.marks[:0], o.gaps[:0]
	o.scratch = nil
}

func (o *outlet) add(part []byte, m mark) {
	o.batch.Parts = append(o.batch.Parts, part)
	o.batch.Bytes += len(part)
	o.marks = append(o.marks, m)
}

// addGreeting adds what the follower's peer is told first.
func (o *outlet) addGreeting(f *Follower, at Cursor) {
	o.batch.Parts = f.peer.Greeting(o.batch.Parts, at)
	for i := len(o.marks); i < len(o.batch.Parts); i++ {
		o.batch.Bytes += len(o.batch.Parts[i])
		o.marks = append(o.marks, mark{kind: markGreeting})
	}
}

// addMessage adds m in the follower's format. A message that the format cannot say moves the position all the same.
func (o *outlet) addMessage(f *Follower, p *position, m *Message, live bool) {
	e := m.encode(f.terms.Format)
	if len(e.bytes) == 0 {
		o.pass(p, m.Seq)
		return
	}
	o.add(e.bytes, mark{position: p, seq: m.Seq, message: m, encoding: e, kind: markMessage, live: live})
}

// addNotice adds n, or fails if the peer cannot be told.
func (o *outlet) addNotice(f *Follower, p *position, n Notice) error {
	if n.Doubt && f.terms.Raw {
		return nil // who does not see prev cannot be led into error by it
	}
	from := len(o.scratch)
	var err error
	if o.scratch, err = f.peer.AppendNotice(o.scratch, n); err != nil {
		return err
	}
	if part := o.scratch[from:]; len(part) > 0 {
		m := mark{position: p, seq: n.Cursor.Seq, kind: markNotice}
		if n.Kind == NoticeGap {
			m.kind, m.gap = markGap, int32(len(o.gaps))
			o.gaps = append(o.gaps, n)
		}
		o.add(part, m)
	} else {
		o.pass(p, n.Cursor.Seq)
	}
	return nil
}

// addLive adds that a sub of p has caught up at a cursor.
func (o *outlet) addLive(f *Follower, p *position, s *sub, at Cursor) error {
	next := len(o.marks)
	if err := o.addNotice(f, p, Notice{Kind: NoticeLive, Topic: s.pattern.text, Cursor: at}); err != nil {
		return err
	}
	if next < len(o.marks) {
		o.marks[next].kind, o.marks[next].sub = markLive, s
	} else {
		s.announce = false // the peer has no way to say it
	}
	return nil
}

// pass moves the position over something that is not written, once what is in front of it was.
func (o *outlet) pass(p *position, seq uint64) {
	if last := len(o.marks) - 1; last >= 0 && o.marks[last].position == p {
		o.marks[last].seq = seq
	} else if last < 0 {
		p.advance(seq)
	}
}

// tell notes what holds of p once the item, which was added last, has arrived.
func (o *outlet) tell(p *position, item *Item) {
	if last := len(o.marks) - 1; last >= 0 && o.marks[last].position == p {
		m := &o.marks[last]
		m.split = item.split
		m.told, m.surveyed = max(m.told, item.told), max(m.surveyed, item.surveyed)
	} else if last < 0 {
		// The peer has no way to say it.
		p.tell(item.told, item.surveyed, item.split)
	}
}

// full reports whether the batch of f has all that it may have.
func (o *outlet) full(f *Follower) bool {
	parts, bytes := f.terms.batch()
	return len(o.batch.Parts) >= parts || o.batch.Bytes >= bytes
}

// serveOne lets the follower write what it has pending, as much as one batch holds.
func (s *shard) serveOne(f *Follower) {
	if f.is(ended | blocked) {
		return
	}
	s.common.end(s)
	o, p := &s.out, s.stand(f)
	o.reset()
	if x := f.more; x != nil {
		if x.rest != nil {
			o.add(x.rest, mark{kind: markRest})
		}
		if f.is(greeting) {
			s.greet(f, p)
		}
		for _, unit := range x.replies {
			o.add(unit, mark{kind: markReply})
		}
	} else if f.is(greeting) {
		s.greet(f, p)
	}
	then, gap := s.gather(f, p)
	whole := true
	if len(o.batch.Parts) > 0 {
		o.batch.Cursor = s.gateway.history.cursor(then.seq)
		o.batch.More = then.more
		whole = s.write(f)
	}
	switch {
	case f.is(ended):
	case !whole:
		s.block(f, p)
		then.begun(s, f)
	case gap != nil:
		s.endAt(f, gap.reason, gap.after, true)
	default:
		then.apply(s, f)
	}
	// A message that is kept here keeps all that come after it.
	o.reset()
}

func (s *shard) greet(f *Follower, p *position) {
	f.clear(greeting)
	s.out.addGreeting(f, s.gateway.history.cursor(p.seq))
}

// block has the follower wait for its peer, at position p. It reads on in the history then.
func (s *shard) block(f *Follower, p *position) {
	f.set(blocked)
	x := f.extra()
	switch {
	case f.abreast():
		x.main = *p
		x.main.subs = []*sub{f.sub()}
		f.set(behind)
	case x.pend.place != nil:
		x.pend = pending{}
		f.set(behind)
	}
}

// write offers s.out to the follower's peer. It returns true if all was taken; the follower may have ended.
func (s *shard) write(f *Follower) (whole bool) {
	n, err := f.peer.Write(&s.out.batch)
	whole = s.account(f, n)
	if err != nil {
		s.failed(f, err)
	}
	return whole
}

// failed ends a follower whose peer's Write returned err.
func (s *shard) failed(f *Follower, err error) {
	reason := ReasonGone
	if errors.Is(err, ErrFinished) {
		reason = ReasonFinished
	}
	s.end(f, reason, false)
}

// ping tells a peer to which nothing was said for a while that the follower lives, and where it is.
func (s *shard) ping(f *Follower) {
	s.out.reset()
	p := s.stand(f)
	n := Notice{Kind: NoticePing, Cursor: s.cursor(f)}
	if err := s.out.addNotice(f, p, n); err != nil {
		s.endAt(f, ReasonGap, n.Cursor, true)
		return
	}
	if len(s.out.batch.Parts) > 0 {
		s.out.batch.Cursor = n.Cursor
		if !s.write(f) && !f.is(ended) {
			s.block(f, p)
		}
	}
	s.out.reset()
}

// finish ends a wait in which nothing came.
func (s *shard) finish(f *Follower) {
	s.out.reset()
	s.out.batch.Cursor = s.cursor(f)
	s.write(f)
	s.end(f, ReasonFinished, false)
}

// account moves the follower's positions behind the n bytes that were written; whole says that those were all.
func (s *shard) account(f *Follower, n int) (whole bool) {
	o := &s.out
	counts := s.counts(f)
	if n > 0 {
		if f.terms.Wait <= 0 {
			f.moment = s.soon
		}
		counts.writes++
		counts.bytes += uint64(n)
	}
	for i := range o.marks {
		part, m := o.batch.Parts[i], &o.marks[i]
		if n == 0 {
			s.keepGreeting(f, i)
			return false
		}
		if m.position != nil {
			m.position.advance(m.seq)
			m.position.tell(m.told, m.surveyed, m.split)
		}
		switch m.kind {
		case markRest:
			if n >= len(part) {
				s.release(f)
				f.more.rest = nil
			}
		case markLive:
			m.sub.announce = false
		case markReply:
			s.replied(f, len(part))
		case markGap:
			gap := &o.gaps[m.gap]
			m.position.stated(gap.Topic, gap.To)
			if gap.Doubt {
				m.position.doubted = gap.Cursor.Seq + 1
			}
		case markMessage:
			counts.messages++
			if m.live {
				counts.latency.add(s.now-m.message.arrived, 1)
			}
		}
		if n >= len(part) {
			n -= len(part)
			continue
		}
		s.keepRest(f, part[n:], m)
		s.keepGreeting(f, i+1)
		return false
	}
	return true
}

// replied takes account of a reply of n bytes that has left, or was begun.
func (s *shard) replied(f *Follower, n int) {
	x := f.more
	x.replies[0] = nil
	if x.replies = x.replies[1:]; len(x.replies) == 0 {
		x.replies = nil
	}
	if f.talk.written(n) {
		if t, ok := f.peer.(Talker); ok {
			t.Room()
		}
	}
}

// keepGreeting keeps what of the greeting begins with part i of the batch: none of that was written.
func (s *shard) keepGreeting(f *Follower, i int) {
	o := &s.out
	from := i
	for i < len(o.marks) && o.marks[i].kind == markGreeting {
		i++
	}
	if from == i {
		return
	}
	kept := append([][]byte(nil), o.batch.Parts[from:i]...)
	for _, part := range kept {
		f.talk.add(len(part))
	}
	x := f.extra()
	x.replies = append(kept, x.replies...)
}

// keepRest keeps the end of a unit that was written in part. A message's bytes are shared, and pinned while somebody
// needs them; a notice's are the shard's own and are copied.
func (s *shard) keepRest(f *Follower, rest []byte, m *mark) {
	switch m.kind {
	case markMessage:
		s.gateway.history.log.pinned.hold(f, m.seq, m.encoding)
		f.set(holds)
	case markNotice, markGap, markLive:
		rest = append([]byte(nil), rest...)
	}
	f.extra().rest = rest
}

func (s *shard) release(f *Follower) {
	if f.is(holds) {
		s.gateway.history.log.pinned.release(f)
		f.clear(holds)
	}
}
