package session

import (
	"time"

	"tidings/gateway"
	"tidings/transport"
)

// Grace is how long a stream goes on beside a newer one, or beside polls: long enough to try which of them works, and to move.
const Grace = 10 * time.Second

// session is what is known of one client. It fits 64 bytes, as there may be very many.
type session struct {
	newer, older *session // in its stripe's ring, by when it was there last
	key          uint64

	poll   *gateway.Follower // that of the poll that is held
	stream *gateway.Follower // that of the newest stream
	former *gateway.Follower // that of the stream before

	n      uint32         // of its newest request
	until  ticks          // when it has been away for too long, if nothing of it is live then
	moved  ticks          // when something newer than its oldest stream came first
	kind   transport.Kind // of its newest request
	polls  transport.Kind // as what it is counted, if it is
	counts bool           // whether it is counted
}

// live reports whether a follower is there and has not ended.
func live(f *gateway.Follower) bool { return f != nil && !f.Ended() }

// late reports whether a request comes behind a newer one, or is sent for the second time.
func (s *session) late(n uint32) bool {
	return n < s.n || n == s.n && (live(s.poll) || live(s.stream))
}

// pollsOn decides what becomes of the session's streams when it polls.
func (s *session) pollsOn(now ticks, out *leaving) {
	switch {
	case !live(s.stream):
	case live(s.former): // two steps behind
		out.add(s.former)
		s.former, s.moved = nil, now
	case s.moved == 0:
		s.moved = now
	case now-s.moved >= ticksOf(Grace):
		out.add(s.stream)
		s.stream, s.moved = nil, 0
	}
}

// opens makes f the session's newest stream.
func (s *session) opens(f *gateway.Follower, now ticks, out *leaving) {
	if !live(s.stream) {
		s.stream, s.former = s.former, nil // what was tried in between is over
	}
	out.add(s.former)
	s.former, s.moved = nil, 0
	if live(s.stream) {
		s.former, s.moved = s.stream, now
	}
	s.stream = f
}

// look notes who has ended meanwhile. It returns false if there is nothing left of the session.
func (s *session) look(now, away ticks, out *leaving) bool {
	if s.poll != nil {
		// When it ended is not known: not long ago.
		s.until = max(s.until, now+away)
		if s.poll.Ended() {
			s.poll = nil
		}
	}
	if !live(s.former) {
		s.former = nil
	}
	if !live(s.stream) {
		s.stream, s.former, s.moved = s.former, nil, 0
	}
	if s.former != nil && now-s.moved >= ticksOf(Grace) {
		out.add(s.former)
		s.former, s.moved = nil, 0
	}
	return s.present() || now < s.until
}

// present reports whether something of the session was live when it was looked at.
func (s *session) present() bool { return s.poll != nil || s.stream != nil }

// leaving are followers that are to be ended once no lock is held.
type leaving struct {
	all [3]*gateway.Follower
	n   int
}

func (l *leaving) add(f *gateway.Follower) {
	if live(f) {
		l.all[l.n] = f
		l.n++
	}
}

// end ends them.
func (l *leaving) end() {
	for _, f := range l.all[:l.n] {
		f.Close(gateway.ReasonReplaced)
	}
}
