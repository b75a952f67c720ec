package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"tidings/gateway"
)

var history = subject{
	title:  "History and log",
	source: hasGateway,
	metrics: []metric{
		{
			name: "tidings_history_bytes", kind: prometheus.GaugeValue,
			help: "Memory that counts against the limit: payloads, encodings and bookkeeping of all topics.",
			read: func(s *snapshot, to *series) { to.add(float64(s.gateway.HistoryBytes)) },
		},
		{
			name: "tidings_history_limit_bytes", kind: prometheus.GaugeValue,
			help: "What the history of all topics together may take (history.bytes).",
			read: func(s *snapshot, to *series) { to.add(float64(s.gateway.HistoryLimit)) },
		},
		{
			name: "tidings_history_messages", kind: prometheus.GaugeValue,
			help: "Messages that are retained.",
			read: func(s *snapshot, to *series) { to.add(float64(s.gateway.Messages)) },
		},
		{
			name: "tidings_topics", kind: prometheus.GaugeValue,
			help: "Topics that are remembered: those with messages or followers, and the others until their newest message would be too old.",
			read: func(s *snapshot, to *series) { to.add(float64(s.gateway.Topics)) },
		},
		{
			name: "tidings_history_dropped_total", kind: prometheus.CounterValue, labels: []string{"reason"},
			help: "Messages that left the history, by the reason that a gap over them would state.",
			read: func(s *snapshot, to *series) {
				addAll(to, s.gateway.Dropped, []gateway.GapReason{gateway.GapExpired, gateway.GapDeleted, gateway.GapLimit})
			},
		},
		{
			name: "tidings_log_head", kind: prometheus.GaugeValue,
			help: "Seq of the newest message of the log; falls when a new log begins.",
			read: func(s *snapshot, to *series) { to.add(float64(s.gateway.Head)) },
		},
		{
			name: "tidings_log_floor", kind: prometheus.GaugeValue,
			help: "Highest seq of any topic that was let go.",
			read: func(s *snapshot, to *series) { to.add(float64(s.gateway.Floor)) },
		},
		{
			name: "tidings_log_behind_messages", kind: prometheus.GaugeValue,
			help: "Messages that the slowest shard has not walked yet; publishers wait when it grows.",
			read: func(s *snapshot, to *series) { to.add(float64(s.gateway.Behind)) },
		},
	},
}
