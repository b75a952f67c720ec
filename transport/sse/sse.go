package sse

import (
	"net/http"

	"tidings/transport"
	"tidings/transport/stream"
	"tidings/transport/wire"
)

// MediaType is the media type of an event stream.
const MediaType = "text/event-stream"

var raw = stream.Framing{
	Kind: transport.SSE, MediaType: MediaType, Format: wire.SSERaw, Chunked: wire.SSERawChunked,
	Prelude: wire.SSEPrelude, Hello: wire.AppendSSERawHello, Notice: wire.AppendSSERawNotice, Bye: wire.AppendSSERawBye,
}

var enveloped = stream.Framing{
	Kind: transport.SSE, MediaType: MediaType, Format: wire.SSEEnvelope, Chunked: wire.SSEEnvelopeChunked, Enveloped: true,
	Prelude: wire.SSEPrelude, Hello: wire.AppendSSEHello, Notice: wire.AppendSSENotice, Bye: wire.AppendSSEBye,
}

// New returns the transport of server-sent events.
func New() transport.Transport { return events{} }

type events struct{}

var _ transport.Transport = events{}

// Kind implements [transport.Transport].
func (events) Kind() transport.Kind { return transport.SSE }

// Serve implements [transport.Transport].
func (events) Serve(w http.ResponseWriter, r *http.Request, f *transport.Request) error {
	if f.Wrap {
		return stream.Serve(w, r, f, &enveloped)
	}
	return stream.Serve(w, r, f, &raw)
}
