package socket

import "iter"

// Set is all sockets of a server.
type Set struct{}

// NewSet makes an empty set.
func NewSet() *Set { panic("todo") }

// Path is what serves the sockets of one path.
type Path struct {
	Name    string
	Handler Handler
	Options Options
}

// Opening is a request to open a socket, or to carry one on.
type Opening struct {
	Path    *Path
	Request *Request
	// ID is the label that the client has given its socket, which only it knows; empty for a plain WebSocket: that is the socket itself.
	ID string
	// Resume says that the client has heard of its socket before: it is not made again. Since is up to where the client has its frames then.
	Resume bool
	Since  uint64
	// Number rises with every link of a socket: one that comes late replaces none that was asked for after it.
	Number uint32
	// Transport names what the link is.
	Transport string
}

// Open makes a socket, or finds the one that is to be carried on. No link is attached yet, and no handler runs. It fails with a [*RefusedError],
// or with [ErrGone], [ErrReplaced], [ErrFull], [ErrClosed].
func (s *Set) Open(o *Opening) (*Socket, error) { panic("todo") }

// All are the open sockets of a path, in no order.
func (s *Set) All(path string) iter.Seq[*Socket] { panic("todo") }

// Broadcast sends a message to all sockets of a path and returns to how many. It waits for none: one whose client is so far behind that more than
// Options.BufferBytes have not left is closed with 1013 instead.
func (s *Set) Broadcast(path string, kind Kind, data []byte) int { panic("todo") }

// Close closes all sockets with 1001 and opens none any more. It returns when all handlers have returned.
func (s *Set) Close() { panic("todo") }

// Welcome is what a client is told when a link begins.
type Welcome struct {
	Epoch    string // of the socket's own sequences
	Protocol string // the subprotocol that was chosen
	Since    uint64 // the link's first frame is the next
	Ack      uint64 // up to where the client's frames were taken: the link's first one up is the next
}

// Attach has l carry the socket. What Open was asked with says from where. The first link that is attached starts the handler.
func (s *Socket) Attach(l Link, o *Opening) (Welcome, error) { panic("todo") }

// Ready tells that a link which was full has room again.
func (s *Socket) Ready(l Link) { panic("todo") }

// Detach tells that a link has broken or that its client has left it. A plain WebSocket's socket ends by it, any other waits for the next link.
func (s *Socket) Detach(l Link) { panic("todo") }

// Put takes a frame from the client, whose Data is only lent. A frame that was taken before is dropped. Where more is false, the link is to read no
// more until it is resumed; who can wait (an HTTP request) calls [Socket.Room]. It fails where the frame is not the next one, or its direction has ended.
func (s *Socket) Put(f Frame) (ack uint64, more bool, err error) { panic("todo") }

// Acked tells up to where the client has its frames.
func (s *Socket) Acked(seq uint64) { panic("todo") }

// Fail closes the socket because its client has broken the protocol: code and reason are said on the link.
func (s *Socket) Fail(code uint16, reason string) { panic("todo") }
