package socket

import (
	"io"
	"unicode/utf8"
)

// Send sends a message. It waits while more than Options.BufferBytes have not left, so that who sends is no faster than who takes. Of data
// nothing is kept. It fails with a [*CloseError] once the socket is closing, and with [ErrText] or [ErrKind].
func (s *Socket) Send(kind Kind, data []byte) error { return s.SendThen(kind, data, nil) }

// SendThen is Send, and calls left once the message has left: the system has taken it (plain WebSocket), or the client has said that it has
// it. It is called with the error of a message that never will, and not at all where SendThen itself fails. It must not block.
func (s *Socket) SendThen(kind Kind, data []byte, left func(error)) error {
	if err := check(kind, data); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.unlock()
	if err := s.turn(); err != nil {
		return err
	}
	s.out.messages++
	most := s.fragment()
	if len(data) <= most {
		s.push(Frame{Kind: kind, Data: data}, true, left)
		return nil
	}
	s.out.writing = true
	defer s.written()
	for len(data) > most {
		n := most
		if kind == Text {
			n = cut(data, most)
		}
		s.push(Frame{Kind: kind, More: true, Data: data[:n]}, true, nil)
		data = data[n:]
		if err := s.breath(); err != nil {
			return err
		}
	}
	s.push(Frame{Kind: kind, Data: data}, true, left)
	return nil
}

// Held reports whether somebody who sends waits for the client to take, or to acknowledge, what was sent before.
func (s *Socket) Held() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.waiters > 0 && s.out.cost > s.path.options.BufferBytes
}

// Buffered is how many bytes of payload have not left.
func (s *Socket) Buffered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.buffered
}

func check(kind Kind, data []byte) error {
	switch {
	case kind != Text && kind != Binary:
		return ErrKind
	case kind == Text && !utf8.Valid(data):
		return ErrText
	}
	return nil
}

// cut returns where to cut a text, at most at most, between characters.
func cut(text []byte, most int) int {
	n := most
	for n > most-utf8.UTFMax && n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return n
}

// fragment is the bound of a frame's payload.
func (s *Socket) fragment() int {
	most := s.path.options.FragmentBytes
	if s.moves() {
		most = min(most, moveBytes)
	}
	return most
}

// turn waits until a message may be sent. s.mu is held.
func (s *Socket) turn() error {
	for {
		switch err := s.closing(); {
		case err != nil:
			return err
		case !s.out.writing && s.out.cost <= s.path.options.BufferBytes:
			return nil
		}
		s.wait()
	}
}

// breath waits until a message that is being written may go on. s.mu is held.
func (s *Socket) breath() error {
	for {
		switch err := s.closing(); {
		case err != nil:
			return err
		case s.out.cost <= s.path.options.BufferBytes:
			return nil
		}
		s.wait()
	}
}

// wait waits for something to leave. s.mu is held.
func (s *Socket) wait() {
	if len(s.out.told) > 0 { // what has left is told first: somebody may wait for that
		s.unlock()
		s.mu.Lock()
		return
	}
	s.out.waiters++
	s.out.room.Wait()
	s.out.waiters--
}

// closing returns why nothing more may be sent, or nil. s.mu is held.
func (s *Socket) closing() error {
	switch {
	case s.end != nil:
		return s.end
	case s.said && s.got != nil:
		return s.got
	case s.said:
		return &s.words
	}
	return nil
}

// written ends a message that was written in pieces, and sends what has waited for that. s.mu is held.
func (s *Socket) written() {
	s.out.writing = false
	behind := s.out.behind
	s.out.forgo()
	for i := range behind {
		if s.closing() == nil {
			s.cast(&behind[i])
		}
	}
	s.out.room.Broadcast()
}

// push sends a frame; where lent, its bytes are only lent. s.mu is held.
func (s *Socket) push(f Frame, lent bool, left func(error)) {
	o := &s.out
	o.bytes += uint64(len(f.Data))
	// Only a plain WebSocket on which nothing waits takes the bytes where they are.
	direct := lent && !s.moves() && o.empty() && len(s.links) == 1 && !s.links[0].full
	o.push(f)
	if lent && !direct {
		o.own()
	}
	seq := o.last
	if left != nil {
		o.leaving = append(o.leaving, leaving{seq, left})
	}
	s.carry()
	if direct && o.base < seq {
		o.own()
	}
}

