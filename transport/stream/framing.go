package stream

import (
	"tidings/gateway"
	"tidings/transport"
	"tidings/transport/park"
	"tidings/transport/wire"
)

// Framing is what differs between streams. [Frame] makes one for each, as a variable.
type Framing struct {
	Kind      transport.Kind
	MediaType string
	// Format is how messages are written, and Chunked the same with chunk heads.
	Format, Chunked *gateway.Format
	Enveloped       bool   // messages say their topic, and the stream when it is live
	Prelude         string // goes in front of hello
	// Hello, Notice and Bye append what is no message as one unit; nil where the stream has no way to say it.
	Hello  func(dst []byte, h wire.Hello) []byte
	Notice func(dst []byte, n gateway.Notice) []byte
	Bye    func(dst []byte, b transport.Bye, at gateway.Cursor) []byte

	head           *park.Head
	prelude, chunk []byte                  // the prelude, and as a chunk
	bare, inChunks transport.Shared[terms] // of HTTP/1.0 and the like, and of HTTP/1.1
}

// Frame returns f ready for use.
func Frame(f *Framing) *Framing {
	f.head = park.NewHead(
		park.Field{Name: "Content-Type", Value: f.MediaType},
		park.Field{Name: "Cache-Control", Value: "no-store, no-transform"},
		park.Field{Name: "X-Accel-Buffering", Value: "no"},
		park.Field{Name: "X-Content-Type-Options", Value: "nosniff"},
	)
	f.prelude = []byte(f.Prelude)
	f.chunk = wire.CloseChunk([]byte(f.Prelude), 0)
	return f
}
