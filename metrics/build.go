package metrics

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
)

var build = subject{
	title:  "The program",
	source: func(Sources) bool { return true },
	metrics: []metric{{
		name: "tidings_build_info", kind: prometheus.GaugeValue, labels: []string{"version", "go_version", "node"},
		help: "Always 1; the labels name the running version, the Go release that built it, and this gateway.",
		read: func(s *snapshot, to *series) { to.add(1, s.Version, runtime.Version(), s.Node) },
	}},
}