// cast sends a message for many. s.mu is held.
func (s *Socket) cast(c *casting) {
	s.out.messages++
	most := s.fragment()
	if len(c.data) <= most {
		s.push(Frame{Kind: c.kind, Data: c.data, Shared: c.shared}, false, nil)
		return
	}
	for data, more := c.data, true; more; {
		n := len(data)
		if more = n > most; more {
			if n = most; c.kind == Text {
				n = cut(data, most)
			}
		}
		s.push(Frame{Kind: c.kind, More: more, Data: data[:n]}, false, nil)
		data = data[n:]
	}
}

// Writer returns a writer of one message, which leaves in frames while it is being written and ends with Close. One is open at a time: other
// messages wait for it. Its methods fail as Send does.
func (s *Socket) Writer(kind Kind) (io.WriteCloser, error) {
	if err := check(kind, nil); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.unlock()
	if err := s.turn(); err != nil {
		return nil, err
	}
	s.out.writing = true
	s.out.messages++
	return &writer{socket: s, kind: kind}, nil
}

// writer writes one message.
type writer struct {
	socket *Socket
	kind   Kind
	held   []byte // has not been sent: little, or a part of a character
	err    error
	closed bool
}

// heldBytes is how much gathers before it leaves.
const heldBytes = 4 << 10

// Write implements [io.Writer].
func (w *writer) Write(p []byte) (int, error) {
	switch {
	case w.closed:
		return 0, io.ErrClosedPipe
	case w.err != nil:
		return 0, w.err
	case len(w.held)+len(p) < heldBytes:
		w.held = append(w.held, p...)
		return len(p), nil
	}
	n := len(p)
	if len(w.held) > 0 {
		took := min(len(p), heldBytes)
		w.held = append(w.held, p[:took]...)
		p = p[took:]
		left, err := w.send(w.held, true)
		if err != nil {
			return 0, err
		}
		w.held = w.held[:copy(w.held, left)]
		// What is left is a part of a character, and goes in front of the rest.
		if len(w.held) > 0 && len(p) > 0 {
			p = append(w.held, p...)
			w.held = nil
		}
	}
	if len(p) >= heldBytes {
		left, err := w.send(p, true)
		if err != nil {
			return 0, err
		}
		p = left
	}
	w.held = append(w.held, p...)
	return n, nil
}

// send sends p in frames, and returns what must be sent with what follows: the beginning of a character.
func (w *writer) send(p []byte, more bool) ([]byte, error) {
	s := w.socket
	whole := len(p)
	if w.kind == Text {
		if more {
			whole = wholeRunes(p)
		}
		if !utf8.Valid(p[:whole]) {
			return nil, w.fail(ErrText)
		}
	}
	rest := p[whole:]
	s.mu.Lock()
	defer s.unlock()
	most := s.fragment()
	for p = p[:whole]; ; {
		if err := s.breath(); err != nil {
			w.err = err
			return nil, err
		}
		n := len(p)
		if n > most {
			if n = most; w.kind == Text {
				n = cut(p, most)
			}
		}
		last := n == len(p)
		if n > 0 || last && !more {
			s.push(Frame{Kind: w.kind, More: more || !last, Data: p[:n]}, true, nil)
		}
		if p = p[n:]; last {
			return rest, nil
		}
	}
}

// fail ends a message that cannot be completed: the socket is closed with it.
func (w *writer) fail(err error) error {
	w.err = err
	s := w.socket
	s.mu.Lock()
	defer s.unlock()
	s.say(CloseError{Code: codeFailed})
	return err
}

// Close ends the message.
func (w *writer) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	err := w.err
	if err == nil {
		_, err = w.send(w.held, false)
	}
	w.held = nil
	w.socket.mu.Lock()
	defer w.socket.unlock()
	w.socket.written()
	return err
}

// wholeRunes returns how many bytes of text are whole characters, as far as its end tells.
func wholeRunes(text []byte) int {
	for i := len(text) - 1; i >= 0 && i >= len(text)-utf8.UTFMax; i-- {
		if utf8.RuneStart(text[i]) {
			if !utf8.FullRune(text[i:]) {
				return i
			}
			break
		}
	}
	return len(text)
}
