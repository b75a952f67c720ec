package bench

import (
	"context"
	"time"
)

// clock reads the time as nanoseconds since 1970, without the jumps of a clock that is set.
type clock struct{ zero time.Time }

func newClock() clock { return clock{time.Now()} }

func (c clock) now() int64 { return c.at(time.Now()) }

func (c clock) at(t time.Time) int64 { return c.zero.UnixNano() + int64(t.Sub(c.zero)) }

// schedule says when messages are due. It never moves: who is late finds the next ones due already, and their latency
// counts from then.
type schedule struct {
	start time.Time
	rate  float64 // a second
	burst int     // at once; the rate stays
}

// due returns when the i-th message, from 0, is due.
func (s schedule) due(i int) time.Time {
	first := i - i%max(1, s.burst)
	return s.start.Add(time.Duration(float64(first) / s.rate * float64(time.Second)))
}

// wait returns when the i-th message is due, once it is.
func (s schedule) wait(ctx context.Context, i int) (time.Time, error) {
	due := s.due(i)
	return due, sleep(ctx, time.Until(due))
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
