package bench

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// Of a latency so many bits are kept: an error below 1 %.
const (
	precision  = 7
	perOctave  = 1 << precision
	octaves    = 63 - precision
	bucketsAll = (octaves + 1) * perOctave
)

// Histogram counts durations in buckets whose width grows with the duration. Its memory does not grow. Its methods may be
// called from several goroutines.
type Histogram struct {
	counts [bucketsAll]atomic.Uint64
	total  atomic.Uint64
	most   atomic.Int64
}

// bucket returns where a duration is counted: below perOctave every nanosecond has its own, and from there on each power of two has
// perOctave of them.
func bucket(d time.Duration) int {
	if d < perOctave {
		return int(d)
	}
	shift := bits.Len64(uint64(d)) - precision - 1
	return shift*perOctave + int(uint64(d)>>shift)
}

// ceiling returns the longest duration of a bucket.
func ceiling(i int) time.Duration {
	if i < perOctave {
		return time.Duration(i)
	}
	shift := i/perOctave - 1
	return time.Duration((uint64(i-shift*perOctave)+1)<<shift - 1)
}

// Add counts a duration. A negative one is counted as 0: clocks are read in another order than things happen.
func (h *Histogram) Add(d time.Duration) {
	d = max(d, 0)
	h.counts[bucket(d)].Add(1)
	h.total.Add(1)
	for {
		most := h.most.Load()
		if int64(d) <= most || h.most.CompareAndSwap(most, int64(d)) {
			return
		}
	}
}

// merge adds all that another histogram counts.
func (h *Histogram) merge(other *Histogram) {
	for i := range other.counts {
		if n := other.counts[i].Load(); n > 0 {
			h.counts[i].Add(n)
			h.total.Add(n)
		}
	}
	h.most.Store(max(h.most.Load(), other.most.Load()))
}

// reset forgets all.
func (h *Histogram) reset() {
	for i := range h.counts {
		h.counts[i].Store(0)
	}
	h.total.Store(0)
	h.most.Store(0)
}

// Count returns how many durations were added.
func (h *Histogram) Count() uint64 { return h.total.Load() }

// Max returns the longest duration that was added.
func (h *Histogram) Max() time.Duration { return time.Duration(h.most.Load()) }

// Quantile returns the duration that the part q, from 0 to 1, of all that were added do not exceed, up to 1 % too high. It is 0 if
// there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	total := h.Count()
	if total == 0 {
		return 0
	}
	rank := max(1, uint64(math.Ceil(q*float64(total)-1e-9)))
	below := uint64(0)
	for i := range h.counts {
		if below += h.counts[i].Load(); below >= rank {
			return min(ceiling(i), h.Max())
		}
	}
	return h.Max()
}

// Latency is what a report says of a histogram, in milliseconds.
type Latency struct {
	Count uint64  `json:"count"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p99_9_ms"`
	Max   float64 `json:"max_ms"`
}

// Latency sums the histogram up.
func (h *Histogram) Latency() *Latency {
	at := func(q float64) float64 { return milliseconds(h.Quantile(q)) }
	return &Latency{Count: h.Count(), P50: at(0.5), P90: at(0.9), P99: at(0.99), P999: at(0.999), Max: milliseconds(h.Max())}
}

func milliseconds(d time.Duration) float64 {
	return math.Round(float64(d.Microseconds())) / 1000
}
