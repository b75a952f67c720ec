package metrics

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"tidings/gateway/socket"
)

var sockets = subject{
	title:  "Sockets",
	source: func(s Sources) bool { return s.Sockets != nil },
	metrics: []metric{
		{
			name: "tidings_sockets", kind: prometheus.GaugeValue, labels: []string{"path"},
			help: "Sockets that are open, by the path that they are served at. One whose client is away for a moment is.",
			read: eachSocketPath(func(p *socket.PathStats, to *series) { to.add(float64(p.Open), p.Path) }),
		},
		{
			name: "tidings_socket_links", kind: prometheus.GaugeValue, labels: []string{"path", "transport"},
			help: "Connections and held polls that carry sockets.",
			read: eachSocketPath(func(p *socket.PathStats, to *series) { addAll(to, p.Links, nil, p.Path) }),
		},
		{
			name: "tidings_sockets_opened_total", kind: prometheus.CounterValue, labels: []string{"path"},
			help: "Sockets that were opened.",
			read: eachSocketPath(func(p *socket.PathStats, to *series) { to.add(float64(p.Opened), p.Path) }),
		},
		{
			name: "tidings_sockets_closed_total", kind: prometheus.CounterValue, labels: []string{"path", "code"},
			help: "Sockets that ended, by the code that their handler saw: 1006 is a client that vanished; what applications choose is 3xxx and 4xxx.",
			read: eachSocketPath(readSocketCodes),
		},
		{
			name: "tidings_socket_resumes_total", kind: prometheus.CounterValue, labels: []string{"path", "transport"},
			help: "Links that have carried on a socket: its client has come back, has changed its transport, or polls.",
			read: eachSocketPath(func(p *socket.PathStats, to *series) { addAll(to, p.Resumed, nil, p.Path) }),
		},
		{
			name: "tidings_socket_messages_total", kind: prometheus.CounterValue, labels: []string{"path", "direction"},
			help: "Messages that came in from clients and went out to them.",
			read: eachSocketPath(func(p *socket.PathStats, to *series) { addWays(to, p.Messages, p.Path) }),
		},
		{
			name: "tidings_socket_bytes_total", kind: prometheus.CounterValue, labels: []string{"path", "direction"},
			help: "Payload of those messages; of what clients send deflated, as it came.",
			read: eachSocketPath(func(p *socket.PathStats, to *series) { addWays(to, p.Bytes, p.Path) }),
		},
		{
			name: "tidings_socket_panics_total", kind: prometheus.CounterValue, labels: []string{"path"},
			help: "Handlers that have panicked; the log says how. Their sockets were closed with 1011.",
			read: eachSocketPath(func(p *socket.PathStats, to *series) { to.add(float64(p.Panics), p.Path) }),
		},
	},
}

// eachSocketPath reads path by path.
func eachSocketPath(read func(*socket.PathStats, *series)) func(*snapshot, *series) {
	return func(s *snapshot, to *series) {
		for i := range s.sockets {
			read(&s.sockets[i], to)
		}
	}
}

func addWays(to *series, counts [2]uint64, path string) {
	to.add(float64(counts[0]), path, "in")
	to.add(float64(counts[1]), path, "out")
}

// readSocketCodes adds up the codes that applications choose: clients must not be able to make thousands of series.
func readSocketCodes(p *socket.PathStats, to *series) {
	sums := map[string]uint64{}
	for code, n := range p.Closed {
		name := "other"
		switch {
		case code >= 1000 && code <= 1015:
			name = strconv.Itoa(int(code))
		case code >= 3000 && code <= 4999:
			name = strconv.Itoa(int(code/1000)) + "xxx"
		}
		sums[name] += n
	}
	for _, code := range slices.SortedFunc(maps.Keys(sums), cmp.Compare[string]) {
		to.add(float64(sums[code]), p.Path, code)
	}
}
