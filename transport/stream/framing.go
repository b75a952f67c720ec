package stream

import (
	"tidings/gateway"
	"tidings/transport"
	"tidings/transport/wire"
)

// Framing is what differs between streams. There is one for each, as a variable.
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
}
