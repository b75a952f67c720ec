package socket

import (
	"math"
	"slices"
	"time"
)

// sweepTime is how often a set looks whether a socket's time has come.
const sweepTime = time.Second

// wind has the sweep go on. s.mu is held.
func (s *Set) wind() {
	if s.timer == nil && len(s.held) > 0 {
		s.timer = time.AfterFunc(sweepTime, s.sweep)
	}
}

// sweep tends to the sockets whose time has come. There is one timer for all of them.
func (s *Set) sweep() {
	now := s.now()
	at := now.Sub(s.began).Nanoseconds()
	var due []*Socket
	s.mu.Lock()
	for one := range s.held {
		if one.due.Load() <= at {
			due = append(due, one)
		}
	}
	s.mu.Unlock()
	for _, one := range due {
		one.mu.Lock()
		one.tend(now)
		one.unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil { // it was not closed
		s.timer = nil
		s.wind()
	}
}

// soon has a socket's links carry within soonTime.
func (s *Set) soon(one *Socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.awaited = append(s.awaited, one)
	if len(s.awaited) == 1 {
		time.AfterFunc(soonTime, s.carrySoon)
	}
}

func (s *Set) carrySoon() {
	s.mu.Lock()
	awaited := s.awaited
	s.awaited = nil
	s.mu.Unlock()
	for _, one := range awaited {
		one.awaited.Store(false)
		one.mu.Lock()
		for _, c := range slices.Backward(one.links) {
			one.carryBy(c, false, true)
		}
		one.settle()
		one.unlock()
	}
}

// tend does what is due. s.mu is held.
func (s *Socket) tend(now time.Time) {
	defer s.plan()
	switch {
	case s.end != nil:
		if !s.kept.IsZero() && !now.Before(s.kept) {
			s.abandon(End{})
		}
		return
	case len(s.links) == 0 && !now.Before(s.forgone()),
		len(s.links) > 0 && s.said && !now.Before(s.bound):
		s.vanish()
		return
	case (s.got != nil || s.failure != nil) && !s.said && !now.Before(s.bound): // the handler has answered enough
		s.conclude()
		return
	}
	// Whoever is not read from cannot be heard: its handler is behind. A connection that breaks meanwhile is noticed as the system does. A link
	// of one that can move is read from further, for its acks.
	unheard := !s.moves() && s.up.full()
	for i, c := range slices.Backward(s.links) { // it may go
		if unheard || c.link.Heard() {
			c.asked = time.Time{}
		}
		switch {
		case !c.replaced.IsZero() && !now.Before(c.replaced.Add(besideTime)):
			s.part(i, End{Replaced: true})
		case !c.asked.IsZero() && !now.Before(c.asked.Add(c.deadTime())):
			if !s.moves() {
				s.vanish()
				return
			}
			s.part(i, End{})
		case !now.Before(c.next):
			c.next = now.Add(c.ping)
			if c.full {
				break // what it has not taken is asking enough
			}
			if c.asked.IsZero() {
				c.asked = now
			}
			s.carryBy(c, true, false)
		}
	}
}

// vanish ends a socket whose client is not there any more. s.mu is held.
func (s *Socket) vanish() {
	s.finish(&CloseError{Code: codeVanished})
	s.abandon(End{})
	s.set.forget(s)
}

// plan notes when the socket is to be tended to. s.mu is held.
func (s *Socket) plan() {
	var due time.Time
	sooner := func(at time.Time) {
		if due.IsZero() || at.Before(due) {
			due = at
		}
	}
	switch {
	case s.end != nil:
		if !s.kept.IsZero() {
			sooner(s.kept)
		}
	case len(s.links) == 0:
		sooner(s.forgone())
		if !s.said && (s.got != nil || s.failure != nil) {
			sooner(s.bound)
		}
	case s.said || s.got != nil || s.failure != nil:
		sooner(s.bound)
	}
	for _, c := range s.links {
		sooner(c.next)
		if !c.asked.IsZero() {
			sooner(c.asked.Add(c.deadTime()))
		}
		if !c.replaced.IsZero() {
			sooner(c.replaced.Add(besideTime))
		}
	}
	at := int64(math.MaxInt64)
	if !due.IsZero() {
		at = due.Sub(s.set.began).Nanoseconds()
	}
	s.due.Store(at)
}

// forgone is when a client that is away has been so for too long: a gateway that stops waits no longer for who is away than for who does not answer
// its Close. s.mu is held.
func (s *Socket) forgone() time.Time {
	at := s.away.Add(s.path.options.Absence)
	if s.hurried && s.bound.Before(at) {
		return s.bound
	}
	return at
}
