package client

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff draws waits by full jitter: anything up to a bound that doubles with every failure. Clients that were cut off together
// so come back apart.
type backoff struct {
	least, most time.Duration // the bound after one failure, and at most
}

// after returns the wait after so many failures in a row, at least floor.
func (b backoff) after(failures int, floor time.Duration) time.Duration {
	if failures <= 0 {
		return floor
	}
	bound := b.most
	if shift := failures - 1; shift < 20 && b.least<<shift < bound {
		bound = b.least << shift
	}
	// Never nothing: a loop without any wait is a storm of one.
	return floor + bound/20 + rand.N(bound-bound/20+1)
}

// sleep waits unless ctx ends first; then it returns why.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
