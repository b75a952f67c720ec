package bench

import "sync/atomic"

// book is the account of what the followers of one goroutine, or one loop, got. Each loop has its own, so that counting costs
// them no cache line of another processor.
type book struct {
	latency   [phases]*Histogram
	delivered [phases]atomic.Int64
	sent      [phases]atomic.Int64 // of those that do not follow, but send and get back
}

func newBook() *book {
	b := new(book)
	for i := range b.latency {
		b.latency[i] = new(Histogram)
	}
	return b
}

// delivered returns how many messages of a phase all followers got, duplicates included.
func (c *crowd) delivered(phase int) (n int64) {
	for _, b := range c.books {
		n += b.delivered[phase].Load()
	}
	return n
}

// latency returns a copy of how late the messages of a phase came.
func (c *crowd) latency(phase int) *Histogram {
	h := new(Histogram)
	for _, b := range c.books {
		h.merge(b.latency[phase])
	}
	return h
}

// forget begins the latencies of a phase anew. Nothing is under way.
func (c *crowd) forget(phase int) {
	for _, b := range c.books {
		b.latency[phase].reset()
	}
}
