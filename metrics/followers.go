package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"tidings/gateway"
)

func hasGateway(s Sources) bool { return s.Gateway != nil }

var followers = subject{
	title:  "Followers",
	source: hasGateway,
	metrics: []metric{
		{
			name: "tidings_followers", kind: prometheus.GaugeValue, labels: []string{"transport"},
			help: "Followers that there are now: connections, and clients that poll. A client that polls and says its session is one for as " +
				"long as it comes back; one that says none counts while its poll is held.",
			read: func(s *snapshot, to *series) {
				s.eachClass(func(transport string, c gateway.ClassStats) { to.add(float64(c.Followers), transport) })
			},
		},
		{
			name: "tidings_followers_opened_total", kind: prometheus.CounterValue, labels: []string{"transport"},
			help: "Followers that began; each held poll is one here.",
			read: func(s *snapshot, to *series) {
				s.eachClass(func(transport string, c gateway.ClassStats) { to.add(float64(c.Opened), transport) })
			},
		},
		{
			name: "tidings_followers_closed_total", kind: prometheus.CounterValue, labels: []string{"transport", "reason"},
			help: "Followers that ended, by reason: gone is the client's leaving, finished an answered long poll, slow a reader " +
				"that held memory that was needed.",
			read: func(s *snapshot, to *series) {
				s.eachClass(func(transport string, c gateway.ClassStats) {
					addAll(to, c.Closed, gateway.Reasons[:], transport)
				})
			},
		},
		{
			name: "tidings_gaps_total", kind: prometheus.CounterValue, labels: []string{"reason"},
			help: "Gaps that followers were told of: messages that they will not get, and why.",
			read: func(s *snapshot, to *series) { addAll(to, s.gateway.Gaps, gateway.GapReasons[:]) },
		},
	},
}
