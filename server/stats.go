package server

import (
	"maps"
	"net/http"
	"sync"
	"sync/atomic"

	"tidings/fallback"
	"tidings/gateway"
	"tidings/metrics"
	"tidings/transport"
)

// counters count what the HTTP edge does.
type counters struct {
	refusals map[*errorKind]*atomic.Uint64 // one for each row of the table; the map never changes

	// requests holds a counter for each route and status there was: few, all soon known, so that counting takes no lock. The map never
	// changes; adding makes another.
	requests atomic.Pointer[requestCounts]
	mu       sync.Mutex // held while adding
}

type requestCounts map[metrics.Request]*atomic.Uint64

func newCounters() *counters {
	c := &counters{refusals: map[*errorKind]*atomic.Uint64{}}
	for _, kind := range errorTable {
		c.refusals[kind] = new(atomic.Uint64)
	}
	c.requests.Store(&requestCounts{})
	return c
}

func (c *counters) request(route string, status int) {
	of := metrics.Request{Route: route, Status: status}
	n := (*c.requests.Load())[of]
	if n == nil {
		n = c.addRequest(of)
	}
	n.Add(1)
}

func (c *counters) addRequest(of metrics.Request) *atomic.Uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := *c.requests.Load()
	if n := counts[of]; n != nil {
		return n
	}
	counts = maps.Clone(counts)
	counts[of] = new(atomic.Uint64)
	c.requests.Store(&counts)
	return counts[of]
}

func (c *counters) refused(kind *errorKind) { c.refusals[kind].Add(1) }

// Stats returns a snapshot of what the server counts.
func (s *Server) Stats() metrics.ServerStats {
	open := s.open()
	out := metrics.ServerStats{
		Connections: map[string]int{},
		HeldPolls:   open[transport.LongPoll],
		Requests:    map[metrics.Request]uint64{},
		Refusals:    map[string]uint64{},
		Forgotten:   s.sessions.Forgotten(),
	}
	for _, kind := range []transport.Kind{transport.WebSocket, transport.SSE, transport.Stream} {
		out.Connections[kind.String()] = open[kind]
	}
	for kind, n := range s.counters.refusals {
		out.Refusals[kind.code] = n.Load()
	}
	for of, n := range *s.counters.requests.Load() {
		out.Requests[of] = n.Load()
	}
	return out
}

// holding returns how many connections are held, by transport: those of followers and of sockets.
func (s *Server) holding() [len(transport.Kinds)]int {
	n := s.open()
	for _, kind := range transport.Kinds {
		n[kind] += s.sockets.Links(kind.String())
	}
	return n
}

// open returns how many followers the gateway has, by transport.
func (s *Server) open() (n [len(transport.Kinds)]int) {
	for _, kind := range transport.Kinds {
		n[kind] = s.gateway.Followers(uint8(kind))
	}
	n[transport.LongPoll] += s.gateway.Followers(transport.SessionPoll)
	return n
}

// gatewayStats returns the gateway's snapshot by transport. A client that polls and says its session is one follower, whether a poll
// of it is held at the moment or not.
func (s *Server) gatewayStats() gateway.Stats {
	stats := s.gateway.Stats()
	pollers := s.sessions.Pollers()
	held := stats.Classes[transport.SessionPoll]
	held.Followers = pollers[transport.LongPoll]
	stats.Classes[transport.LongPoll].Add(&held)
	stats.Classes[transport.Poll].Followers = pollers[transport.Poll]
	stats.Classes = stats.Classes[:len(transport.Kinds)]
	return stats
}

func (s *Server) choices() []metrics.Choice {
	stats := s.record.Stats()
	var out []metrics.Choice
	for _, kind := range transport.Kinds {
		for _, cause := range fallback.Causes {
			out = append(out, metrics.Choice{
				Transport: kind.String(), Cause: cause.String(), Count: stats.Chosen[kind][cause],
			})
		}
	}
	return out
}

func (s *Server) steps() (out []metrics.Step) {
	for step, n := range s.record.Steps() {
		out = append(out, metrics.Step{From: step.From, To: step.To.String(), Cause: step.Cause, Count: n})
	}
	return out
}

func (s *Server) pressureStats() metrics.PressureStats {
	stats := s.press.stats()
	r := stats.Reading
	out := metrics.PressureStats{
		Level: stats.Level.String(), Transitions: map[string]uint64{},
		Used:    map[string]float64{"files": float64(r.Files), "memory": float64(r.Memory), "processors": r.CPU},
		Limits:  map[string]float64{"processors": 1},
		Stretch: stats.Stretch, Readings: stats.Readings, Asked: s.counters.refusals[pressed].Load(), Moved: s.moved(),
	}
	for _, level := range fallback.Levels {
		out.Levels = append(out.Levels, level.String())
		out.Transitions[level.String()] = stats.Transitions[level]
	}
	if r.FileLimit > 0 {
		out.Limits["files"] = float64(r.FileLimit)
	}
	if r.MemoryLimit > 0 {
		out.Limits["memory"] = float64(r.MemoryLimit)
	}
	return out
}

func (s *Server) metricsHandler() http.Handler {
	names := make([]string, len(transport.Kinds))
	for i, kind := range transport.Kinds {
		names[i] = kind.String()
	}
	return metrics.Handler(metrics.Sources{
		Version: s.options.Version, Node: s.options.Node, ClassNames: names,
		Gateway: s.gatewayStats, Choices: s.choices, Steps: s.steps, Pressure: s.pressureStats, Server: s.Stats, Sockets: s.sockets.Stats,
		Programs: s.options.Programs,
	})
}
