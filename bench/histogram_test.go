package bench

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestQuantiles(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 || h.Max() != 0 {
		t.Error("an empty histogram has quantiles")
	}
	for i := range 1000 {
		h.Add(time.Duration(i+1) * time.Millisecond)
	}
	for q, want := range map[float64]time.Duration{
		0: time.Millisecond, 0.5: 500 * time.Millisecond, 0.9: 900 * time.Millisecond, 0.99: 990 * time.Millisecond,
		0.999: 999 * time.Millisecond, 1: time.Second,
	} {
		if got := h.Quantile(q); got < want || got > want+want/100 {
			t.Errorf("quantile %g is %v, want %v", q, got, want)
		}
	}
	h.Add(-time.Second)
	if h.Quantile(0) != 0 || h.Count() != 1001 || h.Max() != time.Second {
		t.Errorf("after a negative duration: least %v, %d, most %v", h.Quantile(0), h.Count(), h.Max())
	}
}

// TestBuckets holds that a duration lies in its bucket, to within 1 %, and after all shorter buckets.
func TestBuckets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, 1<<62).Draw(t, "duration") >> rapid.IntRange(0, 61).Draw(t, "shift"))
		i := bucket(d)
		if i < 0 || i >= bucketsAll || ceiling(i) < d || ceiling(i) > d+d/100 || i > 0 && ceiling(i-1) >= d {
			t.Errorf("%d is in bucket %d, up to %d, after %d", d, i, ceiling(i), ceiling(max(0, i-1)))
		}
	})
}
