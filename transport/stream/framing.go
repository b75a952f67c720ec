package stream

import (
	"cmp"
	"slices"

	"tidings/gateway"
	"tidings/transport"
	"tidings/transport/park"
	"tidings/transport/wire"
)

// Framing is what differs between streams. [Frame] makes it ready for use.
type Framing struct {
	Kind      transport.Kind
	MediaType string
	// Format is how messages are written, and Chunked the same with chunk heads.
	Format, Chunked *gateway.Format
	Enveloped       bool   // messages say their topic, and the stream when it is live
	Prelude         string // goes in front of hello
	// Fields are those of the head that are one request's own; nil for none.
	Fields func(f *transport.Request) []park.Field
	// Opening appends what comes between the two and is one request's own; nil for nothing.
	Opening func(dst []byte, f *transport.Request) []byte
	// Hello, Notice and Bye append what is no message as one unit; nil where the stream has no way to say it.
	Hello  func(dst []byte, h wire.Hello) []byte
	Notice func(dst []byte, n gateway.Notice) []byte
	Bye    func(dst []byte, b transport.Bye, at gateway.Cursor) []byte
}

// Framed are the streams of one framing.
type Framed struct {
	*Framing
	plain, gzip    coded
	prelude, chunk []byte // the prelude, and as a chunk
}

// coded are those with the same Content-Encoding.
type coded struct {
	fields         []park.Field
	head           *park.Head // of fields
	bare, inChunks written    // over HTTP/1.0 and the like, and over HTTP/1.1
}

// written are those with the same bytes.
type written struct {
	format *gateway.Format
	terms  transport.Shared[terms]
}

// Frame returns streams of a framing. Those in gzip deflate messages of at least gzipFrom bytes; 0 means
// [wire.DefaultDeflateFrom].
func Frame(f *Framing, gzipFrom int) *Framed {
	gzipFrom = cmp.Or(gzipFrom, wire.DefaultDeflateFrom)
	fields := Fields(f.MediaType)
	zipped := append(slices.Clone(fields), park.Field{Name: "Content-Encoding", Value: "gzip"})
	return &Framed{
		Framing: f,
		plain: coded{
			fields: fields, head: park.NewHead(fields...),
			bare: written{format: f.Format}, inChunks: written{format: f.Chunked},
		},
		gzip: coded{
			fields: zipped, head: park.NewHead(zipped...),
			bare:     written{format: wire.Gzipped(f.Format, gzipFrom)},
			inChunks: written{format: wire.GzippedChunked(f.Format, gzipFrom)},
		},
		prelude: []byte(f.Prelude),
		chunk:   wire.CloseChunk([]byte(f.Prelude), 0),
	}
}

// Fields returns the fields that all streams of a media type have.
func Fields(mediaType string) []park.Field {
	return []park.Field{
		{Name: "Content-Type", Value: mediaType},
		{Name: "Cache-Control", Value: "no-store, no-transform"},
		{Name: "X-Accel-Buffering", Value: "no"},
		{Name: "X-Content-Type-Options", Value: "nosniff"},
		{Name: "Vary", Value: "Accept, Accept-Encoding, Origin"},
	}
}

// coded returns those that answer a request.
func (f *Framed) coded(q *transport.Request) *coded {
	if q.Compress {
		return &f.gzip
	}
	return &f.plain
}

// head returns the head of the answer to a request.
func (f *Framed) head(q *transport.Request) *park.Head {
	c := f.coded(q)
	if f.Fields == nil {
		return c.head
	}
	return park.NewHead(slices.Concat(c.fields, f.Fields(q))...)
}
