package stream

import (
	"slices"

	"tidings/gateway"
	"tidings/transport"
	"tidings/transport/park"
	"tidings/transport/wire"
)

// gzipOutlet is an outlet whose stream is in gzip. Messages come as they go into everybody's stream; its own is what that must end
// with.
type gzipOutlet struct {
	outlet
	sum    wire.GzipSum
	within bool // the next write begins with the rest of something that is in sum already
}

var _ gateway.Peer = (*gzipOutlet)(nil)

func newGzipOutlet(answer park.Answer, f *transport.Request, framing *Framed) *gzipOutlet {
	t := framing.terms(f, answer.Chunked)
	o := &gzipOutlet{outlet: outlet{Follower: t.Follower(), conn: answer.Conn}, within: true}
	plain := framing.hello(slices.Clip(framing.prelude), f)
	o.sum.AddPlain(plain)
	// It is one part, because the head of the answer is not in the stream: what is written of it counts as a whole or not at all.
	greeting := slices.Concat(answer.Head...)
	from := len(greeting)
	greeting = wire.AppendStored(append(greeting, wire.GzipHead...), plain)
	o.greeting = &[][]byte{t.close(greeting, from)}
	return o
}

// AppendNotice implements [gateway.Peer].
func (o *gzipOutlet) AppendNotice(dst []byte, n gateway.Notice) ([]byte, error) {
	return o.appendUnit(dst, o.on().framing.notice(nil, n)), nil
}

// appendUnit appends what is this follower's own.
func (o *gzipOutlet) appendUnit(dst, plain []byte) []byte {
	if len(plain) == 0 {
		return dst
	}
	return o.on().close(wire.AppendStored(dst, plain), len(dst))
}

// Write implements [gateway.Peer].
func (o *gzipOutlet) Write(b *gateway.Batch) (int, error) {
	n, err := o.conn.Write(b.Parts)
	o.within = o.sum.Wrote(b.Parts, n, o.within, o.on().chunked)
	return n, err
}

// Close implements [gateway.Peer]. The rest is in the sum already.
func (o *gzipOutlet) Close(reason gateway.Reason, at gateway.Cursor, rest []byte) {
	bye := o.on().bye(nil, reason, at)
	o.sum.AddPlain(bye)
	last := o.appendUnit(nil, bye)
	o.finish(rest, o.on().close(o.sum.AppendEnd(last), len(last)))
}
