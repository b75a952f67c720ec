package program

import (
	"maps"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
)

// Stats is a snapshot of what a runner counts. Counters start at 0 and never fall.
type Stats struct {
	Running int               // gauge
	Started uint64            //
	Failed  uint64            // programs that could not be started
	Refused uint64            // sockets that came while as many programs ran as may
	Exits   map[string]uint64 // programs that have ended, by how: see the Exit constants; else the exit status
}

// How programs end that do not end by themselves with a status.
const (
	ExitStopped = "stopped" // the client had left: whatever the status
	ExitSignal  = "signal"  // it was killed, and not by us
)

// Add adds another runner's counts.
func (s *Stats) Add(t Stats) {
	s.Running += t.Running
	s.Started += t.Started
	s.Failed += t.Failed
	s.Refused += t.Refused
	if s.Exits == nil {
		s.Exits = map[string]uint64{}
	}
	for how, n := range t.Exits {
		s.Exits[how] += n
	}
}

type counts struct {
	running                  atomic.Int64
	started, failed, refused atomic.Uint64

	mu    sync.Mutex
	exits map[string]uint64 // guarded by mu
}

// Stats returns a snapshot.
func (r *Runner) Stats() Stats {
	c := &r.counts
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{
		Running: int(c.running.Load()), Started: c.started.Load(), Failed: c.failed.Load(), Refused: c.refused.Load(), Exits: maps.Clone(c.exits),
	}
}

func (c *counts) full(most int) bool { return most > 0 && c.running.Load() >= int64(most) }

// begin takes one of the programs that may run. Who has it gives it back.
func (c *counts) begin(most int) bool {
	if n := c.running.Add(1); most > 0 && n > int64(most) {
		c.running.Add(-1)
		c.refused.Add(1)
		return false
	}
	return true
}

func (c *counts) ended(state *os.ProcessState, stopped bool) {
	how := ExitSignal
	if stopped {
		how = ExitStopped
	} else if state.Exited() {
		how = strconv.Itoa(state.ExitCode())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.exits == nil {
		c.exits = map[string]uint64{}
	}
	c.exits[how]++
}
