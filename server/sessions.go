package server

import (
	"strconv"
	"strings"
	"time"

	"tidings/fallback/session"
	"tidings/gateway"
	"tidings/transport"
	"tidings/transport/park"
)

// serve has the transport answer that fits a request which was admitted.
func (s *Server) serve(x park.Exchange, v *visit) (status int, err error) {
	s.note(v)
	return s.transports[v.choice.Kind].Serve(x, &v.request)
}

// note counts a request that was admitted, and the step that its client says to have taken to it, and knows its client by the session that it says.
func (s *Server) note(v *visit) {
	s.record.Chose(v.choice)
	if v.asked.From != "" {
		s.record.Stepped(v.asked.From, v.choice.Kind, v.asked.Cause)
	}
	kind, label := v.choice.Kind, v.asked.Session
	if label == "" {
		return
	}
	v.place = place{registry: s.sessions, request: session.Request{
		Label: label, N: v.number, Kind: kind, Away: 3 * time.Duration(v.request.PollMS) * time.Millisecond,
	}}
	if kind == transport.Poll {
		v.place.Take(nil)
		return
	}
	v.request.Place = &v.place
}

// place is that of a request among the others of its session.
type place struct {
	registry *session.Registry
	request  session.Request
}

var _ transport.Place = (*place)(nil)

// Take implements [transport.Place].
func (p *place) Take(f *gateway.Follower) { p.registry.Take(&p.request, f) }

const sessionLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// numberOf checks what a request says of its session, and returns its number; 0 where it says none.
func (a *asked) numberOf() (uint32, error) {
	const longest = 64
	if len(a.Session) > longest || strings.Trim(a.Session, sessionLetters) != "" {
		return 0, badParameter.of("session is at most 64 letters, digits, - and _")
	}
	if a.N == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(string(a.N), 10, 32)
	if err != nil || n == 0 {
		return 0, badParameter.of("n is a number from 1 to 4294967295, not " + quote(string(a.N)))
	}
	return uint32(n), nil
}
