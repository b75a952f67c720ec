package gateway

import (
	"strings"
	"sync/atomic"
)

// audience is the followers of one topic or pattern on one shard. It is owned by the shard.
//
// Its lone members are not marked one by one: a message is noted in the audience, and a sweep goes along the members.
type audience struct {
	pattern Pattern
	lone    bag[member]  // who follows nothing else
	mixed   []mixed      // who follows more than this
	since   uint64       // it knows of every message past this seq that was walked
	until   uint64       // seq of the last of them
	sweep   *sweep       // nil while no lone member lacks anything
	size    atomic.Int32 // how many members; read by publishers
	leaving bool         // it is in audiences.leaving
}

// member is a follower that follows nothing else.
type member struct {
	follower *Follower
	// fresh is up to where nothing can be missing; 0 for a follower that came with a cursor (see sub.fresh).
	fresh uint64
}

// mixed is one of the topics and patterns of a follower.
type mixed struct {
	follower *Follower
	sub      *sub
}

func (a *audience) count() { a.size.Store(int32(a.lone.len() + len(a.mixed))) }

func (a *audience) add(f *Follower, s *sub) {
	s.audience, s.slot = a, len(a.mixed)
	a.mixed = append(a.mixed, mixed{f, s})
	a.count()
}

func (a *audience) remove(s *sub) {
	last := len(a.mixed) - 1
	a.mixed[s.slot] = a.mixed[last]
	a.mixed[s.slot].sub.slot = s.slot
	a.mixed[last] = mixed{}
	a.mixed = a.mixed[:last]
	s.audience = nil
	a.count()
}

func (a *audience) addLone(f *Follower, fresh uint64) {
	f.audience, f.slot = a, uint32(a.lone.len())
	a.lone.push(member{f, fresh})
	a.count()
}

func (a *audience) removeLone(f *Follower) {
	slot, last := int(f.slot), a.lone.len()-1
	if w := a.sweep; w != nil {
		slot = w.vacate(a, slot)
		w.end = min(w.end, last)
	}
	if slot != last {
		a.moveLone(last, slot)
	}
	a.lone.pop()
	f.audience = nil
	a.count()
}

func (a *audience) moveLone(from, to int) {
	m := *a.lone.at(from)
	*a.lone.at(to) = m
	m.follower.slot = uint32(to)
}

// sub returns what a lone follower follows, as a position has it.
func (f *Follower) sub() *sub {
	fresh := f.audience.lone.at(int(f.slot)).fresh
	return &sub{pattern: f.audience.pattern, known: fresh, fresh: fresh > 0}
}

// freshness is what a member needs to know of a sub.
func (s *sub) freshness() uint64 {
	if s.fresh && s.starts == nil {
		return s.known
	}
	return 0
}

// idleAudience is how many ticks an audience is kept without members: whoever comes back in between need not be told what the
// audience has seen, and its memory is used again.
const idleAudience = 50

// audiences holds all audiences of a shard.
type audiences struct {
	exact    map[string]*audience
	wild     patternTree[audience]
	interest *interest // hears of those that begin and end
	leaving  deque[leavingAudience]
}

type leavingAudience struct {
	audience *audience
	tick     int64 // when it may go
}

// get returns the audience of a pattern, made if there is none. It has seen nothing up to walked.
func (a *audiences) get(p Pattern, walked uint64) (got *audience) {
	fresh := func() *audience {
		// The name may be a part of something large: a request's head.
		p.text = strings.Clone(p.text)
		got = &audience{pattern: p, since: walked}
		a.interest.add(got)
		return got
	}
	if !p.Exact() {
		return a.wild.get(p.text, fresh)
	}
	if got = a.exact[p.text]; got == nil {
		got = fresh()
		a.exact[got.pattern.text] = got
	}
	return got
}

// left looks after an audience that somebody has left.
func (a *audiences) left(from *audience, tick int64) {
	if !from.leaving && from.size.Load() == 0 {
		from.leaving = true
		a.leaving.push(leavingAudience{from, tick + idleAudience})
	}
}

// clean forgets audiences that nobody has come back to.
func (a *audiences) clean(tick int64) {
	for a.leaving.len() > 0 && a.leaving.at(0).tick <= tick {
		from := a.leaving.pop().audience
		from.leaving = false
		if from.size.Load() > 0 {
			continue
		}
		if from.pattern.Exact() {
			delete(a.exact, from.pattern.text)
		} else {
			a.wild.remove(from.pattern.text)
		}
		a.interest.remove(from)
	}
}
