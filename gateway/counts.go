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
// [FollowOptions].
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

// classCounts are one shard's counters of one class of followers.
type classCounts struct {
	followers               int
	opened                  uint64
	closed                  reasonCounts
	messages, bytes, writes uint64
	latency                 Histogram
}

type reasonCounts [len(Reasons)]uint64

func (c *reasonCounts) add(reason Reason) {
	for i, r := range Reasons {
		if r == reason {
			c[i]++
		}
	}
}

func (h *Histogram) add(d time.Duration) {
	i := 0
	for i < len(LatencyBounds) && d > LatencyBounds[i] {
		i++
	}
	h.Counts[i]++
	h.Sum += d
}

// merge adds c to a class's snapshot.
func (c *classCounts) merge(into *ClassStats) {
	into.Followers += c.followers
	into.Opened += c.opened
	into.Messages += c.messages
	into.Bytes += c.bytes
	into.Writes += c.writes
	for i, n := range c.closed {
		into.Closed[Reasons[i]] += n
	}
	for i, n := range c.latency.Counts {
		into.Latency.Counts[i] += n
	}
	into.Latency.Sum += c.latency.Sum
}
