package bench

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestAStallCounts holds that messages which could not be sent in time count from when they were due: coordinated omission.
func TestAStallCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := schedule{start: time.Now(), rate: 10}
		var h Histogram
		for i := range 10 {
			due, err := s.wait(t.Context(), i)
			if err != nil {
				t.Fatal(err)
			}
			if i == 2 {
				time.Sleep(time.Second) // the server stalls
			}
			h.Add(time.Since(due))
		}
		// Sent at 0, 0.1 and 1.2 s, and the rest at once: 0.9, 0.8, 0.7, 0.6, 0.5, 0.4 and 0.3 s late.
		for q, want := range map[float64]time.Duration{0.2: 0, 0.3: 300 * time.Millisecond, 0.6: 600 * time.Millisecond, 1: time.Second} {
			if got := h.Quantile(q); got < want || got > want+want/100 {
				t.Errorf("quantile %g is %v, want %v", q, got, want)
			}
		}
		if got := time.Since(s.start); got != 1200*time.Millisecond {
			t.Errorf("it took %v", got)
		}
	})
}

func TestBurstsAreDueTogether(t *testing.T) {
	s := schedule{rate: 100, burst: 10}
	for i, want := range map[int]time.Duration{0: 0, 9: 0, 10: 100 * time.Millisecond, 25: 200 * time.Millisecond} {
		if got := s.due(i).Sub(s.start); got != want {
			t.Errorf("message %d is due after %v, want %v", i, got, want)
		}
	}
}
