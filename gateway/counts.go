package gateway

import (
	"sync/atomic"
	"time"
)

// counts are the counters that publishers move, and the rare ones.
type counts struct {
	published, publishedBytes, deletions, duplicates atomic.Uint64
	gaps                                             [len(GapReasons)]atomic.Uint64
	refused                                          [len(refusals)]atomic.Uint64
	answered                                         []answerCounts // by class
}

// answerCounts count what was delivered without a follower: by plain polls.
type answerCounts struct{ messages, bytes, writes atomic.Uint64 }

// Delivered counts an answer that carried what [Gateway.Read] returned: so many messages, in so many bytes. Class is as in
// [Terms].
func (g *Gateway) Delivered(class uint8, messages, bytes int) {
	c := &g.counts.answered[class]
	c.messages.Add(uint64(messages))
	c.bytes.Add(uint64(bytes))
	c.writes.Add(1)
}

func (c *counts) gap(reason GapReason) {
	for i, r := range GapReasons {
		if r == reason {
			c.gaps[i].Add(1)
		}
	}
}

// classCounts are one shard's counters of one class of followers. They are the shard's own; others read publicCounts.
type classCounts struct {
	followers               uint64
	opened                  uint64
	messages, bytes, writes uint64
	closed                  [len(Reasons)]uint64
	latency                 Histogram
}

// publicCounts are what a shard has counted, as of the end of its last turn. Only the shard writes them.
type publicCounts struct {
	followers               atomic.Uint64
	opened                  atomic.Uint64
	messages, bytes, writes atomic.Uint64
	closed                  [len(Reasons)]atomic.Uint64
	latency                 [len(LatencyBounds) + 1]atomic.Uint64
	latencySum              atomic.Int64
}

// index returns the place of the reason in Reasons.
func (r Reason) index() uint8 {
	for i, known := range Reasons {
		if r == known {
			return uint8(i)
		}
	}
	return 0
}

// add counts d n times.
func (h *Histogram) add(d time.Duration, n int) {
	i := 0
	for i < len(LatencyBounds) && d > LatencyBounds[i] {
		i++
	}
	h.Counts[i] += uint64(n)
	h.Sum += max(0, d) * time.Duration(n)
}

// counts returns the counters of the follower's class, to be counted in.
func (s *shard) counts(f *Follower) *classCounts {
	s.countClass[f.terms.Class] = true
	return &s.counting[f.terms.Class]
}

// count lets others see what was counted in this turn. Storing costs more than a delivery's worth of counting, so that it is done
// once a turn, and only where something has changed.
func (s *shard) count() {
	for class, counted := range s.countClass {
		if !counted {
			continue
		}
		s.countClass[class] = false
		from, to := &s.counting[class], &s.counted[class]
		store(&to.followers, from.followers)
		store(&to.opened, from.opened)
		store(&to.messages, from.messages)
		store(&to.bytes, from.bytes)
		store(&to.writes, from.writes)
		for i := range from.closed {
			store(&to.closed[i], from.closed[i])
		}
		for i := range from.latency.Counts {
			store(&to.latency[i], from.latency.Counts[i])
		}
		to.latencySum.Store(int64(from.latency.Sum))
	}
}

func store(to *atomic.Uint64, n uint64) {
	if to.Load() != n {
		to.Store(n)
	}
}

// merge adds c to a class's snapshot.
func (c *publicCounts) merge(into *ClassStats) {
	into.Followers += int(c.followers.Load())
	into.Opened += c.opened.Load()
	into.Messages += c.messages.Load()
	into.Bytes += c.bytes.Load()
	into.Writes += c.writes.Load()
	for i := range c.closed {
		into.Closed[Reasons[i]] += c.closed[i].Load()
	}
	for i := range c.latency {
		into.Latency.Counts[i] += c.latency[i].Load()
	}
	into.Latency.Sum += time.Duration(c.latencySum.Load())
}
