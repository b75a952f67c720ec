package gateway

import (
	"math/rand/v2"
	"slices"
	"time"
)

// keptCommands is for how many commands an inbox keeps its memory.
const keptCommands = 1024

// obey does what other goroutines asked for, in slices. It returns true when the shard is to end.
func (s *shard) obey() (over bool) {
	if s.obeyed == len(s.commands) {
		s.inboxMu.Lock()
		s.commands, s.inbox = s.inbox, s.commands[:0]
		over = s.closed
		s.inboxMu.Unlock()
		s.obeyed = 0
	}
	for n := 0; s.obeyed < len(s.commands) && (n < obeySlice || over); n++ {
		c := &s.commands[s.obeyed]
		s.obeyed++
		switch {
		case c.op == opHost:
			w, _ := c.with.(Waiter)
			s.sit(w)
			s.hosted.Store(w != nil)
		case c.op == opShed:
			if s.shedding == nil {
				s.shedding = c.with.(*shedding)
			}
		case c.op == opDrain:
			s.draining = true
			s.endAll(ReasonDraining)
			c.with.(func())()
		case !c.follower.is(ended):
			s.obeyOne(c.follower, c)
		}
		*c = command{}
	}
	if s.obeyed == len(s.commands) && cap(s.commands) > keptCommands {
		s.commands, s.obeyed = nil, 0
	}
	if over {
		s.endAll(ReasonDraining)
	}
	return over
}

func (s *shard) obeyOne(f *Follower, c *command) {
	switch c.op {
	case opFollow:
		s.begin(f, c.with.(*Start))
	case opReady:
		f.clear(blocked)
		s.queue(f)
	case opClose:
		reason := Reasons[c.reason]
		s.end(f, reason, reason != ReasonGone)
	case opReply:
		s.reply(f, c.with.(*arguments).unit)
	case opAdd:
		s.add(f, c.with.(*arguments))
	case opRemove:
		with := c.with.(*arguments)
		s.remove(f, with.patterns)
		s.reply(f, with.unit)
	}
}

// begin makes the follower one of the shard's.
func (s *shard) begin(f *Follower, start *Start) {
	counts := s.counts(f)
	counts.opened++
	counts.followers++
	f.set(greeting)
	if s.settle(f, &start.position) && len(start.notices) == 0 && !f.terms.Live {
		f.seq = start.position.seq
	} else {
		f.set(behind)
		f.extra().main = start.position
		for _, sub := range start.position.subs {
			sub.announce = f.terms.Live
		}
	}
	s.hold(f)
	if s.draining {
		s.end(f, ReasonDraining, true)
		return
	}
	if s.tell(f, start.notices); f.is(ended) {
		return
	}
	s.queue(f)
}

// settle makes the follower hear of what is walked from now on. It returns true if it has all that was walked until now.
func (s *shard) settle(f *Follower, p *position) (abreast bool) {
	if len(p.subs) != 1 {
		s.listen(f, p.subs)
		return false
	}
	sub := p.subs[0]
	a := s.audiences.get(sub.pattern, s.walked.Load())
	a.addLone(f, sub.freshness())
	sub.pattern = a.pattern
	return sub.starts == nil && !sub.all && p.seq >= a.since && p.seq >= a.until
}

// hold puts the follower into the wheel.
func (s *shard) hold(f *Follower) {
	switch t := f.terms; {
	case t.Wait > 0:
		due := s.tick + ticksOf(t.Wait)
		f.moment = uint32(due)
		s.wheel.add(f, due)
	case f.is(ticking):
		at := s.now + time.Duration(f.moment)*time.Millisecond
		f.moment = s.soon
		s.wheel.add(f, int64((at+wheelTick-1)/wheelTick))
	case t.Ping > 0:
		f.moment = s.soon
		// Followers that came together must not be pinged together.
		half := ticksOf(t.Ping) / 2
		s.wheel.add(f, s.tick+half+rand.Int64N(half+1))
	default:
		s.wheel.keep(f)
	}
}

// listen makes subs of a mixed follower hear of messages that are walked from now on.
func (s *shard) listen(f *Follower, subs []*sub) {
	for _, sub := range subs {
		a := s.audiences.get(sub.pattern, s.walked.Load())
		sub.pattern = a.pattern
		a.add(f, sub)
	}
}

// mix makes a lone follower a mixed one that follows the same.
func (s *shard) mix(f *Follower) {
	if f.audience == nil {
		return
	}
	x := f.extra()
	if f.abreast() {
		x.main = position{seq: s.seqOf(f), subs: []*sub{f.sub()}}
	}
	s.leave(f)
	s.listen(f, x.main.subs)
}

