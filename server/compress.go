package server

import (
	"tidings/fallback"
	"tidings/transport"
	"tidings/transport/wire"
)

// compresses reports whether a client may be served by a transport with what is compressed. Browsers accept gzip whatever they ask for,
// so that on a stream this says nothing: its small messages gain nothing by it, and every delivery costs more. There the client has to
// ask.
func (s *Server) compresses(kind transport.Kind, q *inquiry, t *terms) bool {
	switch {
	case t.bare:
		return false
	case kind == transport.WebSocket:
		return !s.options.NoDeflate && fallback.QuirksOf(q.userAgent).Deflates()
	case s.options.NoGzip:
		return false
	case (kind == transport.SSE || kind == transport.Stream) && !t.compress && !s.options.GzipStreams:
		return false
	}
	return wire.AcceptsGzip(q.encodings)
}
