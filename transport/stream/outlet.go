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
func Serve(w http.ResponseWriter, r *http.Request, f *transport.Request, framing *Framing) error {
	answer, err := park.Open(w, r, http.Header{
		"Content-Type":           {framing.MediaType},
		"Cache-Control":          {"no-store, no-transform"},
		"X-Accel-Buffering":      {"no"},
		"X-Content-Type-Options": {"nosniff"},
	})
	if err != nil {
		return err
	}
	o := newOutlet(answer, f, framing)
	ping := f.Ping
	if framing.Notice == nil {
		ping = 0
	}
	follower := new(gateway.Follower)
	err = f.Gateway.Follow(follower, gateway.FollowOptions{Start: f.Start, Peer: o, Terms: &gateway.Terms{
		Format: o.format(), Class: uint8(framing.Kind), Ping: ping, Live: framing.Enveloped, Raw: !framing.Enveloped,
	}})
	if err != nil {
		// The status is out already, and the gateway has closed since the request was admitted.
		at := f.Start.Cursor()
		o.Close(gateway.ReasonDraining, at, slices.Concat(o.Greeting(nil, at)...))
	}
	answer.Conn.Serve(ears{follower})
	return nil
}

// outlet is the gateway's side of one stream. The shard that owns the follower owns it.
type outlet struct {
	conn     park.Conn
	framing  *Framing
	offer    transport.Offer
	greeting []byte
	chunked  bool
}

var _ gateway.Peer = (*outlet)(nil)

func newOutlet(answer park.Answer, f *transport.Request, framing *Framing) *outlet {
	o := &outlet{conn: answer.Conn, framing: framing, offer: f.Offer, chunked: answer.Chunked}
	hello := append(answer.Head, framing.Prelude...)
	if framing.Hello != nil {
		hello = framing.Hello(hello, wire.HelloTo(f, framing.Kind))
	}
	o.greeting = o.close(hello, len(answer.Head))
	return o
}

// close ends a unit that begins at start.
func (o *outlet) close(dst []byte, start int) []byte {
	if o.chunked {
		return wire.CloseChunk(dst, start)
	}
	return dst
}

// Greeting implements [gateway.Peer].
func (o *outlet) Greeting(parts [][]byte, _ gateway.Cursor) [][]byte {
	return append(parts, o.greeting)
}

// format is how messages are written.
func (o *outlet) format() *gateway.Format {
	if o.chunked {
		return o.framing.Chunked
	}
	return o.framing.Format
}

// AppendNotice implements [gateway.Peer].
func (o *outlet) AppendNotice(dst []byte, n gateway.Notice) ([]byte, error) {
	if o.framing.Notice == nil {
		return dst, nil
	}
	return o.close(o.framing.Notice(dst, n), len(dst)), nil
}

// Write implements [gateway.Peer].
func (o *outlet) Write(b *gateway.Batch) (int, error) {
	return o.conn.Write(b.Parts)
}

// Close implements [gateway.Peer].
func (o *outlet) Close(reason gateway.Reason, at gateway.Cursor, rest []byte) {
	var last []byte
	if bye, ok := transport.ByeFor(reason, o.offer); ok && o.framing.Bye != nil {
		last = o.close(o.framing.Bye(nil, bye, at), 0)
	}
	if o.chunked {
		last = append(last, wire.LastChunk...)
	}
	o.conn.Finish([][]byte{rest, last})
}

// ears hears the connection for the follower; nil once the stream has ended before it began.
type ears struct{ follower *gateway.Follower }

var _ park.Handler = ears{}

// Data implements [park.Handler]: a stream has no upstream, and what is sent up all the same means nothing.
func (ears) Data([]byte) error { return nil }

// Ready implements [park.Handler].
func (e ears) Ready() {
	if e.follower != nil {
		e.follower.Ready()
	}
}

// Gone implements [park.Handler].
func (e ears) Gone() {
	if e.follower != nil {
		e.follower.Close(gateway.ReasonGone)
	}
}
