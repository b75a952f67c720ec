package poll

import (
	"tidings/gateway"
	"tidings/transport"
	"tidings/transport/park"
	"tidings/transport/wire"
)

// body is what an answer says, and the fields that say how.
type body struct {
	parts  [][]byte
	fields []park.Field
	whole  *park.Whole // nil for a body that one client gets
}

// gzipMost bounds what is gzipped as a whole: a shard or a loop does it, and others wait meanwhile.
const gzipMost = 64 << 10

// worthGzip reports whether an answer of this size is gzipped as a whole.
func worthGzip(size int) bool { return size >= wire.GzipBodyFrom && size <= gzipMost }

// encoded marks an answer in gzip.
var encoded = []park.Field{{Name: "Content-Encoding", Value: "gzip"}}

// packs are the answers to polls that offer the same.
type packs struct {
	offer  transport.Offer
	pollMS int
	shared sharedAnswer
}

// pack returns an answer in gzip: as a whole, once for all who get the same; or, where it is too large for that, with messages in it
// that are deflated once for all answers.
func (p *poll) pack(a *wire.Poll, page *gateway.Page, parts [][]byte, size int) body {
	if worthGzip(size) {
		same := p.packs.Get(
			func(s *packs) bool { return s.pollMS == a.PollMS && s.offer.Equal(a.Offer) },
			func() *packs { return &packs{offer: a.Offer, pollMS: a.PollMS} },
		)
		return same.shared.get(a.Items, a.Cursor, a.More, func() body { return gzipped(parts) })
	}
	packed := *a
	packed.Items = make([][]byte, len(a.Items))
	for i, item := range page.Items {
		if item.Message != nil {
			packed.Items[i] = item.Message.Encoded(p.gzip)
		} else {
			packed.Items[i] = wire.AppendStored(nil, a.Items[i])
		}
	}
	b := body{}
	var zipped bool
	if b.parts, _, zipped = packed.GzipParts(); zipped {
		b.fields = encoded
	}
	return b
}

// size returns how many bytes the answer has.
func (b *body) size() (n int) {
	for _, part := range b.parts {
		n += len(part)
	}
	return n
}

// gzipped returns parts as one gzip stream.
func gzipped(parts [][]byte) body {
	return body{parts: [][]byte{wire.AppendGzip(nil, parts)}, fields: encoded}
}
