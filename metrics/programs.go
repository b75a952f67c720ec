package metrics

import "github.com/prometheus/client_golang/prometheus"

var programs = subject{
	title:  "Programs",
	source: func(s Sources) bool { return s.Programs != nil },
	metrics: []metric{
		{
			name: "tidings_programs_running", kind: prometheus.GaugeValue,
			help: "Programs that serve a socket or feed a topic.",
			read: func(s *snapshot, to *series) { to.add(float64(s.programs.Running)) },
		},
		{
			name: "tidings_programs_started_total", kind: prometheus.CounterValue,
			help: "Programs that were started.",
			read: func(s *snapshot, to *series) { to.add(float64(s.programs.Started)) },
		},
		{
			name: "tidings_programs_failed_total", kind: prometheus.CounterValue,
			help: "Programs that could not be started: the log says why.",
			read: func(s *snapshot, to *series) { to.add(float64(s.programs.Failed)) },
		},
		{
			name: "tidings_programs_refused_total", kind: prometheus.CounterValue,
			help: "Sockets that came while as many programs ran as may.",
			read: func(s *snapshot, to *series) { to.add(float64(s.programs.Refused)) },
		},
		{
			name: "tidings_programs_exits_total", kind: prometheus.CounterValue, labels: []string{"exit"},
			help: "Programs that have ended, by their exit status; stopped counts those that were ended because their client had left, whatever " +
				"the status, and signal those that something else has killed.",
			read: func(s *snapshot, to *series) { addAll(to, s.programs.Exits, []string{"0", "stopped", "signal"}) },
		},
	},
}

// ProgramStats is a snapshot of the programs that serve sockets. Counters start at 0 and never fall.
type ProgramStats struct {
	Running int // gauge
	Started uint64
	Failed  uint64            // could not be started
	Refused uint64            // sockets for which no program could run besides
	Exits   map[string]uint64 // by exit status, or signal, or stopped
}
