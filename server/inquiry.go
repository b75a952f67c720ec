package server

import (
	"net/http"
	"strings"

	"tidings/fallback"
	"tidings/gateway"
	"tidings/transport"
	"tidings/transport/front"
)

// inquiry is a request to follow in plain values, whoever has read it.
type inquiry struct {
	entry     entry
	path      string // as it was sent
	query     string
	accept    string
	encodings string // Accept-Encoding
	userAgent string
	lastEvent string // Last-Event-ID
	known     string // If-None-Match
	forwarded string // X-Forwarded-For
	remote    remote
	handshake transport.Handshake
}

// inquiryOf is the inquiry of a request that net/http has read.
func inquiryOf(c *call) inquiry {
	field := func(name string) string { return strings.Join(c.r.Header[name], ",") }
	q := inquiry{
		entry: c.entry, path: c.r.URL.EscapedPath(), query: c.r.URL.RawQuery,
		accept: field("Accept"), encodings: field("Accept-Encoding"), userAgent: c.r.UserAgent(),
		lastEvent: c.r.Header.Get("Last-Event-ID"), forwarded: field("X-Forwarded-For"), remote: httpRemote{c.r}, handshake: transport.HandshakeOf(c.r),
	}
	if c.r.Method == http.MethodGet || c.r.Method == http.MethodHead {
		q.known = field("If-None-Match")
	}
	return q
}

// inquiryBy is the inquiry of a request that a loop has read.
func inquiryBy(r *front.Request, x remote, loopback bool) inquiry {
	return inquiry{
		entry: entry{
			right: toFollow, kind: transport.Poll, host: r.Host, origin: r.Origin, site: r.SecFetchSite,
			dest: r.SecFetchDest, referer: r.Referer, token: bearer(r.Authorization), loopback: loopback,
		},
		path: r.Path, query: r.Query, accept: r.Accept, encodings: r.AcceptEncoding, userAgent: r.UserAgent,
		lastEvent: r.LastEventID, known: r.IfNoneMatch, forwarded: r.XForwardedFor, remote: x,
		handshake: transport.Handshake{
			Get: true, HTTP11: true, Upgrade: r.Upgrade, Connection: r.Connection, Key: r.SecWebSocketKey,
			Version: r.SecWebSocketVersion, Protocols: r.SecWebSocketProtocol, Extensions: r.SecWebSocketExtensions,
		},
	}
}

// upgrades reports whether the request asks to become a WebSocket (RFC 6455 section 4.2.1).
func (q *inquiry) upgrades() bool {
	h := &q.handshake
	return h.Get && h.Upgrade != "" && hasToken([]string{h.Upgrade}, "websocket") && hasToken([]string{h.Connection}, "upgrade")
}

// resume returns where an EventSource says it was; that wins over since.
func (q *inquiry) resume(kind transport.Kind) string {
	if kind != transport.SSE {
		return ""
	}
	return q.lastEvent
}

// visit is what becomes of a request to follow on its way to its transport, which keeps nothing of it. The loops use their visits
// again, and the room in them.
type visit struct {
	inquiry inquiry
	params  params
	asked   asked
	mistake error  // in what is asked
	number  uint32 // among its session's; 0 if it says none
	place   place
	choice  fallback.Choice
	script  script
	follows []gateway.Follow
	request transport.Request
	brief   bool // its connection ends with the answer
}
