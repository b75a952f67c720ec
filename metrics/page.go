package metrics

import (
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Page returns docs/metrics.md: the table, for people.
func Page() string {
	var b strings.Builder
	b.WriteString(`# Metrics

` + "`GET /metrics`" + ` answers in the text format of Prometheus, or as OpenMetrics where that is asked for. [configs/prometheus.yml](../configs/prometheus.yml)
scrapes it. With ` + "`metrics.listen`" + ` it has a listener of its own and is not served beside the topics.

No label holds a topic, a key or anything else that a client chooses, so the number of series stays what it is. Every
counter is there from the start and begins at 0 when the process does, except where its label is a route, a cause or a
transport that has not been seen yet. Times are in seconds, sizes in bytes.

This page is generated from the table in package ` + "`metrics`" + `: ` + "`go generate ./metrics`" + `.
`)
	for _, group := range table {
		fmt.Fprintf(&b, "\n## %s\n\n| Metric | Type | Labels | |\n|---|---|---|---|\n", group.title)
		for _, m := range group.metrics {
			labels := "–"
			if len(m.labels) > 0 {
				labels = "`" + strings.Join(m.labels, "`, `") + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.name, m.typeName(), labels, m.help)
		}
	}
	b.WriteString(`
## The runtime

The metrics of the Go runtime (` + "`go_…`: goroutines, heap, garbage collection" + `) and of the process (` + "`process_…`: CPU, memory," + `
open files and their limit) are there under the names that Prometheus' Go client gives them.
`)
	return b.String()
}

func (m metric) typeName() string {
	switch {
	case m.histogram:
		return "histogram"
	case m.kind == prometheus.CounterValue:
		return "counter"
	}
	return "gauge"
}
