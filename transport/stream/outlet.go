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
func Serve(x park.Exchange, f *transport.Request, framing *Framed) (int, error) {
	answer, err := x.Open(framing.head(f))
	if err != nil {
		return 0, err
	}
	o, peer := newPeer(answer, f, framing)
	err = f.Follow(&o.Follower, peer)
	if err != nil {
		// The status is out already, and the gateway has closed since the request was admitted.
		at := f.Start.Cursor()
		peer.Close(gateway.ReasonDraining, at, slices.Concat(peer.Greeting(nil, at)...))
	}
	answer.Conn.Serve((*ears)(o))
	return http.StatusOK, nil
}

// newPeer returns the gateway's side of a stream, and the outlet in it.
func newPeer(answer park.Answer, f *transport.Request, framing *Framed) (*outlet, gateway.Peer) {
	if f.Compress {
		o := newGzipOutlet(answer, f, framing)
		return &o.outlet, o
	}
	o := newOutlet(answer, f, framing)
	return o, o
}

// outlet is the gateway's side of one stream, and all that there is of it. The shard that owns the follower owns it.
type outlet struct {
	gateway.Follower
	conn     park.Conn
	greeting *[][]byte // nil once it was asked for
}

var _ gateway.Peer = (*outlet)(nil)

func newOutlet(answer park.Answer, f *transport.Request, framing *Framed) *outlet {
	t := framing.terms(f, answer.Chunked)
	greeting := t.greeting(answer.Head, f)
	return &outlet{Follower: t.Follower(), conn: answer.Conn, greeting: &greeting}
}

// on returns the terms that the outlet is on.
func (o *outlet) on() *terms { return o.Terms().Of.(*terms) }

// Greeting implements [gateway.Peer].
func (o *outlet) Greeting(parts [][]byte, _ gateway.Cursor) [][]byte {
	parts = append(parts, *o.greeting...)
	o.greeting = nil
	return parts
}

// AppendNotice implements [gateway.Peer].
func (o *outlet) AppendNotice(dst []byte, n gateway.Notice) ([]byte, error) {
	return o.on().close(o.on().framing.notice(dst, n), len(dst)), nil
}

// Write implements [gateway.Peer].
func (o *outlet) Write(b *gateway.Batch) (int, error) {
	return o.conn.Write(b.Parts)
}

// Close implements [gateway.Peer].
func (o *outlet) Close(reason gateway.Reason, at gateway.Cursor, rest []byte) {
	o.finish(rest, o.on().close(o.on().bye(nil, reason, at), 0))
}

// finish ends the stream behind a last word.
func (o *outlet) finish(rest, last []byte) {
	if o.on().chunked {
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
