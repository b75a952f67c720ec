package stream

import (
	"net/http"
	"slices"

	"tidings/gateway"
	"tidings/transport"
	"tidings/transport/park"
	"tidings/transport/wire"
)

// Serve answers an admitted request with a stream of the given framing.
func Serve(x park.Exchange, f *transport.Request, framing *Framing) (int, error) {
	answer, err := x.Open(framing.head)
	if err != nil {
		return 0, err
	}
	o := newOutlet(answer, f, framing)
	err = f.Gateway.Follow(&o.Follower, gateway.FollowOptions{Start: f.Start, Peer: o, Terms: &o.terms.Terms})
	if err != nil {
		// The status is out already, and the gateway has closed since the request was admitted.
		at := f.Start.Cursor()
		o.Close(gateway.ReasonDraining, at, slices.Concat(o.Greeting(nil, at)...))
	}
	answer.Conn.Serve((*ears)(o))
	return http.StatusOK, nil
}

// outlet is the gateway's side of one stream, and all that there is of it. The shard that owns the follower owns it.
type outlet struct {
	gateway.Follower
	conn     park.Conn
	terms    *terms
	greeting *[][]byte // nil once it was asked for
}

var _ gateway.Peer = (*outlet)(nil)

func newOutlet(answer park.Answer, f *transport.Request, framing *Framing) *outlet {
	t := framing.terms(f, answer.Chunked)
	greeting := t.greeting(answer.Head, f)
	return &outlet{conn: answer.Conn, terms: t, greeting: &greeting}
}

// Greeting implements [gateway.Peer].
func (o *outlet) Greeting(parts [][]byte, _ gateway.Cursor) [][]byte {
	parts = append(parts, *o.greeting...)
	o.greeting = nil
	return parts
}

// AppendNotice implements [gateway.Peer].
func (o *outlet) AppendNotice(dst []byte, n gateway.Notice) ([]byte, error) {
	if o.terms.framing.Notice == nil {
		return dst, nil
	}
	return o.terms.close(o.terms.framing.Notice(dst, n), len(dst)), nil
}

// Write implements [gateway.Peer].
func (o *outlet) Write(b *gateway.Batch) (int, error) {
	return o.conn.Write(b.Parts)
}

// Close implements [gateway.Peer].
func (o *outlet) Close(reason gateway.Reason, at gateway.Cursor, rest []byte) {
	var last []byte
	if bye, ok := transport.ByeFor(reason, o.terms.offer); ok && o.terms.framing.Bye != nil {
		last = o.terms.close(o.terms.framing.Bye(nil, bye, at), 0)
	}
	if o.terms.chunked {
		last = append(last, wire.LastChunk...)
	}
	o.conn.Finish([][]byte{rest, last})
}

// ears hears a connection for its follower.
type ears outlet

var _ park.Handler = (*ears)(nil)

// Data implements [park.Handler]: a stream has no upstream, and what is sent up all the same means nothing.
func (*ears) Data([]byte) bool { return true }

// Ready implements [park.Handler].
func (e *ears) Ready() { e.Follower.Ready() }

// Gone implements [park.Handler].
func (e *ears) Gone() { e.Follower.Close(gateway.ReasonGone) }