// leave takes a lone follower out of its audience.
func (s *shard) leave(f *Follower) {
	a := f.audience
	a.removeLone(f)
	s.audiences.left(a, s.tick)
}

// add follows more: from the history at first.
func (s *shard) add(f *Follower, with *arguments) {
	start := s.gateway.history.start(with.follows)
	unit := with.at(start.Cursor())
	f.talk.add(len(unit))
	s.reply(f, unit)
	for _, sub := range start.position.subs {
		sub.announce = f.terms.Live
	}
	x := f.extra()
	x.joins = append(x.joins, &start.position)
	s.tell(f, start.notices)
}

// joined makes a position that has caught up with the history a part of what the follower follows live.
func (s *shard) joined(f *Follower, p *position) {
	s.mix(f)
	main := &f.more.main
	fresh := slices.DeleteFunc(p.subs, func(added *sub) bool {
		added.known = p.seq
		// What was asked for twice is followed once: the client drops what it has.
		if slices.ContainsFunc(main.subs, func(have *sub) bool { return have.pattern == added.pattern }) {
			f.talk.forget()
			return true
		}
		return false
	})
	s.listen(f, fresh)
	if len(main.subs) == 0 {
		main.seq = max(main.seq, p.seq)
	}
	main.subs = append(main.subs, fresh...)
}

func (s *shard) reply(f *Follower, unit []byte) {
	if len(unit) > 0 {
		x := f.extra()
		x.replies = append(x.replies, unit)
	}
	s.queue(f)
}

// tell puts notices in front of the follower's messages.
func (s *shard) tell(f *Follower, notices []Notice) {
	for _, n := range notices {
		s.gateway.counts.gap(n.Reason)
		unit, err := f.peer.AppendNotice(nil, n)
		if err != nil {
			s.endAt(f, ReasonGap, Cursor{Epoch: n.Cursor.Epoch, Seq: s.stand(f).seq}, true)
			return
		}
		f.talk.add(len(unit))
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
		f.talk.forget()
		return true
	}
	if f.audience != nil && slices.Contains(patterns, f.audience.pattern) {
		s.mix(f)
	}
	x := f.more
	if x == nil {
		return
	}
	if f.audience == nil {
		x.main.subs = slices.DeleteFunc(x.main.subs, gone)
	}
	for _, p := range x.joins {
		p.subs = slices.DeleteFunc(p.subs, gone)
	}
}

// deafen takes a sub out of its audience, if it is in one.
func (s *shard) deafen(sub *sub) {
	if a := sub.audience; a != nil {
		a.remove(sub)
		s.audiences.left(a, s.tick)
	}
}

// cursor returns the follower's own position: what it has everything up to.
func (s *shard) cursor(f *Follower) Cursor {
	if f.abreast() {
		return s.gateway.history.cursor(s.seqOf(f))
	}
	x := f.more
	seq := x.main.seq
	if !f.is(behind) && x.pend.place == nil {
		seq = max(seq, s.walked.Load())
	}
	return s.gateway.history.cursor(seq)
}

// end takes the follower out of the shard; with tell its peer hears why.
func (s *shard) end(f *Follower, reason Reason, tell bool) {
	var at Cursor
	if tell {
		at = s.cursor(f)
	}
	s.endAt(f, reason, at, tell)
}

// endAt is end for a follower whose client must come back at another position than its own.
func (s *shard) endAt(f *Follower, reason Reason, at Cursor, tell bool) {
	if f.is(ended) {
		return
	}
	var rest []byte
	if tell {
		rest = s.unsaid(f)
	}
	f.set(ended)
	f.talk.end()
	if f.audience != nil {
		s.leave(f)
	} else {
		for _, sub := range f.more.main.subs {
			s.deafen(sub)
		}
	}
	s.wheel.remove(f)
	s.release(f)
	counts := s.counts(f)
	counts.followers--
	counts.closed[reason.index()]++
	f.more = nil
	if tell {
		f.peer.Close(reason, at, rest)
	}
}

// unsaid returns what must arrive before the last word: what was begun must be ended, and what was asked answered.
func (s *shard) unsaid(f *Follower) (rest []byte) {
	if f.is(greeting) {
		p := s.stand(f)
		rest = slices.Concat(f.peer.Greeting(nil, s.gateway.history.cursor(p.seq))...)
	}
	if x := f.more; x != nil {
		rest = append(rest, x.rest...)
		rest = append(rest, slices.Concat(x.replies...)...)
	}
	return rest
}

func (s *shard) endAll(reason Reason) {
	s.wheel.all(func(f *Follower) { s.end(f, reason, true) })
}
