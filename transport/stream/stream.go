package stream

import (
	"tidings/gateway"
	"tidings/transport"
	"tidings/transport/park"
	"tidings/transport/wire"
)

// The media types of streams, as [transport.Request.Format] names them. NDJSON is the default.
const (
	NDJSON  = "application/x-ndjson"
	Mixed   = "multipart/mixed"
	Replace = "multipart/x-mixed-replace"
)

var ndjson = Frame(&Framing{
	Kind: transport.Stream, MediaType: NDJSON, Format: wire.NDJSON, Chunked: wire.NDJSONChunked, Enveloped: true,
	Hello: func(dst []byte, h wire.Hello) []byte { return append(wire.AppendHello(dst, h), '\n') },
	Notice: func(dst []byte, n gateway.Notice) []byte {
		return append(wire.AppendNotice(dst, n), '\n')
	},
	Bye: func(dst []byte, b transport.Bye, _ gateway.Cursor) []byte {
		return append(wire.AppendBye(dst, b), '\n')
	},
})

var mixedRaw = Frame(&Framing{
	Kind: transport.Stream, MediaType: Mixed + "; boundary=" + wire.Boundary,
	Format: wire.MultipartRaw, Chunked: wire.MultipartRawChunked,
	Prelude: wire.MultipartOpening, Hello: wire.AppendMultipartHello, Notice: wire.AppendMultipartNotice, Bye: lastPart,
})

var mixedEnvelope = Frame(&Framing{
	Kind: transport.Stream, MediaType: Mixed + "; boundary=" + wire.Boundary,
	Format: wire.MultipartEnvelope, Chunked: wire.MultipartEnvelopeChunked, Enveloped: true,
	Prelude: wire.MultipartOpening, Hello: wire.AppendMultipartHello, Notice: wire.AppendMultipartNotice, Bye: lastPart,
})

func lastPart(dst []byte, b transport.Bye, _ gateway.Cursor) []byte {
	return wire.AppendMultipartBye(dst, b)
}

// A browser shows each part of x-mixed-replace in the place of the one before it, so there is nothing but messages.
var replaceRaw = Frame(&Framing{
	Kind: transport.Stream, MediaType: Replace + "; boundary=" + wire.Boundary,
	Format: wire.ReplaceRaw, Chunked: wire.ReplaceRawChunked, Prelude: wire.MultipartOpening,
})

var replaceEnvelope = Frame(&Framing{
	Kind: transport.Stream, MediaType: Replace + "; boundary=" + wire.Boundary,
	Format: wire.ReplaceEnvelope, Chunked: wire.ReplaceEnvelopeChunked, Prelude: wire.MultipartOpening,
})

// New returns the streaming transport.
func New() transport.Transport { return streaming{} }

type streaming struct{}

var _ transport.Transport = streaming{}

// Kind implements [transport.Transport].
func (streaming) Kind() transport.Kind { return transport.Stream }

// Serve implements [transport.Transport].
func (streaming) Serve(x park.Exchange, f *transport.Request) (int, error) {
	return Serve(x, f, framingOf(f.Format, f.Wrap))
}

func framingOf(mediaType string, wrap bool) *Framing {
	switch {
	case mediaType == Mixed && wrap:
		return mixedEnvelope
	case mediaType == Mixed:
		return mixedRaw
	case mediaType == Replace && wrap:
		return replaceEnvelope
	case mediaType == Replace:
		return replaceRaw
	}
	return ndjson
}
