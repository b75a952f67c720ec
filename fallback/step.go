package fallback

import (
	"slices"

	"tidings/transport"
)

// StepCauses are the causes of a step from one transport to another, as clients name them. What is not among them counts as the
// last.
var StepCauses = [...]string{
	"no_hello", // it opened, or did not, and said nothing in its head start
	"refused",  // it could not be opened
	"died",     // it was cut soon after it had opened
	"silent",   // nothing came for longer than its heartbeat allows
	"buffered", // what it brought was held back on the way
	"offer",    // the gateway offered another
	"pressure", // the gateway asked to step down, or moved the client
	"better",   // a better one has proved itself
	"network",  // the client's network has changed
	"other",
}

// otherStep is the place of what has no name of its own: a cause's in StepCauses, and a transport's behind all.
const (
	otherCause     = len(StepCauses) - 1
	otherTransport = len(transport.Kinds)
)

// Step is a client's step from one transport to another.
type Step struct {
	From  string // a transport's name, or "other"
	To    transport.Kind
	Cause string // one of StepCauses
}

// Stepped counts that a client that is served by a transport says to have come from another, and why. What it calls them is its own
// affair: unknown names are counted as "other".
func (r *Record) Stepped(from string, to transport.Kind, cause string) {
	at := otherTransport
	if kind, err := transport.ParseKind(from); err == nil {
		at = int(kind)
	}
	why := slices.Index(StepCauses[:], cause)
	if why < 0 {
		why = otherCause
	}
	r.steps[at][to][why].Add(1)
}

// Steps returns how often each step was counted: those that were taken, and those from each transport to each for no known cause, taken
// or not. Counts never fall.
func (r *Record) Steps() map[Step]uint64 {
	out := map[Step]uint64{}
	for _, from := range transport.Kinds {
		for _, to := range transport.Kinds {
			if from != to {
				out[Step{from.String(), to, StepCauses[otherCause]}] = 0
			}
		}
	}
	for from := range r.steps {
		name := "other"
		if from < otherTransport {
			name = transport.Kind(from).String()
		}
		for to := range r.steps[from] {
			for cause := range r.steps[from][to] {
				if n := r.steps[from][to][cause].Load(); n > 0 {
					out[Step{name, transport.Kind(to), StepCauses[cause]}] = n
				}
			}
		}
	}
	return out
}
