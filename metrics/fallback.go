package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

var fallback = subject{
	title:  "Fallback",
	source: func(s Sources) bool { return s.Choices != nil },
	metrics: []metric{{
		name: "tidings_transport_choices_total", kind: prometheus.CounterValue, labels: []string{"transport", "cause"},
		help: "Requests by the transport that was chosen for them and why it was.",
		read: func(s *snapshot, to *series) {
			for _, c := range s.choices {
				to.add(float64(c.Count), c.Transport, c.Cause)
			}
		},
	}, {
		name: "tidings_fallback_steps_total", kind: prometheus.CounterValue, labels: []string{"from", "to", "cause"},
		help: "Steps from one transport to another, as clients report them with the first request of the new one: up, and down.",
		read: func(s *snapshot, to *series) {
			for _, step := range s.steps {
				to.add(float64(step.Count), step.From, step.To, step.Cause)
			}
		},
	}},
}

var pressure = subject{
	title:  "Pressure",
	source: func(s Sources) bool { return s.Pressure != nil },
	metrics: []metric{
		{
			name: "tidings_pressure_level", kind: prometheus.GaugeValue,
			help: "How short files or memory are: 0 normal, 1 ask (who comes for a stream is asked to poll), 2 move (streams are moved to " +
				"polling, the slowest first), 3 refuse (only polls are answered).",
			read: func(s *snapshot, to *series) { to.add(float64(slices.Index(s.pressure.Levels, s.pressure.Level))) },
		},
		{
			name: "tidings_pressure_transitions_total", kind: prometheus.CounterValue, labels: []string{"level"},
			help: "Times that a level began, from above or from below.",
			read: func(s *snapshot, to *series) { addAll(to, s.pressure.Transitions, s.pressure.Levels) },
		},
		{
			name: "tidings_pressure_asked_total", kind: prometheus.CounterValue,
			help: "Requests that were answered with the problem pressure: asked to poll, or to come back later.",
			read: func(s *snapshot, to *series) { to.add(float64(s.pressure.Asked)) },
		},
		{
			name: "tidings_pressure_moved_total", kind: prometheus.CounterValue,
			help: "Streams that were ended with code 4003, for their clients to poll.",
			read: func(s *snapshot, to *series) { to.add(float64(s.pressure.Moved)) },
		},
		{
			name: "tidings_pressure_used", kind: prometheus.GaugeValue, labels: []string{"resource"},
			help: "What the last reading has found: open files, bytes of memory that are needed, and the share of processors that was busy.",
			read: func(s *snapshot, to *series) { addAll(to, s.pressure.Used, nil) },
		},
		{
			name: "tidings_pressure_limit", kind: prometheus.GaugeValue, labels: []string{"resource"},
			help: "What there is of each; a resource without a known limit is never short.",
			read: func(s *snapshot, to *series) { addAll(to, s.pressure.Limits, nil) },
		},
		{
			name: "tidings_pressure_stretch", kind: prometheus.GaugeValue,
			help: "What poll_ms and Retry-After are multiplied by: more than 1 where the processors are busy, which moves nobody.",
			read: func(s *snapshot, to *series) { to.add(float64(s.pressure.Stretch)) },
		},
		{
			name: "tidings_pressure_readings_total", kind: prometheus.CounterValue,
			help: "Readings of files, memory and processors.",
			read: func(s *snapshot, to *series) { to.add(float64(s.pressure.Readings)) },
		},
	},
}
