package gateway

import "time"

// Stats is a snapshot of a gateway's counters. Counters start at 0 and never fall; gauges say so.
type Stats struct {
	Published      uint64 // messages
	PublishedBytes uint64 // of payload
	Deletions      uint64
	Duplicates     uint64               // publishes answered from their idempotency key
	Refused        map[string]uint64    // publishes refused, by cause: busy, condition, idempotency, durability, invalid
	Gaps           map[GapReason]uint64 // gaps stated to followers
	Dropped        map[GapReason]uint64 // messages that left the history, by the reason a gap would state
	Topics         int                  // gauge: topics with state
	Messages       int                  // gauge: messages retained
	HistoryBytes   int64                // gauge: what counts against Options.HistoryBytes
	HistoryLimit   int64                // gauge: Options.HistoryBytes
	Head           uint64               // gauge: newest seq
	Floor          uint64               // gauge: see docs/wire.md
	Behind         uint64               // gauge: messages that the slowest shard has not walked yet
	Classes        []ClassStats         // by Terms.Class
}

// ClassStats counts the followers of one class.
type ClassStats struct {
	Followers int // gauge
	Opened    uint64
	Closed    map[Reason]uint64
	Messages  uint64 // delivered: handed to the peer's connection
	Bytes     uint64 // delivered, as written (framing included)
	Writes    uint64 // calls of Peer.Write that took something, and polls' answers
	Latency   Histogram
}

// Add adds what others of another class have counted.
func (c *ClassStats) Add(others *ClassStats) {
	c.Followers += others.Followers
	c.Opened += others.Opened
	for reason, n := range others.Closed {
		c.Closed[reason] += n
	}
	c.Messages += others.Messages
	c.Bytes += others.Bytes
	c.Writes += others.Writes
	for i, n := range others.Latency.Counts {
		c.Latency.Counts[i] += n
	}
	c.Latency.Sum += others.Latency.Sum
}

// Histogram counts the times from a message's append to its write, for followers that keep up: what is read from the
// history later says how long a client was away, not how fast the gateway is.
type Histogram struct {
	Counts [len(LatencyBounds) + 1]uint64 // by the first bound that is not exceeded; the last is over all bounds
	Sum    time.Duration
}

// LatencyBounds are the upper bounds of the latency histogram's buckets.
var LatencyBounds = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
}

// Stats returns a snapshot of the gateway's counters. Each shard's are as of the end of its last turn: nobody waits for it.
func (g *Gateway) Stats() Stats {
	c := &g.counts
	out := Stats{
		Published: c.published.Load(), PublishedBytes: c.publishedBytes.Load(), Deletions: c.deletions.Load(),
		Duplicates: c.duplicates.Load(), Refused: make(map[string]uint64, len(refusals)),
		Gaps: make(map[GapReason]uint64, len(GapReasons)), Dropped: make(map[GapReason]uint64, len(GapReasons)),
		Classes: make([]ClassStats, g.options.Classes),
	}
	for i := range refusals {
		out.Refused[refusals[i].cause] += c.refused[i].Load()
	}
	for i, reason := range GapReasons {
		out.Gaps[reason] = c.gaps[i].Load()
	}
	g.history.stats(&out)
	for i := range out.Classes {
		out.Classes[i].Closed = make(map[Reason]uint64, len(Reasons))
		out.Classes[i].Messages = c.answered[i].messages.Load()
		out.Classes[i].Bytes = c.answered[i].bytes.Load()
		out.Classes[i].Writes = c.answered[i].writes.Load()
	}
	walked := out.Head
	for _, s := range g.shards {
		walked = min(walked, s.walked.Load())
		for i := range s.counted {
			s.counted[i].merge(&out.Classes[i])
		}
	}
	out.Behind = out.Head - walked
	return out
}

// Followers returns how many followers of a class there are. It costs an atomic load per shard.
func (g *Gateway) Followers(class uint8) (n int) {
	for _, s := range g.shards {
		n += int(s.counted[class].followers.Load())
	}
	return n
}

func (h *history) stats(out *Stats) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	out.Topics, out.Messages = len(h.topics), h.messages
	out.HistoryBytes, out.HistoryLimit = h.used(), h.limit
	out.Head, out.Floor = h.head.Load(), h.floor
	for i, reason := range GapReasons {
		out.Dropped[reason] = h.dropped[i]
	}
}
