package metrics

import "github.com/prometheus/client_golang/prometheus"

// refusals are the causes that gateway.Stats.Refused counts apart.
var refusals = []string{"busy", "condition", "idempotency", "durability", "invalid"}

var publishing = subject{
	title:  "Publishing",
	source: hasGateway,
	metrics: []metric{
		{
			name: "tidings_messages_published_total", kind: prometheus.CounterValue,
			help: "Messages that were stored.",
			read: func(s *snapshot, to *series) { to.add(float64(s.gateway.Published)) },
		},
		{
			name: "tidings_published_bytes_total", kind: prometheus.CounterValue,
			help: "Bytes of payload that were stored.",
			read: func(s *snapshot, to *series) { to.add(float64(s.gateway.PublishedBytes)) },
		},
		{
			name: "tidings_topic_deletions_total", kind: prometheus.CounterValue,
			help: "Times that a topic's history was dropped by request.",
			read: func(s *snapshot, to *series) { to.add(float64(s.gateway.Deletions)) },
		},
		{
			name: "tidings_publish_duplicates_total", kind: prometheus.CounterValue,
			help: "Publishes that were answered from their idempotency key, with nothing stored again.",
			read: func(s *snapshot, to *series) { to.add(float64(s.gateway.Duplicates)) },
		},
		{
			name: "tidings_publish_refusals_total", kind: prometheus.CounterValue, labels: []string{"cause"},
			help: "Publishes that the core refused, with nothing stored: busy says that the fan-out was behind.",
			read: func(s *snapshot, to *series) { addAll(to, s.gateway.Refused, refusals) },
		},
	},
}
