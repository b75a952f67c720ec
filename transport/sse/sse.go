package sse

import (
	"tidings/transport"
	"tidings/transport/park"
	"tidings/transport/stream"
	"tidings/transport/wire"
)

// MediaType is the media type of an event stream.
const MediaType = "text/event-stream"

var raw = stream.Frame(&stream.Framing{
	Kind: transport.SSE, MediaType: MediaType, Format: wire.SSERaw, Chunked: wire.SSERawChunked,
	Prelude: wire.SSEPrelude, Hello: wire.AppendSSERawHello, Notice: wire.AppendSSERawNotice, Bye: wire.AppendSSERawBye,
})

var enveloped = stream.Frame(&stream.Framing{
	Kind: transport.SSE, MediaType: MediaType, Format: wire.SSEEnvelope, Chunked: wire.SSEEnvelopeChunked, Enveloped: true,
	Prelude: wire.SSEPrelude, Hello: wire.AppendSSEHello, Notice: wire.AppendSSENotice, Bye: wire.AppendSSEBye,
})

// New returns the transport of server-sent events.
func New() transport.Transport { return events{} }

type events struct{}

var _ transport.Transport = events{}

// Kind implements [transport.Transport].
func (events) Kind() transport.Kind { return transport.SSE }

// Serve implements [transport.Transport].
func (events) Serve(x park.Exchange, f *transport.Request) (int, error) {
	if f.Wrap {
		return stream.Serve(x, f, enveloped)
	}
	return stream.Serve(x, f, raw)
}
