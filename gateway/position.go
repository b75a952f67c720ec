package gateway

// position is where a follower stands in some topics and patterns: everything up to seq was written, or stated as a gap.
type position struct {
	subs []*sub
	seq  uint64
	late uint64 // the head of the log when the follow began: what was lost up to it was not lost because the follower is slow
	told uint64 // the floor up to which gaps of topics that were let go have been stated
	// doubted is the seq of the last message in front of which a doubt was stated (see Message.doubt).
	doubted uint64
	// surveyed is the loss (see lossIndex) up to which all gaps were stated that begin right behind the position, while it reads
	// along the tail; else 0.
	surveyed uint64
	// holes holds up to where gaps were stated that end past seq, and holesEnd the furthest of them; nil once all are passed.
	// What reads along the tail needs none.
	holes    map[string]uint64
	holesEnd uint64
}

// sub is one followed topic or pattern. For a pattern that was followed from something else than a cursor, each topic
// begins at a place of its own.
type sub struct {
	pattern Pattern
	// known is the seq up to which nothing is missed: where the follow began.
	known uint64
	// fresh says that whoever follows has nothing of a topic from before base: it began from something else than a cursor, and
	// where each topic began is still known.
	fresh bool
	// starts holds the topics that begin elsewhere; nil once the follower has caught up.
	starts map[string]uint64
	// all says that every topic begins with what is retained of it, where that are too many to be listed in starts. Until the follower
	// has caught up, known is the head of the log when the follow began.
	all bool

	announce bool      // NoticeLive is due once the sub has caught up; owned by the shard
	slot     int       // index in audience; owned by the shard
	audience *audience // owned by the shard
}

// base returns the seq up to which a topic that the sub matches needs nothing.
func (s *sub) base(topic string) uint64 {
	if from, ok := s.starts[topic]; ok {
		return from
	}
	if s.all {
		return 0
	}
	return s.known
}

// doubts reports whether the follower must be told that the predecessor of m is not known (see Message.doubt). Who began after
// it, without anything from before, cannot miss it.
func (p *position) doubts(m *Message) bool {
	if !m.reborn || m.Latest {
		return false
	}
	for _, s := range p.subs {
		if s.all && m.Seq <= s.known {
			continue
		}
		if s.pattern.Match(m.Topic) && (!s.fresh || s.base(m.Topic) < m.Prev) {
			return true
		}
	}
	return false
}

// base returns the seq up to which the topic needs nothing at this position; ok is false if the topic is not followed.
func (p *position) base(topic string) (base uint64, ok bool) {
	for _, s := range p.subs {
		if s.pattern.Match(topic) {
			if b := s.base(topic); !ok || b < base {
				base, ok = b, true
			}
		}
	}
	return max(base, p.seq, p.holes[topic]), ok
}

// stated notes that a gap was stated, so that the next slice of a long catch-up does not state it again.
func (p *position) stated(topic string, to uint64) {
	if to <= p.seq || p.surveyed > 0 {
		return
	}
	if p.holes == nil {
		p.holes = make(map[string]uint64)
	}
	p.holes[topic] = max(p.holes[topic], to)
	p.holesEnd = max(p.holesEnd, to)
}

// advance moves the position up to seq.
func (p *position) advance(seq uint64) {
	p.seq = max(p.seq, seq)
	if p.seq >= p.holesEnd {
		p.holes = nil
	}
}

// caughtUp says that everything up to seq was read: nothing has a beginning of its own any more.
func (p *position) caughtUp(seq uint64) {
	p.advance(seq)
	p.surveyed = 0
	for _, s := range p.subs {
		s.fresh = s.fresh && s.starts == nil && !s.all
		s.starts, s.all = nil, false
	}
}

// tell notes up to where gaps have been stated. With split, one is missing that was to come next: should it not, the position has
// to look for everything again.
func (p *position) tell(told, surveyed uint64, split bool) {
	p.told, p.surveyed = max(p.told, told), max(p.surveyed, surveyed)
	if split {
		p.surveyed = 0
	}
}

// took makes it hold that items were handed over, after which the position is seq.
func (p *position) took(items []Item, seq uint64) {
	for i := range items {
		item := &items[i]
		p.tell(item.told, item.surveyed, item.split)
		if item.Message != nil {
			continue
		}
		p.stated(item.Notice.Topic, item.Notice.To)
		if item.Notice.Doubt {
			p.doubted = item.Notice.Cursor.Seq + 1
		}
	}
	p.advance(seq)
}
