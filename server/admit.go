package server

import (
	"time"

	"tidings/transport"
)

// right is what a request wants to do.
type right uint8

const (
	toFetch   right = iota // the client's files: public everywhere
	toLook                 // the page, health, metrics, and a topic's state
	toFollow               // on any transport
	toPublish              // or delete
	toTalk                 // on a socket
)

// acts reports whether the right is one to make something happen, so that no page elsewhere may use it unasked.
func (r right) acts() bool { return r == toPublish || r == toTalk }

// entry is what a request shows at the door, in plain values: whatever brings a request in, this is all that is judged.
type entry struct {
	right    right
	kind     transport.Kind   // for toFollow
	offer    *transport.Offer // for toFollow: what its client may use
	host     string           // the Host field
	origin   string           // the Origin field
	site     string           // the Sec-Fetch-Site field
	dest     string           // the Sec-Fetch-Dest field
	referer  string           // the Referer field
	token    string           // the credential
	loopback bool             // whether the address that it came to can be reached from this machine only
}

// grant is what an admitted request may do.
type grant struct {
	scope   string   // whose idempotency keys it uses
	publish *problem // why it may not publish, or nil
}

// admit is the one way in: for every route and every transport, in this order, whom it was sent to, from where, with which
// credential, and whether there is room.
func (s *Server) admit(e *entry) (grant, *problem) {
	if p := s.doors.host(e.host, e.loopback); p != nil {
		return grant{}, p
	}
	if e.right == toFetch {
		return grant{}, nil
	}
	if p := s.doors.origin(e); p != nil {
		if e.right == toTalk {
			s.tellOrigin(e.origin)
		}
		return grant{}, p
	}
	var g grant
	g.scope, g.publish = s.doors.publisher(e.token, e.loopback)
	switch e.right {
	case toPublish:
		return g, g.publish
	case toFollow:
		if s.stopping.Load() {
			return grant{}, draining.of("")
		}
		if p := s.room(e); p != nil {
			return grant{}, p
		}
	}
	return g, nil
}

// tellOrigin logs, now and then, which page was refused: a browser does not tell the page itself why its WebSocket fails.
func (s *Server) tellOrigin(origin string) {
	now := time.Now().UnixNano()
	last := s.toldOrigin.Load()
	if last != 0 && now-last < originTime.Nanoseconds() || !s.toldOrigin.CompareAndSwap(last, now) {
		return
	}
	s.options.Logger.Warn("a page may not connect: its origin is none of those that are allowed", "origin", origin)
}

// originTime is how long the log is spared after a page was refused.
const originTime = 10 * time.Second

// room admits a connection, or a poll, of somebody who was let in.
func (s *Server) room(e *entry) *problem {
	if e.offer == nil { // it cannot be another transport, and is turned away last
		s.press.came()
		if level := s.press.Level(); !level.Admits(e.kind, false) {
			return s.short(level)
		}
	} else if p := s.spare(e); p != nil {
		return p
	}
	return s.limits.take(e.kind)
}
