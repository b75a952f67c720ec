package websocket

import (
	"sync"

	"github.com/gobwas/ws"

	"tidings/gateway"
	"tidings/transport/wire"
)

// RawDeflated and EnvelopedDeflated are Raw and Enveloped for connections that speak permessage-deflate.
var (
	RawDeflated       = deflated(Raw, wire.DefaultDeflateFrom)
	EnvelopedDeflated = deflated(Enveloped, wire.DefaultDeflateFrom)
)

// rsv1 marks the first frame of a deflated message (RFC 7692 section 6), in the bits of a [ws.Header].
const rsv1 = 4

// flushed is what a message leaves out of the end of its deflated payload (RFC 7692 section 7.2.1).
const flushed = "\x00\x00\xff\xff"

// The smallest windows in which is deflated, in bits: shared frames have one for all, whoever has frames of their own may say.
const (
	sharedBits = 15
	leastBits  = 8
)

// appendPacked appends the deflated payload of a frame: of a piece of a message, or of a whole one. No piece refers to
// another, so that no writer is held between them. A window of 1 << bits bytes is enough to inflate it.
func appendPacked(dst, plain []byte, bits int, last bool) []byte {
	dst = wire.AppendDeflatedWithin(dst, plain, bits)
	if last {
		dst = dst[:len(dst)-len(flushed)]
	}
	return dst
}

// deflated returns f with every payload of at least from bytes deflated, where that makes it smaller. A message stays one
// frame: there are clients that fail on a deflated one in pieces. The others are the very bytes of f. It is called once for each
// format, for formats are told apart by address.
func deflated(f *gateway.Format, from int) *gateway.Format {
	return &gateway.Format{Name: f.Name + ".deflated", Append: func(dst []byte, m *gateway.Message) []byte {
		lent := framePairs.Get().(*framePair)
		defer lent.back()
		lent.plain = f.Append(lent.plain[:0], m)
		var h ws.Header
		size, _ := parseHead(lent.plain, &h) // 0 for what f cannot say
		if payload := lent.plain[size:]; len(payload) > 0 && len(payload) >= from {
			lent.packed = wire.AppendDeflated(lent.packed[:0], payload)
			if packed := lent.packed[:len(lent.packed)-len(flushed)]; len(packed) < len(payload) {
				h.Rsv, h.Length = rsv1, int64(len(packed))
				return appendHeaded(dst, h, packed)
			}
		}
		if dst == nil {
			return m.Encoded(f)
		}
		return append(dst, lent.plain...)
	}}
}

// framePair lends memory for a frame as it is and for its deflated payload.
type framePair struct{ plain, packed []byte }

var framePairs = sync.Pool{New: func() any { return new(framePair) }}

// framePairMax bounds what is given back, so that one large message does not hold its memory for ever.
const framePairMax = 256 << 10

func (p *framePair) back() {
	if cap(p.plain)+cap(p.packed) <= framePairMax {
		framePairs.Put(p)
	}
}
