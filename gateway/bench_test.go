package gateway

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"tidings/gateway/journal"
)

// benchHistory returns a history and a function that applies one more message to a topic of it.
func benchHistory(b *testing.B, keep Retention) (*history, func(topic string)) {
	b.Helper()
	h := newHistory(Options{Default: keep, HistoryBytes: 1 << 40}.withDefaults(), "benchmark")
	h.rouse = func() {}
	h.followed = func(string) bool { return false }
	data := make([]byte, 100)
	seq := uint64(0)
	return h, func(topic string) {
		seq++
		h.Apply(&journal.Record{Seq: seq, Time: 1e12, Topic: topic, Type: "text/plain", Data: data})
	}
}

func BenchmarkAppend(b *testing.B) {
	for name, keep := range map[string]Retention{"growing": {Messages: 1 << 40}, "full": {Messages: 1000}, "latest": {Messages: 1}} {
		b.Run(name, func(b *testing.B) {
			_, apply := benchHistory(b, keep)
			for range 1000 {
				apply("a")
			}
			b.ReportAllocs()
			for b.Loop() {
				apply("a")
			}
		})
	}
}

func BenchmarkPublish(b *testing.B) {
	g := newGateway(b, Options{})
	d := Draft{Topic: "a", Data: make([]byte, 100)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g.Publish(b.Context(), d); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	const messages, topics = 1_000_000, 100_000
	g := newFilled(b, messages, func(i int) string { return fmt.Sprintf("t%d/%d", i%100, i%topics) })
	for _, c := range []struct {
		name, since, follow string
	}{
		{"topic/nothing-new", fmt.Sprint("@", messages), "t1/1"},
		{"topic/near-the-head", fmt.Sprint("@", messages-topics), "t1/1"},
		{"pattern/nothing-new", fmt.Sprint("@", messages), "t1/*"},
		{"pattern/near-the-head", fmt.Sprint("@", messages-1000), "t1/*"},
		{"pattern/of-100000-topics", fmt.Sprint("@", messages-100), "**"},
	} {
		b.Run(c.name, func(b *testing.B) {
			all := follows(b, g, c.since, c.follow)
			b.ReportAllocs()
			for b.Loop() {
				start, _ := g.Start(all)
				g.Read(start, 1000, 1<<20)
			}
		})
	}
}

func BenchmarkPatternMatch(b *testing.B) {
	const topics = 100_000
	g := newFilled(b, topics, func(i int) string { return fmt.Sprintf("t%d/%d", i%100, i) })
	b.Run("topics-of-a-pattern", func(b *testing.B) {
		n := 0
		b.ReportAllocs()
		for b.Loop() {
			g.history.visit(pattern(b, "t7/*"), func(*topicLog) bool { n++; return true })
		}
	})
	b.Run("patterns-of-a-topic", func(b *testing.B) {
		var tree patternTree[int]
		for i := range topics {
			tree.get(fmt.Sprintf("t%d/%d/*", i%100, i), func() *int { return new(int) })
		}
		tree.get("t7/**", func() *int { return new(int) })
		n := 0
		b.ReportAllocs()
		for b.Loop() {
			tree.match("t7/7/x", func(*int) { n++ })
		}
	})
}

// BenchmarkDelivery measures one message to one of many followers in memory.
func BenchmarkDelivery(b *testing.B) {
	for _, followers := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprint(followers), func(b *testing.B) {
			g := newGateway(b, Options{Shards: 1})
			sinks := make([]*sink, followers)
			for i := range sinks {
				sinks[i] = followSink(b, g, "a")
			}
			settle(b, g)
			last := sinks[followers-1]
			b.ReportAllocs()
			n := int64(0)
			for b.Loop() {
				publish(b, g, "a", "x")
				for n++; last.written.Load() < n; {
					runtime.Gosched()
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*followers), "ns/delivery")
		})
	}
}

func BenchmarkParse(b *testing.B) {
	now := time.Now()
	for _, text := range []string{"k3f9a2m1-42", "last:10", "10m", "2026-11-21T11:00:00Z"} {
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseSince(text, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncoded(b *testing.B) {
	m := NewMessage("k3f9a2m1", 1, &journal.Record{Seq: 2, Topic: "a", Type: "text/plain", Data: make([]byte, 100)})
	b.Run("again", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m.Encoded(plainFormat)
		}
	})
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m.encodings.Store(nil)
			m.Encoded(plainFormat)
		}
	})
}
