package gateway

import "time"

// A shard that has no followers still walks the log: publishers wait for it, and it keeps what it has not walked in memory. But to be
// woken for each message costs a publisher more than all else that the gateway does. So after so many messages that nobody wanted the
// shard lets them gather for a moment. Whoever needs it sooner shakes it.
const (
	napAfter = 1000
	napTime  = 5 * time.Millisecond
	napMost  = 256 // messages that gather, so that publishers seldom have to wait for the walk
)

// idles reports whether the shard may nap: it has walked much for nobody, and still does.
func (s *shard) idles() bool {
	if len(s.audiences.exact) > 0 || !s.audiences.wild.root.empty() {
		s.unwanted = 0
		return false
	}
	return s.unwanted >= napAfter && s.gateway.progress.waiting.Load() == 0
}

// hear wakes the shard for the message seq, if it sleeps, or has napped for long enough.
func (s *shard) hear(seq uint64) {
	if s.napping.Load() && seq < s.walked.Load()+napMost {
		return
	}
	s.shake()
}

// nap waits. Until it is over nothing but shake wakes the shard, and hear if there is much.
func (s *shard) nap(w *seat) {
	until := s.gateway.history.log.since() + napTime
	s.napping.Store(true)
	if !s.called() { // else work came in before it could be known that nobody would shake it
		w.Wait(napTime)
	}
	s.napping.Store(false)
	if s.last.next.Load() == nil && s.gateway.history.log.since() >= until {
		s.unwanted = 0 // nobody publishes any more: the next message may as well wake it
	}
}

// called reports whether there is something to do that does not come along the log.
func (s *shard) called() bool {
	s.inboxMu.Lock()
	defer s.inboxMu.Unlock()
	return len(s.inbox) > 0 || s.closed || s.gateway.progress.waiting.Load() > 0
}

// shake wakes the shard, from a nap too.
func (s *shard) shake() {
	if s.napping.Load() && s.napping.CompareAndSwap(true, false) {
		s.seat.Load().Wake()
		return
	}
	s.rouse()
}
