package metrics

import (
	"flag"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"tidings/gateway"
	"tidings/gateway/socket"
)

var update = flag.Bool("update", false, "write the generated page and the golden files again")

// counted returns sources whose every figure is n times something of its own, so that one figure cannot pass for another.
func counted(n uint64) Sources {
	reasons := func(from uint64) map[gateway.GapReason]uint64 {
		counts := map[gateway.GapReason]uint64{}
		for i, reason := range gateway.GapReasons {
			counts[reason] = n * (from + uint64(i))
		}
		return counts
	}
	stats := gateway.Stats{
		Published: n * 11, PublishedBytes: n * 12, Deletions: n * 13, Duplicates: n * 14,
		Refused: map[string]uint64{}, Gaps: reasons(20), Dropped: reasons(30),
		Topics: int(n * 41), Messages: int(n * 42), HistoryBytes: int64(n * 43), HistoryLimit: int64(n * 44),
		Head: n * 45, Floor: n * 46, Behind: n * 47,
	}
	for i, cause := range refusals {
		stats.Refused[cause] = n * (50 + uint64(i))
	}
	for i := range uint64(2) {
		c := gateway.ClassStats{
			Followers: int(n * (61 + i)), Opened: n * (63 + i), Closed: map[gateway.Reason]uint64{},
			Messages: n * (65 + i), Bytes: n * (67 + i), Writes: n * (69 + i),
		}
		for k, reason := range gateway.Reasons {
			c.Closed[reason] = n * (100 + 100*i + uint64(k))
		}
		for k := range c.Latency.Counts {
			c.Latency.Counts[k] = n * (1 + i)
		}
		c.Latency.Sum = time.Duration(n*(7+i)) * time.Second
		stats.Classes = append(stats.Classes, c)
	}
	return Sources{
		Version: "1.2.3", Node: "n1", ClassNames: []string{"websocket", "sse"},
		Gateway: func() gateway.Stats { return stats },
		Choices: func() []Choice {
			return []Choice{{"websocket", "asked", n * 81}, {"longpoll", "wait", n * 82}}
		},
		Steps: func() []Step { return []Step{{"websocket", "longpoll", "no_hello", n * 83}} },
		Pressure: func() PressureStats {
			return PressureStats{
				Level: []string{"normal", "ask", "move"}[n], Levels: []string{"normal", "ask", "move"},
				Transitions: map[string]uint64{"normal": n, "ask": n * 84, "move": n * 85},
				Used:        map[string]float64{"files": float64(n * 86), "memory": float64(n * 87), "processors": 0.25 * float64(n)},
				Limits:      map[string]float64{"files": float64(n * 1024)}, Stretch: int(n), Readings: n * 88, Asked: n * 89, Moved: n * 90,
			}
		},
		Sockets: func() []socket.PathStats {
			return []socket.PathStats{{
				Path: "/chat", Open: int(n * 130), Links: map[string]int{"sse": int(n * 131), "websocket": int(n * 132)}, Opened: n * 133,
				Closed: map[uint16]uint64{1000: n * 134, 1006: n * 135, 4000: n * 136, 4321: n * 137}, Resumed: map[string]uint64{"sse": n * 138},
				Panics: n * 139, Messages: [2]uint64{n * 140, n * 141}, Bytes: [2]uint64{n * 142, n * 143},
			}}
		},
		Programs: func() ProgramStats {
			return ProgramStats{
				Running: int(n * 131), Started: n * 132, Failed: n * 133, Refused: n * 134,
				Exits: map[string]uint64{"0": n * 135, "3": n * 136, "stopped": n * 137, "signal": n * 138},
			}
		},
		Server: func() ServerStats {
			return ServerStats{
				Connections: map[string]int{"websocket": int(n * 91), "sse": int(n * 92)},
				HeldPolls:   int(n * 93),
				Forgotten:   n * 98,
				Requests: map[Request]uint64{
					{"/topics/*", 200}: n * 94, {"/topics/*", 201}: n, {"/topics/*", 404}: n * 95, {"/", 304}: n * 96,
				},
				Refusals: map[string]uint64{"unauthorized": n * 97},
			}
		},
	}
}

func scrape(t *testing.T, s Sources) string {
	t.Helper()
	w := httptest.NewRecorder()
	Handler(s).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("GET /metrics: %d\n%s", w.Code, w.Body)
	}
	return w.Body.String()
}

// ours returns the lines about our own metrics, with the Go release left out.
func ours(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.Contains(line, "tidings_") {
			b.WriteString(line)
		}
	}
	return regexp.MustCompile(`go_version="[^"]*"`).ReplaceAllString(b.String(), `go_version="go"`)
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is out of date (go generate ./metrics):\n%s", file, diff)
	}
}

