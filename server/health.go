package server

import (
	"net/http"
	"sync"
	"time"
)

// pulse tells whether the fan-out moves: what is appended must be walked.
type pulse struct {
	mu     sync.Mutex // guards what follows
	walked uint64
	since  time.Time // when walked was first seen
}

// standstill is how long the fan-out may be behind without moving before the server calls itself unready.
const standstill = 5 * time.Second

// beats takes what was appended and how much of it waits to be walked, and reports whether the walk moves.
func (p *pulse) beats(head, behind uint64, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if walked := head - behind; behind == 0 || walked != p.walked || p.since.IsZero() {
		p.walked, p.since = walked, now
	}
	return now.Sub(p.since) < standstill
}

// live answers /livez: the process answers.
func (s *Server) live(c *call) error {
	return answerJSON(c, health{Status: "live"})
}

type health struct {
	Status string `json:"status"`
}

// ready answers /readyz: messages that are published now will be delivered.
func (s *Server) ready(c *call) error {
	if s.stopping.Load() {
		return draining.of("")
	}
	stats := s.gateway.Stats()
	if !s.pulse.beats(stats.Head, stats.Behind, time.Now()) {
		return busy.of("the fan-out stands still")
	}
	return answerJSON(c, health{Status: "ready"})
}

// Operations answers /livez, /readyz, /metrics and /pressure only, for a listener of their own. Nothing is asked of who comes by it, but
// that a page which has its name resolve to this machine sets no level.
func (s *Server) Operations() http.Handler {
	routes := map[string]handler{
		"/livez": s.live, "/readyz": s.ready, "/metrics": plain(s.metricsHandler()), "/pressure": s.showPressure,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{w: &recorder{ResponseWriter: w}, r: r}
		if err := s.operate(routes[r.URL.Path], c); err != nil {
			problemOf(err).write(c.w)
		}
	})
}

// operate has a handler answer, or none of them where nothing is.
func (s *Server) operate(h handler, c *call) error {
	switch {
	case h == nil:
		return notFound.of("here are /livez, /readyz, /metrics and /pressure")
	case c.r.Method == http.MethodPut && c.r.URL.Path == "/pressure":
		if p := s.doors.host(c.r.Host, loopback(c.r)); p != nil {
			return p
		}
		s.guardBody(c.w, c.r)
		return s.setPressure(c)
	case c.r.Method != http.MethodGet && c.r.Method != http.MethodHead:
		p := methodNotAllowed.of("")
		p.allow = "GET, HEAD"
		return p
	}
	return h(c)
}
