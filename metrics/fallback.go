package metrics

import "github.com/prometheus/client_golang/prometheus"

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
	}},
}
