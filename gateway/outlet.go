package gateway

import "errors"

// outlet is where a shard gathers what a follower has pending, and takes account of what was written.
type outlet struct {
	batch   Batch
	marks   []mark // one per part
	scratch []byte // notices of one batch; never used again, since a connection may write them later than it takes them
}

// mark says what a part of a batch is, and what holds once it is written.
type mark struct {
	position *position // moves to seq; nil for the rest of a unit and for replies
	seq      uint64
	told     uint64    // what becomes of position.told, if it rises
	gap      Notice    // what was stated, if kind is markGap
	sub      *sub      // what has caught up, if kind is markLive
	message  *Message  // nil for a notice
	encoding *encoding // of message
	kind     markKind
	live     bool // message came along the links, not from the history
}

type markKind uint8

const (
	markRest markKind = iota
	markReply
	markNotice
	markGap
	markLive
	markMessage
)

func (o *outlet) reset() {
	clear(o.batch.Parts)
	clear(o.marks)
	o.batch = Batch{Parts: o.batch.Parts[:0]}
	o.marks = o.marks[:0]
	o.scratch = nil
}

func (o *outlet) add(part []byte, m mark) {
	o.batch.Parts = append(o.batch.Parts, part)
	o.batch.Bytes += len(part)
	o.marks = append(o.marks, m)
}

// addMessage adds m in the follower's format. A message that the format cannot say moves the position all the same.
func (o *outlet) addMessage(f *Follower, p *position, m *Message) {
	e := m.encode(f.format)
	if len(e.bytes) == 0 {
		o.pass(p, m.Seq)
		return
	}
	o.add(e.bytes, mark{position: p, seq: m.Seq, message: m, encoding: e, kind: markMessage, live: p == &f.main && !f.behind})
}

// addNotice adds n, or fails if the peer cannot be told.
func (o *outlet) addNotice(f *Follower, p *position, n Notice) error {
	if n.Doubt && f.raw {
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
			m.kind, m.gap = markGap, n
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

// full reports whether the batch of f has all that it may have.
func (o *outlet) full(f *Follower) bool {
	return len(o.batch.Parts) >= f.maxParts || o.batch.Bytes >= f.maxBytes
}

// serveOne lets the follower write what it has pending, as much as one batch holds.
func (s *shard) serveOne(f *Follower) {
	if f.ended || f.blocked {
		return
	}
	o := &s.out
	o.reset()
	if f.rest != nil {
		o.add(f.rest, mark{kind: markRest})
	}
	for _, unit := range f.replies {
		o.add(unit, mark{kind: markReply})
	}
	then, gap := s.gather(f)
	whole := true
	if len(o.batch.Parts) > 0 {
		o.batch.Cursor = Cursor{Epoch: s.gateway.history.log.epoch, Seq: then.seq}
		o.batch.More = then.more
		whole = s.write(f)
	}
	// A message that is kept here keeps all that come after it.
	o.reset()
	switch {
	case f.ended:
	case !whole:
		f.blocked = true
		if f.pend.place != nil {
			f.pend, f.behind = pending{}, true
		}
	case gap != nil:
		s.endAt(f, ReasonGap, gap.after, true)
	default:
		then.apply(s, f)
	}
}

// write offers s.out to the follower's peer. It returns true if all was taken; the follower may have ended.
func (s *shard) write(f *Follower) (whole bool) {
	n, err := f.peer.Write(&s.out.batch)
	whole = s.account(f, n)
	switch {
	case errors.Is(err, ErrFinished):
		s.end(f, ReasonFinished, false)
	case err != nil:
		s.end(f, ReasonGone, false)
	}
	return whole
}

// ping tells a peer to which nothing was said for a while that the follower lives, and where it is.
func (s *shard) ping(f *Follower) {
	s.out.reset()
	n := Notice{Kind: NoticePing, Cursor: f.cursor()}
	if err := s.out.addNotice(f, &f.main, n); err != nil {
		s.endAt(f, ReasonGap, n.Cursor, true)
		return
	}
	if len(s.out.batch.Parts) > 0 {
		s.out.batch.Cursor = n.Cursor
		f.blocked = !s.write(f)
	}
	s.out.reset()
}

// finish ends a wait in which nothing came.
func (s *shard) finish(f *Follower) {
	s.out.reset()
	s.out.batch.Cursor = f.cursor()
	s.write(f)
	s.end(f, ReasonFinished, false)
}

// account moves the follower's positions behind the n bytes that were written; whole says that those were all.
func (s *shard) account(f *Follower, n int) (whole bool) {
	o := &s.out
	counts := &s.stats[f.class]
	if n > 0 {
		f.said = s.now
		counts.writes++
		counts.bytes += uint64(n)
	}
	for i := range o.marks {
		part, m := o.batch.Parts[i], &o.marks[i]
		if n == 0 {
			return false
		}
		if m.position != nil {
			m.position.advance(m.seq)
			m.position.told = max(m.position.told, m.told)
		}
		switch m.kind {
		case markRest:
			if n >= len(part) {
				s.release(f)
				f.rest = nil
			}
		case markLive:
			m.sub.announce = false
		case markReply:
			f.replies[0] = nil
			f.replies = f.replies[1:]
			f.reply.add(-len(part))
		case markGap:
			m.position.stated(m.gap.Topic, m.gap.To)
			if m.gap.Doubt {
				m.position.doubted = m.gap.Cursor.Seq + 1
			}
		case markMessage:
			counts.messages++
			if m.live {
				counts.latency.add(s.now - m.message.arrived)
			}
		}
		if n >= len(part) {
			n -= len(part)
			continue
		}
		s.keepRest(f, part[n:], m)
		return false
	}
	if len(f.replies) == 0 {
		f.replies = nil
	}
	return true
}

// keepRest keeps the end of a unit that was written in part. A message's bytes are shared, and pinned while somebody
// needs them; a notice's are the shard's own and are copied.
func (s *shard) keepRest(f *Follower, rest []byte, m *mark) {
	switch m.kind {
	case markMessage:
		s.gateway.history.log.pinned.hold(f, m.seq, m.encoding)
		f.holds = true
	case markNotice, markGap, markLive:
		rest = append([]byte(nil), rest...)
	}
	f.rest = rest
}

func (s *shard) release(f *Follower) {
	if f.holds {
		s.gateway.history.log.pinned.release(f)
		f.holds = false
	}
}
