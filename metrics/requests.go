package metrics

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

var requests = subject{
	title:  "Requests",
	source: func(s Sources) bool { return s.Server != nil },
	metrics: []metric{
		{
			name: "tidings_connections", kind: prometheus.GaugeValue, labels: []string{"transport"},
			help: "Connections that are open and following.",
			read: func(s *snapshot, to *series) {
				for _, transport := range slices.Sorted(maps.Keys(s.server.Connections)) {
					to.add(float64(s.server.Connections[transport]), transport)
				}
			},
		},
		{
			name: "tidings_held_polls", kind: prometheus.GaugeValue,
			help: "Long polls that wait for their answer.",
			read: func(s *snapshot, to *series) { to.add(float64(s.server.HeldPolls)) },
		},
		{
			name: "tidings_sessions_forgotten_total", kind: prometheus.CounterValue,
			help: "Clients whose session was forgotten because there were more than limits.sessions; they are served as before, and not counted.",
			read: func(s *snapshot, to *series) { to.add(float64(s.server.Forgotten)) },
		},
		{
			name: "tidings_http_requests_total", kind: prometheus.CounterValue, labels: []string{"route", "status"},
			help: "HTTP requests by route and class of status (2xx, 4xx, …); a stream counts when it begins.",
			read: readRequests,
		},
		{
			name: "tidings_http_refusals_total", kind: prometheus.CounterValue, labels: []string{"cause"},
			help: "Requests that were not admitted, by the code of the problem that they were answered with.",
			read: func(s *snapshot, to *series) { addAll(to, s.server.Refusals, nil) },
		},
	},
}

// readRequests adds requests up by class: a status each would be many series that nobody tells apart.
func readRequests(s *snapshot, to *series) {
	type class struct{ route, status string }
	sums := map[class]uint64{}
	for r, n := range s.server.Requests {
		sums[class{r.Route, strconv.Itoa(r.Status/100) + "xx"}] += n
	}
	byName := func(a, b class) int { return cmp.Or(cmp.Compare(a.route, b.route), cmp.Compare(a.status, b.status)) }
	for _, c := range slices.SortedFunc(maps.Keys(sums), byName) {
		to.add(float64(sums[c]), c.route, c.status)
	}
}
