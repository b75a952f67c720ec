package stream

import (
	"tidings/gateway"
	"tidings/transport"
	"tidings/transport/wire"
)

// terms are what streams have in common that are framed, and offered, the same.
type terms struct {
	gateway.Terms
	framing *Framed
	offer   transport.Offer
	chunked bool
}

// terms returns those of a request.
func (f *Framed) terms(q *transport.Request, chunked bool) *terms {
	ping := q.Ping
	if f.Notice == nil {
		ping = 0
	}
	as := &f.coded(q).bare
	if chunked {
		as = &f.coded(q).inChunks
	}
	return as.terms.Get(
		func(t *terms) bool { return t.Ping == ping && t.offer.Equal(q.Offer) },
		func() *terms {
			made := &terms{framing: f, offer: q.Offer, chunked: chunked, Terms: gateway.Terms{
				Format: as.format, Class: uint8(f.Kind), Ping: ping, Live: f.Enveloped, Raw: !f.Enveloped,
			}}
			made.Of = made
			return made
		},
	)
}

// close ends a unit that begins at start.
func (t *terms) close(dst []byte, start int) []byte {
	if t.chunked {
		return wire.CloseChunk(dst, start)
	}
	return dst
}

// greeting appends what follows the head: the prelude and hello.
func (t *terms) greeting(parts [][]byte, q *transport.Request) [][]byte {
	f := t.framing
	switch {
	case len(f.prelude) == 0:
	case t.chunked:
		parts = append(parts, f.chunk)
	default:
		parts = append(parts, f.prelude)
	}
	if own := t.close(f.hello(nil, q), 0); len(own) > 0 {
		parts = append(parts, own)
	}
	return parts
}

// hello appends what opens one request's stream, and hello, where there is a way to say it.
func (f *Framed) hello(dst []byte, q *transport.Request) []byte {
	if f.Opening != nil {
		dst = f.Opening(dst, q)
	}
	if f.Hello == nil {
		return dst
	}
	return f.Hello(dst, wire.HelloTo(q, f.Kind))
}

// notice appends a notice, where there is a way to say it.
func (f *Framed) notice(dst []byte, n gateway.Notice) []byte {
	if f.Notice == nil {
		return dst
	}
	return f.Notice(dst, n)
}

// bye appends why the gateway ends the stream, where there is a way to say it.
func (t *terms) bye(dst []byte, reason gateway.Reason, at gateway.Cursor) []byte {
	bye, told := transport.ByeFor(reason, t.offer)
	if !told || t.framing.Bye == nil {
		return dst
	}
	return t.framing.Bye(dst, bye, at)
}
