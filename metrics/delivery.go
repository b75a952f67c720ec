package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"tidings/gateway"
)

var delivery = subject{
	title:  "Delivery",
	source: hasGateway,
	metrics: []metric{
		{
			name: "tidings_messages_delivered_total", kind: prometheus.CounterValue, labels: []string{"transport"},
			help: "Messages handed to followers' connections; one message to a thousand followers counts a thousand times.",
			read: func(s *snapshot, to *series) {
				s.eachClass(func(transport string, c gateway.ClassStats) { to.add(float64(c.Messages), transport) })
			},
		},
		{
			name: "tidings_delivered_bytes_total", kind: prometheus.CounterValue, labels: []string{"transport"},
			help: "Bytes handed to followers' connections, the framing of messages included, heads of answers and what encloses the items of a poll not.",
			read: func(s *snapshot, to *series) {
				s.eachClass(func(transport string, c gateway.ClassStats) { to.add(float64(c.Bytes), transport) })
			},
		},
		{
			name: "tidings_delivery_writes_total", kind: prometheus.CounterValue, labels: []string{"transport"},
			help: "Writes to followers' connections; messages per write rise with the load.",
			read: func(s *snapshot, to *series) {
				s.eachClass(func(transport string, c gateway.ClassStats) { to.add(float64(c.Writes), transport) })
			},
		},
		{
			name: "tidings_delivery_latency_seconds", histogram: true, labels: []string{"transport"},
			help: "From a message's place in the log to its write to a follower's connection.",
			read: func(s *snapshot, to *series) {
				s.eachClass(func(transport string, c gateway.ClassStats) { addLatency(to, c.Latency, transport) })
			},
		},
	},
}

// addLatency turns counts per bucket into the cumulative ones that Prometheus has.
func addLatency(to *series, h gateway.Histogram, labels ...string) {
	var count uint64
	buckets := make(map[float64]uint64, len(gateway.LatencyBounds))
	for i, bound := range gateway.LatencyBounds {
		count += h.Counts[i]
		buckets[bound.Seconds()] = count
	}
	count += h.Counts[len(gateway.LatencyBounds)]
	to.histogram(count, h.Sum.Seconds(), buckets, labels...)
}
