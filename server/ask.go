package server

import (
	"net/http"
	"runtime/debug"
	"strings"
	"sync"

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
	if _, exact := s.socketAt(r.Path); exact {
		return false
	}
	defer func() {
		if cause := recover(); cause != nil {
			s.options.Logger.Error("panic", "route", route, "cause", cause, "stack", string(debug.Stack()))
			answered = false
		}
	}()
	v := visits.Get().(*visit)
	defer visits.Put(v)
	v.inquiry = inquiryBy(r, x, d.loopback)
	v.read()
	if s.plan(v) != nil {
		return false
	}
	x.Last, x.Fields = r.Close || v.brief, s.corsFields(&v.inquiry.entry, v.request.Cache)
	v.request.Shard = x.Shard()
	status, err := s.serve(x, v)
	if err != nil {
		return false
	}
	s.counters.request(route, status)
	s.logRequest(http.MethodGet, r.Path, status)
	return true
}

var visits = sync.Pool{New: func() any { return new(visit) }}
