package socket

import (
	"context"
	"fmt"
	"io"
	"net/textproto"
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

// Socket is one conversation. Receive and Reader are for one goroutine at a time; all else may be called from several.
type Socket struct{}

// Request returns what the client asked for. It must not be changed.
func (s *Socket) Request() *Request { panic("todo") }

// Protocol returns the subprotocol that was chosen, empty if none was.
func (s *Socket) Protocol() string { panic("todo") }

// Transport names what carries the socket at the moment; empty while its client is away.
func (s *Socket) Transport() string { panic("todo") }

// State returns how far the socket is.
func (s *Socket) State() State { panic("todo") }

// Context ends with the socket. Its cause is then a [*CloseError].
func (s *Socket) Context() context.Context { panic("todo") }

// Send sends a message. It waits while more than Options.BufferBytes have not left, so that who sends is no faster than who takes. Of data
// nothing is kept. It fails with a [*CloseError] once the socket is closing.
func (s *Socket) Send(kind Kind, data []byte) error { panic("todo") }

// SendThen is Send, and calls left once the message has left: the system has taken it (plain WebSocket), or the client has said that it has
// it. It is called with the error of a message that never will. It must not block.
func (s *Socket) SendThen(kind Kind, data []byte, left func(error)) error { panic("todo") }

// Writer returns a writer of one message, which leaves in frames while it is being written and ends with Close. One is open at a time: other
// messages wait for it.
func (s *Socket) Writer(kind Kind) (io.WriteCloser, error) { panic("todo") }

// Receive returns the next message, whose bytes are the caller's. At the end it returns a [*CloseError].
func (s *Socket) Receive() (Message, error) { panic("todo") }

// Reader returns a reader of the next message, which may still be arriving. What the one before has left unread is passed over.
func (s *Socket) Reader() (Kind, io.Reader, error) { panic("todo") }

// Buffered is how many bytes of payload have not left.
func (s *Socket) Buffered() int { panic("todo") }

// Close begins to close the socket behind everything that was sent: code is 1000 to 1003, 1007 to 1011 or 3000 to 4999, or 0 for none; reason has at most 123 bytes. The
// Context ends when the client has answered, or after Options.CloseTime.
func (s *Socket) Close(code uint16, reason string) error { panic("todo") }
