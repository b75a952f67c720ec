package gateway

import (
	"math/rand/v2"
	"slices"
	"time"
)

// obey does what other goroutines asked for. It returns true when the shard is to end.
func (s *shard) obey() (ended bool) {
	s.inboxMu.Lock()
	s.commands, s.inbox = s.inbox, s.commands[:0]
	ended = s.closed
	s.inboxMu.Unlock()
	for i := range s.commands {
		c := &s.commands[i]
		if c.op == opDrain {
			s.draining = true
			s.endAll(ReasonDraining)
			c.done()
		} else if !c.follower.ended {
			s.obeyOne(c.follower, c)
		}
		*c = command{}
	}
	if ended {
		s.endAll(ReasonDraining)
	}
	return ended
}

func (s *shard) obeyOne(f *Follower, c *command) {
	switch c.op {
	case opFollow:
		s.begin(f)
	case opReady:
		f.blocked = false
		s.queue(f)
	case opClose:
		s.end(f, c.reason, c.reason != ReasonGone)
	case opReply:
		s.reply(f, c.unit)
	case opAdd:
		start := s.gateway.history.start(c.follows)
		unit := c.at(start.Cursor())
		f.reply.add(len(unit))
		s.reply(f, unit)
		f.announce(start.position.subs)
		f.joins = append(f.joins, &start.position)
		s.tell(f, start.notices)
	case opRemove:
		s.remove(f, c.patterns)
		s.reply(f, c.unit)
	}
}

// begin makes the follower one of the shard's.
func (s *shard) begin(f *Follower) {
	f.index = len(s.followers)
	s.followers = append(s.followers, f)
	counts := &s.stats[f.class]
	counts.opened++
	counts.followers++
	s.listen(f, f.main.subs)
	f.said = s.now
	f.replies = f.peer.Greeting(nil, Cursor{Epoch: s.gateway.history.log.epoch, Seq: f.main.seq})
	for _, part := range f.replies {
		f.reply.add(len(part))
	}
	if s.draining {
		s.end(f, ReasonDraining, true)
		return
	}
	if s.tell(f, f.notices); f.ended {
		return
	}
	f.notices = nil
	switch {
	case f.wait > 0:
		s.wheel.add(f, s.now+f.wait)
	case f.ping > 0:
		// Followers that came together must not be pinged together.
		s.wheel.add(f, s.now+f.ping/2+time.Duration(rand.Int64N(int64(f.ping/2)+1)))
	}
	s.queue(f)
}

// listen makes subs hear of messages that are walked from now on.
func (s *shard) listen(f *Follower, subs []*sub) {
	for _, sub := range subs {
		s.audiences.join(f, sub)
		s.gateway.interest.add(sub.pattern, 1)
	}
}

// joined makes a position that has caught up with the history a part of what the follower follows live.
func (s *shard) joined(f *Follower, p *position) {
	fresh := slices.DeleteFunc(p.subs, func(added *sub) bool {
		added.known = p.seq
		// What was asked for twice is followed once: the client drops what it has.
		if slices.ContainsFunc(f.main.subs, func(have *sub) bool { return have.pattern == added.pattern }) {
			f.forget()
			return true
		}
		return false
	})
	s.listen(f, fresh)
	if len(f.main.subs) == 0 {
		f.main.seq = max(f.main.seq, p.seq)
	}
	f.main.subs = append(f.main.subs, fresh...)
}

func (s *shard) reply(f *Follower, unit []byte) {
	if len(unit) > 0 {
		f.replies = append(f.replies, unit)
	}
	s.queue(f)
}

// tell puts notices in front of the follower's messages.
func (s *shard) tell(f *Follower, notices []Notice) {
	for _, n := range notices {
		s.gateway.counts.gap(n.Reason)
		unit, err := f.peer.AppendNotice(nil, n)
		if err != nil {
			s.endAt(f, ReasonGap, Cursor{Epoch: n.Cursor.Epoch, Seq: f.main.seq}, true)
			return
		}
		f.reply.add(len(unit))
		s.reply(f, unit)
	}
}

// remove stops following patterns, whether they have caught up or not.
func (s *shard) remove(f *Follower, patterns []Pattern) {
	gone := func(sub *sub) bool {
		if !slices.Contains(patterns, sub.pattern) {
			return false
		}
		s.deafen(sub)
		f.forget()
		return true
	}
	f.main.subs = slices.DeleteFunc(f.main.subs, gone)
	for _, p := range f.joins {
		p.subs = slices.DeleteFunc(p.subs, gone)
	}
}

// forget makes room for another topic or pattern.
func (f *Follower) forget() {
	f.reply.mu.Lock()
	defer f.reply.mu.Unlock()
	f.reply.follows--
}

// deafen takes a sub out of its audience, if it is in one.
func (s *shard) deafen(sub *sub) {
	if sub.audience != nil {
		s.audiences.leave(sub)
		s.gateway.interest.add(sub.pattern, -1)
	}
}

// end takes the follower out of the shard; with tell its peer hears why.
func (s *shard) end(f *Follower, reason Reason, tell bool) { s.endAt(f, reason, f.cursor(), tell) }

// endAt is end for a follower whose client must come back at another position than its own.
func (s *shard) endAt(f *Follower, reason Reason, at Cursor, tell bool) {
	if f.ended {
		return
	}
	f.ended = true
	for _, sub := range f.main.subs {
		s.deafen(sub)
	}
	s.wheel.remove(f)
	last := len(s.followers) - 1
	s.followers[f.index] = s.followers[last]
	s.followers[f.index].index = f.index
	s.followers[last] = nil
	s.followers = s.followers[:last]
	s.release(f)
	f.reply.end()
	counts := &s.stats[f.class]
	counts.followers--
	counts.closed.add(reason)
	if tell {
		// What was begun must be ended, and what was answered must arrive, before the last word.
		f.peer.Close(reason, at, slices.Concat(append([][]byte{f.rest}, f.replies...)...))
	}
	f.pend = pending{}
	f.rest, f.replies, f.joins = nil, nil, nil
}

func (s *shard) endAll(reason Reason) {
	for len(s.followers) > 0 {
		s.end(s.followers[len(s.followers)-1], reason, true)
	}
}
