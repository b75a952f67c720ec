package downlink

import (
	"net/http"
	"time"

	"tidings/gateway"
	"tidings/gateway/socket"
	"tidings/transport"
	"tidings/transport/park"
	"tidings/transport/wire"
)

// Socket is what a link needs of the socket that it carries: [socket.Socket].
type Socket interface {
	Ready(l socket.Link)
	Detach(l socket.Link)
	// Taken returns up to where the client's frames were taken.
	Taken() uint64
}

// Terms are what a link is served on.
type Terms struct {
	Kind    transport.Kind // any but WebSocket
	Prelude bool           // for Stream: begin with what opens the eyes of old browsers
	Tick    time.Duration  // for SSE and Stream: one ping so long after hello; 0 for none
	Wait    time.Duration  // for LongPoll
	PollMS  int            // for polls: when to ask again
	Resume  bool           // the client has heard of its socket: a poll's answer has no hello
	Offer   transport.Offer
	Node    string // this gateway's name
}

// Link carries a socket by one answer. It is attached first, and carries nothing until it is served.
type Link interface {
	socket.Link
	// Serve answers by x, with what the socket has said of the link when it was attached. It returns the status that it answered with. An
	// error means that nothing was sent: the socket has been told then.
	Serve(x park.Exchange, w socket.Welcome) (status int, err error)
	// Hurry has a poll that is not served yet wait for nothing.
	Hurry()
}

// New makes a link of s.
func New(s Socket, t Terms) Link {
	switch t.Kind {
	case transport.SSE:
		return &streamed{socket: s, terms: t, framing: &events}
	case transport.Stream:
		return &streamed{socket: s, terms: t, framing: &lines}
	default:
		return &poll{socket: s, terms: t}
	}
}

// hello is what the link says first.
func (t *Terms) hello(w *socket.Welcome) wire.SocketHello {
	return wire.SocketHello{
		Cursor: gateway.Cursor{Epoch: w.Epoch, Seq: w.Since}, Ack: w.Ack, Transport: t.Kind.String(), Protocol: w.Protocol,
		PingMS: int(w.Ping.Milliseconds()), AwayMS: int(w.Away.Milliseconds()), Offer: t.Offer, Node: t.Node,
	}
}

// Replaced answers a request whose link was not attached, because newer ones carry the socket: with a bye and nothing else.
func Replaced(x park.Exchange, kind transport.Kind) (status int) {
	bye := transport.Bye{Code: transport.Replaced, Reason: string(gateway.ReasonReplaced)}
	reply := park.Reply{Status: http.StatusOK}
	switch kind {
	case transport.SSE:
		reply.Head, reply.Parts = events.head, [][]byte{events.bye(nil, bye)}
	case transport.Stream:
		reply.Head, reply.Parts = lines.head, [][]byte{lines.bye(nil, bye)}
	default:
		reply.Head, reply.Parts = pollHead, [][]byte{wire.AppendBye(nil, bye)}
	}
	x.Reply(reply)
	return reply.Status
}
