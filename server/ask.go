package server

import (
	"net/http"
	"runtime/debug"
	"strings"

	"tidings/transport/front"
	"tidings/transport/park"
)

// desk answers requests that the loops of one listener have read. It only ever says yes: whatever is to be refused, and whatever it does
// not know, net/http reads again, and the router says no.
type desk struct {
	server   *Server
	loopback bool // whether the listener can be reached from this machine only
}

var _ front.Server = (*desk)(nil)

// Ask implements [front.Server].
func (d *desk) Ask(x *park.Fresh, r *front.Request) (answered bool) {
	s := d.server
	route := "/topics"
	if strings.HasPrefix(r.Path, "/topics/") {
		route = "/topics/*"
	} else if r.Path != route {
		return false
	}
	defer func() {
		if cause := recover(); cause != nil {
			s.options.Logger.Error("panic", "route", route, "cause", cause, "stack", string(debug.Stack()))
			answered = false
		}
	}()
	q := inquiryBy(r, d.loopback)
	a, err := askedOf(q)
	if err != nil {
		return false
	}
	p, err := s.plan(q, a)
	if err != nil {
		return false
	}
	x.Last, x.Fields = r.Close, s.corsFields(&q.entry)
	s.record.Chose(p.choice)
	status, err := s.transports[p.choice.Kind].Serve(x, p.request)
	if err != nil {
		return false
	}
	s.counters.request(route, status)
	s.logRequest(http.MethodGet, r.Path, status)
	return true
}
