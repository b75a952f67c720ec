package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler answers GET /metrics with everything in the table that the sources have, and with the Go runtime's and the process's
// own metrics. It has a registry of its own: two gateways in one process do not meet.
func Handler(s Sources) http.Handler {
	return promhttp.HandlerFor(registry(s), promhttp.HandlerOpts{EnableOpenMetrics: true})
}

func registry(s Sources) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		newCollector(s),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return r
}
