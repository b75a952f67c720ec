package poll

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"tidings/gateway"
	"tidings/transport"
	"tidings/transport/park"
	"tidings/transport/wire"
)

// The bounds of one answer. A request can ask for fewer items.
const (
	maxItems = 1000
	maxBytes = 1 << 20
)

func limitOf(f *transport.Request) int {
	if f.Limit <= 0 {
		return maxItems
	}
	return min(f.Limit, maxItems)
}

// What answers differ by: what is accepted tells the transport and the coding, and the origin what a page may read.
const (
	byAccept = "Accept, Accept-Encoding"
	byOrigin = byAccept + ", Origin"
)

// NewHead returns the head of answers in JSON that no cache keeps.
func NewHead() *park.Head { return headOf(jsonType, "no-store", byOrigin) }

// headOf returns the fields that every answer of a type has.
func headOf(mediaType, cacheControl, vary string) *park.Head {
	return park.NewHead(
		park.Field{Name: "Content-Type", Value: mediaType},
		park.Field{Name: "Cache-Control", Value: cacheControl},
		park.Field{Name: "Vary", Value: vary},
		park.Field{Name: "X-Content-Type-Options", Value: "nosniff"},
	)
}

const jsonType = "application/json"

// New returns the transport that answers at once. In gzip, messages of at least gzipFrom bytes are deflated by themselves where an
// answer is too large to be deflated as a whole; 0 means [wire.DefaultDeflateFrom].
func New(gzipFrom int) transport.Transport {
	const second = "public, max-age=1"
	return &poll{heads: [...]*park.Head{
		transport.CacheNone:     headOf(jsonType, "no-cache", byOrigin),
		transport.CacheByOrigin: headOf(jsonType, second, byOrigin),
		transport.CacheForAll:   headOf(jsonType, second, byAccept),
	}, gzip: wire.Gzipped(wire.Envelope, cmp.Or(gzipFrom, wire.DefaultDeflateFrom))}
}

type poll struct {
	heads [3]*park.Head   // by transport.Cache
	gzip  *gateway.Format // of items
	packs transport.Shared[packs]
}

var _ transport.Transport = (*poll)(nil)

// Kind implements [transport.Transport].
func (*poll) Kind() transport.Kind { return transport.Poll }

// Serve implements [transport.Transport].
func (p *poll) Serve(x park.Exchange, f *transport.Request) (int, error) {
	// Newest is asked before Read. What is published in between comes twice, which a reader notices; the other way round it
	// would be taken for known.
	newest := f.Gateway.Newest(f.Follows).String()
	tag := `W/"` + newest + `"`
	reply := park.Reply{
		Status: http.StatusOK, Head: p.heads[f.Cache],
		Fields: []park.Field{{Name: "ETag", Value: tag}, {Name: "Tidings-Cursor", Value: newest}},
	}
	if f.Callback == "" && known(f.Known, tag) {
		reply.Status = http.StatusNotModified
		x.Reply(reply)
		return reply.Status, nil
	}

	answer, page, messages := read(f)
	var size int
	reply.Parts, size = answer.Parts()
	switch {
	case f.Callback != "":
		reply.Head, reply.Fields = scriptHead, nil
		reply.Parts, size = wire.Call(f.Callback, reply.Parts)
	case f.Compress && size >= wire.GzipBodyFrom:
		b := p.pack(&answer, &page, reply.Parts, size)
		reply.Parts, reply.Fields = b.parts, append(reply.Fields, b.fields...)
		size = b.size()
	}
	x.Reply(reply)
	f.Gateway.Delivered(uint8(transport.Poll), messages, size)
	return reply.Status, nil
}

// read reads what the answer says: of the items, so many are messages.
func read(f *transport.Request) (answer wire.Poll, page gateway.Page, messages int) {
	page = f.Gateway.Read(f.Start, limitOf(f), maxBytes)
	answer = wire.Poll{
		Cursor: page.Cursor, Items: make([][]byte, 0, len(page.Items)), More: page.More, PollMS: f.PollMS, Offer: f.Offer,
	}
	for _, item := range page.Items {
		if item.Message != nil {
			messages++
			answer.Items = append(answer.Items, item.Message.Encoded(wire.Envelope))
		} else {
			answer.Items = append(answer.Items, wire.AppendNotice(nil, item.Notice))
		}
	}
	return answer, page, messages
}

// Append appends the body that answers an admitted poll, for an answer that says something else too. Of f are read: Gateway, Start,
// Limit, PollMS and Offer.
func Append(dst []byte, f *transport.Request) []byte {
	answer, _, messages := read(f)
	parts, size := answer.Parts()
	dst = slices.Grow(dst, size)
	for _, part := range parts {
		dst = append(dst, part...)
	}
	f.Gateway.Delivered(uint8(transport.Poll), messages, size)
	return dst
}

// known reports whether an If-None-Match field holds tag, by the weak comparison of RFC 9110 section 8.8.3.2.
func known(field, tag string) bool {
	for have := range strings.SplitSeq(field, ",") {
		have = strings.TrimSpace(have)
		if have == "*" || strings.TrimPrefix(have, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}
