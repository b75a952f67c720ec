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
	Classes        []ClassStats         // by FollowOptions.Class
}

// ClassStats counts the followers of one class.
type ClassStats struct {
	Followers int // gauge
	Opened    uint64
	Closed    map[Reason]uint64
	Messages  uint64 // delivered: handed to the peer's connection
	Bytes     uint64 // delivered, as written (framing included)
	Writes    uint64 // calls of Peer.Write that took something
	Latency   Histogram
}

// Histogram counts the times from a message's append to its write.
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

// Stats returns a snapshot of the gateway's counters.
func (g *Gateway) Stats() Stats { return Stats{} }
