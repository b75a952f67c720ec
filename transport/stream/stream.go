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
	HTML    = "text/html"
)

var ndjson = &Framing{
	Kind: transport.Stream, MediaType: NDJSON, Format: wire.NDJSON, Chunked: wire.NDJSONChunked, Enveloped: true,
	Opening: func(dst []byte, f *transport.Request) []byte {
		if f.Prelude {
			dst = append(dst, wire.NDJSONPrelude...)
		}
		return dst
	},
	Hello: func(dst []byte, h wire.Hello) []byte { return append(wire.AppendHello(dst, h), '\n') },
	Notice: func(dst []byte, n gateway.Notice) []byte {
		return append(wire.AppendNotice(dst, n), '\n')
	},
	Bye: func(dst []byte, b transport.Bye, _ gateway.Cursor) []byte {
		return append(wire.AppendBye(dst, b), '\n')
	},
}

var mixedRaw = &Framing{
	Kind: transport.Stream, MediaType: Mixed + "; boundary=" + wire.Boundary,
	Format: wire.MultipartRaw, Chunked: wire.MultipartRawChunked,
	Prelude: wire.MultipartOpening, Hello: wire.AppendMultipartHello, Notice: wire.AppendMultipartNotice, Bye: lastPart,
}

var mixedEnvelope = &Framing{
	Kind: transport.Stream, MediaType: Mixed + "; boundary=" + wire.Boundary,
	Format: wire.MultipartEnvelope, Chunked: wire.MultipartEnvelopeChunked, Enveloped: true,
	Prelude: wire.MultipartOpening, Hello: wire.AppendMultipartHello, Notice: wire.AppendMultipartNotice, Bye: lastPart,
}

func lastPart(dst []byte, b transport.Bye, _ gateway.Cursor) []byte {
	return wire.AppendMultipartBye(dst, b)
}

// A browser shows each raw part of x-mixed-replace in the place of the one before it, so there is nothing but messages.
var replaceRaw = &Framing{
	Kind: transport.Stream, MediaType: Replace + "; boundary=" + wire.Boundary,
	Format: wire.ReplaceRaw, Chunked: wire.ReplaceRawChunked, Prelude: wire.MultipartOpening,
}

// Enveloped, it is read by programs: the parts are those of multipart/mixed. Old Gecko (XMLHttpRequest with multipart set) gives a page
// each of them as it comes.
var replaceEnvelope = func() *Framing {
	f := *mixedEnvelope
	f.MediaType = Replace + "; boundary=" + wire.Boundary
	return &f
}()

// New returns the streaming transport. Streams in gzip deflate messages of at least gzipFrom bytes; 0 means
// [wire.DefaultDeflateFrom].
func New(gzipFrom int) transport.Transport {
	frame := func(f *Framing) *Framed { return Frame(f, gzipFrom) }
	return &streaming{
		ndjson: frame(ndjson), mixed: wrapped{frame(mixedRaw), frame(mixedEnvelope)},
		replace: wrapped{frame(replaceRaw), frame(replaceEnvelope)}, iframe: frame(iframe),
	}
}

type streaming struct {
	ndjson, iframe *Framed
	mixed, replace wrapped
}

// wrapped are the framings of a media type.
type wrapped struct{ raw, enveloped *Framed }

var _ transport.Transport = (*streaming)(nil)

// Kind implements [transport.Transport].
func (*streaming) Kind() transport.Kind { return transport.Stream }

// Serve implements [transport.Transport].
func (s *streaming) Serve(x park.Exchange, f *transport.Request) (int, error) {
	return Serve(x, f, s.framing(f.Format, f.Wrap))
}

func (s *streaming) framing(mediaType string, wrap bool) *Framed {
	switch mediaType {
	case Mixed:
		return s.mixed.of(wrap)
	case Replace:
		return s.replace.of(wrap)
	case HTML:
		return s.iframe
	}
	return s.ndjson
}

func (w wrapped) of(wrap bool) *Framed {
	if wrap {
		return w.enveloped
	}
	return w.raw
}
