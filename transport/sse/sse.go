package sse

import (
	"tidings/transport"
	"tidings/transport/park"
	"tidings/transport/stream"
	"tidings/transport/wire"
)

// MediaType is the media type of an event stream.
const MediaType = "text/event-stream"

var raw = &stream.Framing{
	Kind: transport.SSE, MediaType: MediaType, Format: wire.SSERaw, Chunked: wire.SSERawChunked,
	Prelude: wire.SSEPrelude, Hello: wire.AppendSSERawHello, Notice: wire.AppendSSERawNotice, Bye: wire.AppendSSERawBye,
}

var enveloped = &stream.Framing{
	Kind: transport.SSE, MediaType: MediaType, Format: wire.SSEEnvelope, Chunked: wire.SSEEnvelopeChunked, Enveloped: true,
	Prelude: wire.SSEPrelude, Hello: wire.AppendSSEHello, Notice: wire.AppendSSENotice, Bye: wire.AppendSSEBye,
}

// New returns the transport of server-sent events. Streams in gzip deflate messages of at least gzipFrom bytes; 0 means
// [wire.DefaultDeflateFrom].
func New(gzipFrom int) transport.Transport {
	return &events{raw: stream.Frame(raw, gzipFrom), enveloped: stream.Frame(enveloped, gzipFrom)}
}

type events struct{ raw, enveloped *stream.Framed }

var _ transport.Transport = (*events)(nil)

// Kind implements [transport.Transport].
func (*events) Kind() transport.Kind { return transport.SSE }

// Serve implements [transport.Transport].
func (e *events) Serve(x park.Exchange, f *transport.Request) (int, error) {
	if f.Wrap {
		return stream.Serve(x, f, e.enveloped)
	}
	return stream.Serve(x, f, e.raw)
}
