package socket

import (
	"context"
	"errors"
	"fmt"
	"net/textproto"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Handler serves one socket, on a goroutine of its own. When it returns, the socket is closed with 1000, and when it panics, with 1011.
type Handler func(*Socket)

// Request is what a client asked for when it opened a socket.
type Request struct {
	Path      string               // decoded
	Query     string               // as it was sent, without what the wire has added
	Host      string               // as it was asked for
	Header    textproto.MIMEHeader // of the request that opened the socket
	Remote    string               // the client's address, "192.0.2.1:4711"; behind trusted proxies without a port
	Secure    bool                 // whether it came over TLS to this process
	Protocols []string             // the subprotocols that are offered, best first
}

// State is how far a socket is.
type State uint8

// The states.
const (
	Open    State = iota // both may send
	Closing              // one side has closed
	Closed               // nothing comes and nothing leaves
)

// CloseError is how a socket ended: what [Socket.Receive] returns at the end, and the cause of [Socket.Context].
type CloseError struct {
	Code   uint16 // RFC 6455 section 7.4: 1005 where the other side gave none, 1006 where it has vanished
	Reason string
	Clean  bool // both sides have said it
}

// Error says code and reason.
func (e *CloseError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("socket closed with %d", e.Code)
	}
	return fmt.Sprintf("socket closed with %d: %s", e.Code, e.Reason)
}

// The codes of RFC 6455 section 7.4.1 that are used here.
const (
	codeNormal   = 1000
	codeAway     = 1001
	codeProtocol = 1002
	codeNone     = 1005
	codeVanished = 1006
	codeTooBig   = 1009
	codeFailed   = 1011
	codeLater    = 1013 // RFC 6455's registry: try again later
)

// Errors of sending.
var (
	// ErrText: a message of kind Text is not UTF-8.
	ErrText = errors.New("socket: a text is not valid UTF-8")
	// ErrKind: the kind is neither Text nor Binary.
	ErrKind = errors.New("socket: a message is Text or Binary")
	// ErrCode: a code that may not be sent, or a reason that is too long or no UTF-8.
	ErrCode = errors.New("socket: the code or the reason may not be sent")
)

// Socket is one conversation. Receive and Reader are for one goroutine at a time; all else may be called from several.
type Socket struct {
	set      *Set
	path     *Path
	request  *Request
	id       string // empty for a plain WebSocket
	epoch    string
	protocol string
	address  string // for Options.PerAddress
	began    time.Time
	context  context.Context
	cancel   context.CancelCauseFunc
	up       inbox

	// due is when [Socket.tend] is to be called, by the set's clock; never if it is not.
	due atomic.Int64
	// awaited says that the socket is in the set's list of those that are carried soon.
	awaited atomic.Bool

	mu      sync.Mutex // guards the rest, and is held over every call of a link
	out     outbox
	links   []*carrier // at most two, the one with the highest number first
	started bool       // the handler has been started
	away    time.Time  // since when there is no link
	unpack  Unpack
	said    bool        // our Close is in the outbox, or was
	words   CloseError  // what it says
	got     *CloseError // the client's
	failure *CloseError // how the client has broken the protocol
	bound   time.Time   // when a close must have been answered
	end     *CloseError // the end, once it is over
	kept    time.Time   // when a socket that is over is forgotten; zero if it is
	hurried bool        // the gateway is stopping
}

// Request returns what the client asked for. It must not be changed.
func (s *Socket) Request() *Request { return s.request }

// Protocol returns the subprotocol that was chosen, empty if none was.
func (s *Socket) Protocol() string { return s.protocol }

// Transport names what carries the socket at the moment; empty while its client is away.
func (s *Socket) Transport() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.links) == 0 || s.end != nil {
		return ""
	}
	return s.links[0].transport
}

// MessageBytes is the bound of an incoming message, below 0 if there is none.
func (s *Socket) MessageBytes() int { return s.path.options.MessageBytes }

// State returns how far the socket is.
func (s *Socket) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.end != nil:
		return Closed
	case s.said || s.got != nil || s.failure != nil:
		return Closing
	}
	return Open
}

// Context ends with the socket. Its cause is then a [*CloseError].
func (s *Socket) Context() context.Context { return s.context }

// moves reports whether the socket outlives its links.
func (s *Socket) moves() bool { return s.id != "" }

// start starts the handler, once. s.mu is held.
func (s *Socket) start() {
	if !s.started {
		s.started = true
		go s.run()
	}
}

// never has no handler be waited for that will not be started any more. s.mu is held.
func (s *Socket) never() {
	if !s.started {
		s.started = true
		s.set.handlers.Done()
	}
}

// run is the handler's goroutine.
func (s *Socket) run() {
	defer s.set.handlers.Done()
	returned := false
	defer func() {
		code := uint16(codeNormal)
		if !returned { // by a panic, or by runtime.Goexit
			code = codeFailed
			if cause := recover(); cause != nil {
				s.set.panicked(s, cause, debug.Stack())
			}
		}
		s.leave(code)
	}()
	s.path.Handler(s)
	returned = true
}

// leave closes the socket behind its handler.
func (s *Socket) leave(code uint16) {
	if s.up.discard() {
		s.resume()
	}
	s.mu.Lock()
	defer s.unlock()
	// The client may have ended the socket, and not be heard yet.
	if said, failure := s.up.words(); s.end == nil && s.got == nil && s.failure == nil {
		s.got, s.failure = said, failure
	}
	if code == codeNormal || s.failure != nil {
		s.conclude()
	}
	s.say(CloseError{Code: code})
}

// unlock unlocks s.mu and tells what has left meanwhile.
func (s *Socket) unlock() {
	told := s.out.told
	s.out.told = nil
	s.mu.Unlock()
	for _, t := range told {
		t.left(t.err)
	}
}

// do calls f with the lock held: at once where nobody has it, else as soon as it is free. It waits for nothing.
func (s *Socket) do(f func()) {
	if s.mu.TryLock() {
		f()
		s.unlock()
		return
	}
	go func() {
		s.mu.Lock()
		f()
		s.unlock()
	}()
}
