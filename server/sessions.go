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

// serve has the transport answer that fits a request which was admitted. A client that says its session is known by it.
func (s *Server) serve(x park.Exchange, v *visit) (status int, err error) {
	s.record.Chose(v.choice)
	kind := v.choice.Kind
	if label := v.asked.Session; label != "" {
		v.place = place{registry: s.sessions, request: session.Request{
			Label: label, N: v.number, Kind: kind, Away: 3 * time.Duration(v.request.PollMS) * time.Millisecond,
		}}
		if kind == transport.Poll {
			v.place.Take(nil)
		} else {
			v.request.Place = &v.place
		}
	}
	return s.transports[kind].Serve(x, &v.request)
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
