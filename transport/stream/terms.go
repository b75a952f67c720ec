package stream

import (
	"tidings/gateway"
	"tidings/transport"
	"tidings/transport/wire"
)

// terms are what streams have in common that are framed, and offered, the same.
type terms struct {
	gateway.Terms
	framing *Framing
	offer   transport.Offer
	chunked bool
}

// terms returns those of a request.
func (f *Framing) terms(q *transport.Request, chunked bool) *terms {
	ping := q.Ping
	if f.Notice == nil {
		ping = 0
	}
	shared, format := &f.bare, f.Format
	if chunked {
		shared, format = &f.inChunks, f.Chunked
	}
	return shared.Get(
		func(t *terms) bool { return t.Ping == ping && t.offer.Equal(q.Offer) },
		func() *terms {
			return &terms{framing: f, offer: q.Offer, chunked: chunked, Terms: gateway.Terms{
				Format: format, Class: uint8(f.Kind), Ping: ping, Live: f.Enveloped, Raw: !f.Enveloped,
			}}
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
	if f.Hello != nil {
		parts = append(parts, t.close(f.Hello(nil, wire.HelloTo(q, f.Kind)), 0))
	}
	return parts
}
