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

// BenchmarkAppendTo measures an append where each topic is full, so that one message goes for each that comes.
func BenchmarkAppendTo(b *testing.B) {
	const topics, kept = 100_000, 2
	names := make([]string, topics)
	for i := range names {
		names[i] = fmt.Sprintf("t%d/%d", i%100, i)
	}
	_, apply := benchHistory(b, Retention{Messages: kept})
	i := 0
	for ; i < topics*kept; i++ {
		apply(names[i%topics])
	}
	b.ReportAllocs()
	for b.Loop() {
		apply(names[i%topics])
		i++
	}
}

func BenchmarkAppendByKey(b *testing.B) {
	for _, keys := range []int{10, 1000} {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			h, _ := benchHistory(b, Retention{ByKey: true})
			data, seq := make([]byte, 100), uint64(0)
			names := make([]string, keys)
			for i := range names {
				names[i] = fmt.Sprint("key", i)
			}
			b.ReportAllocs()
			for b.Loop() {
				seq++
				// Neither the oldest key nor the newest: what is between has to move.
				key := names[seq*7919%uint64(keys)]
				h.Apply(&journal.Record{Seq: seq, Time: 1e12, Topic: "a", Key: key, Type: "text/plain", Data: data})
			}
		})
	}
}

func BenchmarkLookup(b *testing.B) {
	const topics = 100_000
	g := newFilled(b, topics, func(i int) string { return fmt.Sprintf("t%d/%d", i%100, i) })
	b.Run("topic", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if info, err := g.Topic("t7/7"); err != nil || info.Messages != 1 {
				b.Fatal(info, err)
			}
		}
	})
	for _, follow := range []string{"t7/7", "t7/*", "**"} {
		b.Run("newest/"+follow, func(b *testing.B) {
			all := follows(b, g, "now", follow)
			b.ReportAllocs()
			for b.Loop() {
				g.Newest(all)
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

// BenchmarkCatchUp measures a whole way from far behind over very many topics, in slices as a shard reads them.
func BenchmarkCatchUp(b *testing.B) {
	const topics, each, kept, slice = 100_000, 6, 3, 64
	name := func(i int) string { return fmt.Sprintf("t%d/%d", i%100, i%topics) }
	g := newGateway(b, Options{Shards: 1, Default: Retention{Messages: kept, Age: 1 << 62}, HistoryBytes: 1 << 40})
	g.history.rouse = func() {} // nobody follows here
	fill(g.history, 1, topics*each, name)
	for _, follow := range []string{"**", "t7/*"} {
		b.Run(follow, func(b *testing.B) {
			all := follows(b, g, "@0", follow)
			items, touched := 0, 0
			b.ReportAllocs()
			for b.Loop() {
				start, _ := g.Start(all)
				r := reading{max: slice, maxBytes: 1 << 20}
				for more := true; more; {
					r.items, r.messages, r.bytes, r.to = r.items[:0], 0, 0, journal.MaxSeq
					more = g.history.read(&start.position, &r)
					start.position.took(r.items, r.end)
					items += len(r.items)
				}
				touched += r.touched
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(items), "ns/item")
			b.ReportMetric(float64(touched)/float64(items), "touched/item")
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
	b.Run("all-topics", func(b *testing.B) {
		n := 0
		b.ReportAllocs()
		for b.Loop() {
			g.history.visit(pattern(b, "**"), func(*topicLog) bool { n++; return true })
		}
	})
	b.Run("one-of-each-branch", func(b *testing.B) {
		n := 0
		b.ReportAllocs()
		for b.Loop() {
			g.history.visit(pattern(b, "*/7"), func(*topicLog) bool { n++; return true })
		}
	})
	b.Run("match", func(b *testing.B) {
		p := pattern(b, "t7/*/x/**")
		b.ReportAllocs()
		for b.Loop() {
			if !p.Match("t7/some/x/and/more") {
				b.Fatal("no match")
			}
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

func BenchmarkParseTopic(b *testing.B) {
	for _, text := range []string{"news", "weather/europe/paris"} {
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := CheckTopic(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("weather/*/**", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ParsePattern("weather/*/**"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkParseCursor(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseCursor("k3f9a2m1-9007199254740991"); err != nil {
			b.Fatal(err)
		}
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
