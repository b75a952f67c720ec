package socket

// Kind says what a message or a frame is.
type Kind uint8

// The kinds. A message is Text or Binary.
const (
	Text   Kind = iota + 1 // UTF-8
	Binary                 // any bytes
	Close                  // a frame that ends its direction: no other comes behind it
)

// Frame is a message, a piece of one, or the end of a direction. It never changes.
type Frame struct {
	Seq  uint64 // its number in its direction, from 1, without holes
	Kind Kind   // that of its message: all pieces say the same
	More bool   // the message goes on with the next frame
	// Packed says of a frame from the client that its message is deflated: see [Opening.Unpack].
	Packed bool
	// Code and Reason are those of a Close (RFC 6455 section 7.4): 1005 where none was given.
	Code   uint16
	Reason string
	// Data is the payload: of a text, cut between characters where the gateway sends it.
	Data []byte
	// Shared, where there is one, is common to all sockets that a whole message goes to: a link may keep there what it makes of Data.
	Shared *Shared
}

// Message is a whole message.
type Message struct {
	Kind Kind // Text or Binary
	Data []byte
}
