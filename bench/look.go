package bench

import (
	"fmt"
	"math"
	"time"
)

// look is what processes have used up to a moment.
type look struct {
	at        time.Time
	server    *processUsage // nil where no process was named
	own       time.Duration // processor time of this process
	busy, all time.Duration // processor time of the machine; 0 where that is not known
	kernel    int64         // bytes of the kernel's objects, sockets among them
}

func (r *run) look() (look, error) {
	l := look{at: time.Now(), own: ownTime(), kernel: kernelMemory()}
	l.busy, l.all = machineTime()
	if r.PID == 0 {
		return l, nil
	}
	u, err := usageOf(r.PID)
	if err != nil {
		return l, fmt.Errorf("process %d: %w", r.PID, err)
	}
	l.server = &u
	return l, nil
}

// LoadReport is what the load itself used. It shares the machine with what it measures: where it is what is short, it hides how
// fast a server is.
type LoadReport struct {
	CPUSeconds  float64 `json:"cpu_seconds"`
	Cores       float64 `json:"cores"`        // that were busy with it, on average
	MachineBusy float64 `json:"machine_busy"` // part of all cores
	// Saturated says what could not have done more: server, load, both, machine or neither.
	Saturated string `json:"saturated"`
}

// full is from how much of a core, or of the machine, on nothing is left: figures of /proc are coarse.
const full = 0.92

// spend fills in what was used between two looks. A server or a load that has one core's worth of work to do one after the other
// is saturated while others are idle, so that one core is what counts.
func (out *Report) spend(before, after look) {
	took := after.at.Sub(before.at).Seconds()
	cores := func(d time.Duration) float64 { return math.Round(100*d.Seconds()/max(took, 1e-9)) / 100 }
	served := 0.0
	if before.server != nil && after.server != nil {
		cpu := after.server.cpu - before.server.cpu
		served = cores(cpu)
		out.Server = &ServerReport{RSSBefore: before.server.rss, RSSAfter: after.server.rss, CPUSeconds: cpu.Seconds(), Cores: served}
	}
	if after.own == 0 {
		return // not known here
	}
	l := &LoadReport{CPUSeconds: seconds(after.own - before.own), Cores: cores(after.own - before.own)}
	if all := after.all - before.all; all > 0 { // it goes by ticks
		l.MachineBusy = math.Round(100*float64(after.busy-before.busy)/float64(all)) / 100
	}
	switch {
	case served >= full && l.Cores >= full:
		l.Saturated = "both"
	case served >= full:
		l.Saturated = "server"
	case l.Cores >= full:
		l.Saturated = "load"
	case l.MachineBusy >= full:
		l.Saturated = "machine"
	default:
		l.Saturated = "neither"
	}
	out.Load = l
}