func TestPage(t *testing.T) {
	golden(t, "../docs/metrics.md", Page())
}

func TestScrape(t *testing.T) {
	golden(t, "testdata/scrape.txt", ours(scrape(t, counted(1))))
}

// TestLint holds the names and helps to what Prometheus recommends.
func TestLint(t *testing.T) {
	problems, err := testutil.GatherAndLint(registry(counted(1)))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestDocumentedMetricsMove holds the page against the endpoint: what it lists is shown, what is shown is listed, and every
// series follows its source.
func TestDocumentedMetricsMove(t *testing.T) {
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(tidings_[a-z_]+)`").FindAllStringSubmatch(Page(), -1) {
		documented[m[1]] = true
	}
	typed := map[string]bool{}
	before, after := scrape(t, counted(1)), scrape(t, counted(2))
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (tidings_[a-z_]+)`).FindAllStringSubmatch(after, -1) {
		typed[m[1]] = true
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(documented)), slices.Sorted(maps.Keys(typed))); diff != "" {
		t.Errorf("documented (-) and shown (+):\n%s", diff)
	}
	still := map[string]bool{}
	for line := range strings.Lines(before) {
		if strings.HasPrefix(line, "tidings_") {
			still[line] = true
		}
	}
	for line := range strings.Lines(after) {
		if still[line] && !strings.HasPrefix(line, "tidings_build_info") {
			t.Errorf("does not move: %s", line)
		}
	}
}

// TestLabels holds that no metric is split by what a client chooses.
func TestLabels(t *testing.T) {
	known := []string{
		"version", "go_version", "node", "transport", "reason", "cause", "route", "status", "from", "to", "level", "resource",
		"path", "code", "direction", "exit",
	}
	for _, group := range table {
		for _, m := range group.metrics {
			for _, label := range m.labels {
				if !slices.Contains(known, label) {
					t.Errorf("%s has the label %q: is it bounded? Then add it here", m.name, label)
				}
			}
		}
	}
}

func TestZeroSources(t *testing.T) {
	if text := ours(scrape(t, Sources{})); !strings.HasPrefix(text, "# HELP tidings_build_info") || strings.Contains(text, "followers") {
		t.Errorf("without sources:\n%s", text)
	}
	// A gateway that has done nothing shows its counters at 0 already: the first increase is not lost to rate().
	text := ours(scrape(t, Sources{ClassNames: []string{"sse"}, Gateway: func() gateway.Stats {
		return gateway.Stats{Classes: make([]gateway.ClassStats, 1)}
	}}))
	for _, line := range []string{
		`tidings_gaps_total{reason="restart"} 0`, `tidings_publish_refusals_total{cause="busy"} 0`,
		`tidings_followers_closed_total{reason="slow",transport="sse"} 0`, `tidings_delivery_latency_seconds_count{transport="sse"} 0`,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
}

// TestLatency holds that a time on a bound counts below it, and one over all bounds only in +Inf.
func TestLatency(t *testing.T) {
	s := Sources{ClassNames: []string{"sse"}, Gateway: func() gateway.Stats {
		c := gateway.ClassStats{}
		c.Latency.Counts[0] = 3
		c.Latency.Counts[3] = 2
		c.Latency.Counts[len(gateway.LatencyBounds)] = 1
		c.Latency.Sum = 12 * time.Second
		return gateway.Stats{Classes: []gateway.ClassStats{c}}
	}}
	text := scrape(t, s)
	for _, line := range []string{
		`tidings_delivery_latency_seconds_bucket{transport="sse",le="0.0001"} 3`,
		`tidings_delivery_latency_seconds_bucket{transport="sse",le="0.0005"} 3`,
		`tidings_delivery_latency_seconds_bucket{transport="sse",le="0.001"} 5`,
		`tidings_delivery_latency_seconds_bucket{transport="sse",le="10"} 5`,
		`tidings_delivery_latency_seconds_bucket{transport="sse",le="+Inf"} 6`,
		`tidings_delivery_latency_seconds_sum{transport="sse"} 12`,
		`tidings_delivery_latency_seconds_count{transport="sse"} 6`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no %s in\n%s", line, ours(text))
		}
	}
}

func ExampleHandler() {
	w := httptest.NewRecorder()
	Handler(Sources{Version: "1.0"}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, "# TYPE tidings_") {
			os.Stdout.WriteString(line)
		}
	}
	// Output: # TYPE tidings_build_info gauge
}
