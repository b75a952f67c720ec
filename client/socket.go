package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"tidings/gateway/socket"
)

// Socket is one conversation with a handler behind a gateway, or with any WebSocket server. Receive and Reader are for one goroutine at a
// time; all else may be called from several. It is what the handler has at its end, a [socket.Socket].
type Socket struct {
	options DialOptions
	tempo   tempo
	at      *url.URL
	id      string // the label that only the gateway and this socket know
	http    *http.Client
	idle    func() // lets go of what http keeps, if that is the socket's own
	ctx     context.Context
	cancel  context.CancelCauseFunc

	turn    chan struct{} // holds one while a message is being written
	wake    chan struct{} // has one when there is something to say
	opened  chan struct{} // closed when the socket is open
	closing chan struct{} // closed with closed
	gone    chan struct{} // closed when no goroutine serves the socket any more

	reader *messageReader // of who receives
	ladder *ladder        // of run
	n      atomic.Uint32  // how many requests there were

	changed sync.Cond  // that something of what mu guards has
	mu      sync.Mutex // guards the rest
	out     outbox
	in      inbox
	hello   *socketHello // the first
	plain   bool         // nothing but RFC 6455 is spoken
	carrier string       // the transport that carries the socket now
	proto   string       // the subprotocol that was chosen
	closed  bool         // no message is sent any more
	said    *CloseError  // what this side has closed with
	over    *CloseError  // how it ended
	timer   *time.Timer  // ends the wait for an answer to a close

	ackSaid  uint64    // up to where the other side was told that its frames came
	freeSaid int       // what free was then
	ackSince time.Time // since when there is more to tell
	ackHeard uint64    // up to where that has got through
	asked    bool      // a sign of life was asked for
}

// Protocol returns the subprotocol that was chosen, empty if none was.
func (s *Socket) Protocol() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proto
}

// Transport names what carries the socket at the moment; empty while there is no connection.
func (s *Socket) Transport() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.carrier
}

// State returns how far the socket is.
func (s *Socket) State() socket.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.over != nil:
		return socket.Closed
	case s.closed:
		return socket.Closing
	}
	return socket.Open
}

// Context ends with the socket. Its cause is then a [*CloseError].
func (s *Socket) Context() context.Context { return s.ctx }

// Buffered is how many bytes of payload have not left.
func (s *Socket) Buffered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.bytes
}

var (
	errCode   = errors.New("a socket is closed with 1000 to 1003, 1007 to 1011, 3000 to 4999, or 0 for no code")
	errReason = errors.New("a reason needs a code, is UTF-8, and has at most 123 bytes")
)

// Close begins to close the socket behind everything that was sent: code is 1000 to 1003, 1007 to 1011 or 3000 to 4999, or 0 for none; reason
// has at most 123 bytes. What comes before the answer can still be received. The Context ends when the other side has answered, or after
// Options.CloseTime without any progress; a program that is about to exit waits for it, or what it has sent may be lost. A socket that is
// closing already goes on as it was.
func (s *Socket) Close(code uint16, reason string) error {
	switch {
	case code == 0, code >= 1000 && code <= 1003, code >= 1007 && code <= 1011, code >= 3000 && code <= 4999:
	default:
		return errCode
	}
	if len(reason) > 123 || !utf8.ValidString(reason) || (code == 0 && reason != "") {
		return errReason
	}
	s.mu.Lock()
	s.shut(code, reason)
	s.mu.Unlock()
	s.rouse()
	return nil
}

// fail closes the socket because of what has come or was written, and receives nothing more.
func (s *Socket) fail(code uint16, reason string) {
	s.mu.Lock()
	s.shut(code, reason)
	s.in.drop = true
	s.changed.Broadcast()
	s.mu.Unlock()
	s.rouse()
}

// shut puts a close frame behind what was sent, unless there is one. mu is held.
func (s *Socket) shut(code uint16, reason string) {
	if s.closed {
		return
	}
	s.closed = true
	close(s.closing)
	if code == 0 {
		code = 1005
	}
	s.said = &CloseError{Code: code, Reason: reason}
	s.out.push(outFrame{Frame: socket.Frame{Kind: socket.Close, Code: code, Reason: reason}})
	s.timer = time.AfterFunc(s.options.CloseTime, s.late)
	s.changed.Broadcast()
}

// late gives up waiting for an answer to a close. While there is no connection it does not: how long that may last has its own bound.
func (s *Socket) late() {
	if s.leave() {
		return
	}
	s.mu.Lock()
	if s.carrier == "" {
		s.timer.Reset(s.options.CloseTime)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	s.end(&CloseError{Code: 1006, Reason: "the close was not answered"})
}

// end ends the socket, once.
func (s *Socket) end(e *CloseError) {
	s.mu.Lock()
	told := s.finishAs(e)
	s.mu.Unlock()
	tellAll(told, e)
}

// finishAs ends the socket and returns whom to tell that their message was lost. mu is held.
func (s *Socket) finishAs(e *CloseError) (told []func(error)) {
	if s.over != nil {
		return nil
	}
	if !s.closed {
		s.closed = true
		close(s.closing)
	}
	if s.timer != nil {
		s.timer.Stop()
	}
	s.over, s.carrier = e, ""
	s.changed.Broadcast()
	s.cancel(e)
	return s.out.abandon()
}

// settle ends the socket when both sides have closed it and know it, or has this side say that it knows. mu is held.
func (s *Socket) settle() {
	switch {
	case !s.settled():
	case s.ackHeard >= s.in.had || s.plain:
		s.finishClean()
	default:
		s.asked = true
	}
}

// settled reports whether both sides have closed and nothing is missing but that the other side learns it. mu is held.
func (s *Socket) settled() bool { return s.in.close != nil && s.said != nil && len(s.out.frames) == 0 }

// finishClean ends a socket that is settled. mu is held.
func (s *Socket) finishClean() { // no message is lost: a close is behind all of them
	s.finishAs(&CloseError{Code: s.in.close.Code, Reason: s.in.close.Reason, Clean: true})
}

// leave ends a socket that is settled and could not say so: the other side will notice. It reports whether that is so.
func (s *Socket) leave() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.settled() {
		return false
	}
	s.finishClean()
	return true
}

// heard notes up to where the other side knows that its frames came.
func (s *Socket) heard(ack uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ackHeard = max(s.ackHeard, ack)
	s.settle()
}

// why is the error of whoever sends or receives too late.
func (s *Socket) why() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.over != nil:
		return s.over
	case s.in.close != nil:
		return s.in.close
	}
	return s.said
}

// rouse tells the connection that there may be something to say.
func (s *Socket) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
