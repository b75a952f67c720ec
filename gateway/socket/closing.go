package socket

import (
	"time"
	"unicode/utf8"
)

// reasonBytes bounds a reason: what a control frame holds beside the code (RFC 6455 section 5.5).
const reasonBytes = 123

// Close begins to close the socket behind everything that was sent: code is 1000 to 1003, 1007 to 1014 or 3000 to 4999, or 0 for none; reason has at most 123 bytes. The
// Context ends when the client has answered, or when it has taken nothing for Options.CloseTime. A socket that is closing is left as it is. It fails with [ErrCode].
func (s *Socket) Close(code uint16, reason string) error {
	switch {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014, code >= 3000 && code <= 4999:
	case code == 0 && reason == "":
	default:
		return ErrCode
	}
	if len(reason) > reasonBytes || !utf8.ValidString(reason) {
		return ErrCode
	}
	s.mu.Lock()
	defer s.unlock()
	s.say(CloseError{Code: code, Reason: reason})
	return nil
}

// say sends our Close, if that has not been said. s.mu is held.
func (s *Socket) say(words CloseError) {
	if s.said || s.end != nil {
		return
	}
	if words.Code == 0 {
		words.Code = codeNone
	}
	s.said, s.words = true, words
	s.bound = s.set.now().Add(s.path.options.CloseTime)
	s.out.forgo()
	s.out.room.Broadcast()
	s.push(Frame{Kind: Close, Code: words.Code, Reason: words.Reason}, false, nil)
	s.settle()
	s.plan()
}

// hears takes the client's Close. s.mu is held.
func (s *Socket) hears() {
	if s.got != nil || s.end != nil {
		return
	}
	s.got, _ = s.up.words()
	s.last(s.got)
}

// last has the handler end with e, behind what has come before: it may answer that, and then [Socket.conclude] is called. Whoever is not
// receiving learns of it by the context. s.mu is held.
func (s *Socket) last(e *CloseError) {
	s.bound = s.set.now().Add(s.path.options.CloseTime)
	s.cancel(e)
	if s.up.answers() {
		s.plan()
		return
	}
	s.conclude()
}

// conclude ends what the client has ended, or broken, now that its handler has nothing more to answer. s.mu is held.
func (s *Socket) conclude() {
	switch {
	case s.end != nil:
	case s.failure != nil:
		s.fail(*s.failure)
	case s.got != nil:
		// The same code goes back (RFC 6455 section 5.5.1), and the reason with it: that is what a page is shown.
		s.say(CloseError{Code: s.got.Code, Reason: s.got.Reason})
		s.out.room.Broadcast()
		s.settle()
		s.plan()
	}
}

// received notes that the handler was told of the end.
func (s *Socket) received() {
	s.mu.Lock()
	defer s.unlock()
	s.conclude()
}

// settle ends what is complete: the socket, once both sides have closed, and its links, once the client knows. s.mu is held.
func (s *Socket) settle() {
	if s.got != nil && s.said && s.end == nil && (s.moves() || s.out.empty()) {
		if s.moves() {
			s.kept = s.set.now().Add(s.path.options.Absence)
		}
		s.finish(s.got)
	}
	if s.end != nil && s.end == s.got && s.out.empty() {
		for len(s.links) > 0 {
			c := s.links[0]
			if s.moves() {
				s.carryBy(c, false, true) // the client's Close is acked
			}
			if i := s.find(c.link); i >= 0 {
				s.part(i, End{Over: true})
			}
		}
		s.plan()
	}
}

// Fail closes the socket because its client has broken the protocol: code and reason are said on its links. What it had sent before is still
// answered, if its handler does so within Options.CloseTime. It waits for nothing.
func (s *Socket) Fail(code uint16, reason string) {
	e := &CloseError{Code: code, Reason: reason}
	s.up.over(e)
	s.do(func() {
		if s.failure == nil && s.end == nil {
			s.failure = e
			s.last(e)
		}
	})
}

// fail ends the socket and says why. s.mu is held.
func (s *Socket) fail(e CloseError) {
	left := s.out.empty()
	if s.end == nil {
		s.finish(&e)
	}
	if s.said && left { // that was our last word
		s.abandon(End{Over: true})
		return
	}
	if s.said && s.failure == nil && s.words.Code != codeNone { // it has not left
		e.Code, e.Reason = s.words.Code, s.words.Reason
	}
	s.abandon(End{Code: e.Code, Reason: e.Reason})
}

// abandon lets go of a socket that is over. s.mu is held.
func (s *Socket) abandon(e End) {
	for len(s.links) > 0 {
		s.part(0, e)
	}
	if !s.kept.IsZero() {
		s.kept = time.Time{}
		s.set.forget(s)
	}
	s.out.drop(s.end)
	s.never()
	s.plan()
}

// finish ends the socket for its handler. s.mu is held.
func (s *Socket) finish(e *CloseError) {
	s.end = e
	s.cancel(e)
	s.up.over(e)
	s.out.room.Broadcast()
	if s.kept.IsZero() {
		s.out.drop(e)
		s.never()
	}
	s.set.ended(s, e.Code, !s.kept.IsZero())
}
