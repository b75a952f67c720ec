package fallback

import (
	"sync/atomic"

	"tidings/transport"
)

// Record counts what was chosen and why, and the steps that clients say to have taken. The zero value is ready; its methods may be called from several goroutines.
type Record struct {
	chosen [len(transport.Kinds)][len(Causes)]atomic.Uint64
	steps  [len(transport.Kinds) + 1][len(transport.Kinds)][len(StepCauses)]atomic.Uint64 // from, to, cause
}

// Stats is a snapshot of a Record. All its numbers are counters: they start at 0 and never fall.
type Stats struct {
	Chosen [len(transport.Kinds)][len(Causes)]uint64 // requests, by the transport that serves them and why
}

// Chose counts a request that is served.
func (r *Record) Chose(c Choice) { r.chosen[c.Kind][c.Cause].Add(1) }

// Stats returns a snapshot.
func (r *Record) Stats() Stats {
	var s Stats
	for kind := range r.chosen {
		for cause := range r.chosen[kind] {
			s.Chosen[kind][cause] = r.chosen[kind][cause].Load()
		}
	}
	return s
}
