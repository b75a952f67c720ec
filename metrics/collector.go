package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"tidings/gateway"
	"tidings/gateway/socket"
)

// metric is one row of the table: what is documented, and how it is read from a snapshot.
type metric struct {
	name   string
	kind   prometheus.ValueType // of what read adds; a histogram adds its own
	help   string
	labels []string
	read   func(s *snapshot, to *series)
	// histogram says that read calls to.histogram, not to.add.
	histogram bool
}

// subject is a group of metrics, as docs/metrics.md shows them.
type subject struct {
	title   string
	source  func(Sources) bool // whether the sources have what the group reads
	metrics []metric
}

// table is every metric of ours, in the order of the page.
var table = []subject{build, followers, delivery, publishing, history, fallback, pressure, sockets, programs, requests}

// snapshot is what one scrape has read, each source once, so that its figures belong together.
type snapshot struct {
	Sources

	gateway  gateway.Stats
	choices  []Choice
	steps    []Step
	pressure PressureStats
	server   ServerStats
	sockets  []socket.PathStats
	programs ProgramStats
}

func (s Sources) snapshot() *snapshot {
	shot := &snapshot{Sources: s}
	if s.Gateway != nil {
		shot.gateway = s.Gateway()
	}
	if s.Choices != nil {
		shot.choices = s.Choices()
	}
	if s.Steps != nil {
		shot.steps = s.Steps()
	}
	if s.Pressure != nil {
		shot.pressure = s.Pressure()
	}
	if s.Server != nil {
		shot.server = s.Server()
	}
	if s.Sockets != nil {
		shot.sockets = s.Sockets()
	}
	if s.Programs != nil {
		shot.programs = s.Programs()
	}
	return shot
}

// eachClass calls do for every class of followers that has a name.
func (s *snapshot) eachClass(do func(transport string, c gateway.ClassStats)) {
	for i, c := range s.gateway.Classes {
		if i < len(s.ClassNames) {
			do(s.ClassNames[i], c)
		}
	}
}

// series takes the values of one metric during a scrape.
type series struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	out  chan<- prometheus.Metric
}

func (s *series) add(value float64, labels ...string) {
	s.out <- prometheus.MustNewConstMetric(s.desc, s.kind, value, labels...)
}

func (s *series) histogram(count uint64, sum float64, buckets map[float64]uint64, labels ...string) {
	s.out <- prometheus.MustNewConstHistogram(s.desc, count, sum, buckets, labels...)
}

// collector shows the table to a registry.
type collector struct {
	sources Sources
	rows    []row
}

type row struct {
	metric
	desc *prometheus.Desc
}

var _ prometheus.Collector = (*collector)(nil)

func newCollector(s Sources) *collector {
	c := &collector{sources: s}
	for _, group := range table {
		if !group.source(s) {
			continue
		}
		for _, m := range group.metrics {
			c.rows = append(c.rows, row{m, prometheus.NewDesc(m.name, m.help, m.labels, nil)})
		}
	}
	return c
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, r := range c.rows {
		out <- r.desc
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(out chan<- prometheus.Metric) {
	shot := c.sources.snapshot()
	for _, r := range c.rows {
		r.read(shot, &series{desc: r.desc, kind: r.kind, out: out})
	}
}

// addAll adds a series for each of the names, whether it has counted yet or not (a series that is there from the start can
// be subtracted from), and for what else counts holds, sorted.
func addAll[K ~string, N int | uint64 | float64](to *series, counts map[K]N, names []K, before ...string) {
	for _, name := range names {
		to.add(float64(counts[name]), append(slices.Clone(before), string(name))...)
	}
	var more []K
	for name := range counts {
		if !slices.Contains(names, name) {
			more = append(more, name)
		}
	}
	slices.Sort(more)
	for _, name := range more {
		to.add(float64(counts[name]), append(slices.Clone(before), string(name))...)
	}
}
