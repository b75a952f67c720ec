package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// carrier makes and reads the connections of a crowd's followers. What it does is done when a method returns, except for
// connecting.
type carrier interface {
	// dial connects new followers.
	dial(fs []*follower)
	// cut severs all connections. Nobody comes back before back.
	cut()
	back()
	// readOn has followers read that were told to stall.
	readOn()
	close()
}

// crowd is all followers of a run that behave alike.
type crowd struct {
	*run
	wrap    bool // envelopes
	cursors *cursors
	stalled chan struct{} // what followers wait for before they read on; nil if they read at once
	slack   time.Duration // more patience
	echo    *echo         // what all send, where they do not follow

	carrier carrier
	asked   asking
	books   []*book
	members []*follower
	ctx     context.Context
	cancel  context.CancelFunc
	once    sync.Once

	warm       atomic.Int64 // followers that got something
	reached    atomic.Int64 // followers that have answered heads
	cut        atomic.Int64 // connections that the other side ended
	reconnects atomic.Int64
	wave       atomic.Int64 // how often all were cut
	back       atomic.Int64 // followers that are back after the last wave
	returns    atomic.Bool  // whether who is cut comes back

	mu    sync.Mutex
	first error // guarded by mu
}

func newCrowd(ctx context.Context, r *run, n int) *crowd {
	c := &crowd{run: r, wrap: r.Wrap, members: make([]*follower, 0, n)}
	c.ctx, c.cancel = context.WithCancel(ctx)
	return c
}

// fail keeps the first error of a follower.
func (c *crowd) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first == nil && !errors.Is(err, context.Canceled) {
		c.first = err
	}
}

func (c *crowd) err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.first
}

// grow connects n more followers and returns when each has been answered, or for a poll has connected.
func (c *crowd) grow(n int) error {
	if c.carrier == nil {
		c.asked = c.asking()
		var err error
		if c.carrier, err = newCarrier(c); err != nil {
			return err
		}
	}
	old := len(c.members)
	for range n {
		c.members = append(c.members, newFollower(c))
	}
	c.carrier.dial(c.members[old:])
	for c.reached.Load() < int64(old+n) {
		if err := errors.Join(c.ctx.Err(), c.err()); err != nil {
			return fmt.Errorf("after %d connections: %w", c.reached.Load(), err)
		}
		if err := sleep(c.ctx, time.Millisecond); err != nil {
			return fmt.Errorf("after %d connections: %w", c.reached.Load(), err)
		}
	}
	return nil
}

// connecting shows how many are connected.
func (c *crowd) connecting(n int) (stop func()) {
	return c.show("connecting", func() (float64, string) {
		have := c.reached.Load()
		return float64(have) / float64(n), fmt.Sprintf("%d of %d connections", have, n)
	})
}

// close ends all followers and waits for them.
func (c *crowd) close() {
	c.once.Do(func() {
		c.cancel()
		if c.carrier != nil {
			c.carrier.close()
		}
	})
}

// awaitAll returns when every follower has got at least n messages of a phase, or nothing has come for Patience.
func (c *crowd) awaitAll(phase int, n uint32) error {
	last, since := int64(-1), time.Now()
	for turn := 0; ; turn++ {
		got := c.delivered(phase)
		// Looking at everybody is work, and without losses the sum says when that is worth it.
		if got >= int64(n)*int64(len(c.members)) || turn%64 == 0 {
			if c.lacking(phase, n) == 0 {
				return nil
			}
		}
		if got += c.reconnects.Load(); got != last {
			last, since = got, time.Now()
		}
		if time.Since(since) > c.patience() {
			return nil
		}
		if err := sleep(c.ctx, time.Millisecond); err != nil {
			return err
		}
	}
}

// patience is longer where followers ask only now and then, or have stalled.
func (c *crowd) patience() time.Duration {
	if c.Transport == "poll" {
		return c.Patience + c.slack + 2*c.PollPace
	}
	return c.Patience + c.slack
}

// lacking counts followers that have not got to the n-th message of a phase.
func (c *crowd) lacking(phase int, n uint32) (lacking int) {
	for _, f := range c.members {
		if f.seen[phase].Load() < n {
			lacking++
		}
	}
	return lacking
}

// Losses say what followers did not get as it was published.
type Losses struct {
	Expected   int64 `json:"expected"`
	Delivered  int64 `json:"delivered"`
	Lost       int64 `json:"lost"`
	Doubled    int64 `json:"doubled"`
	Disordered int64 `json:"out_of_order"`
	Cut        int64 `json:"cut"` // connections that the server ended
}

// losses sums a phase of n messages up. The followers have ended.
func (c *crowd) losses(phase int, n int) Losses {
	l := Losses{Expected: int64(n) * int64(len(c.members)), Delivered: c.delivered(phase), Cut: c.cut.Load()}
	for _, f := range c.members {
		t := &f.tallies[phase]
		l.Lost += t.lost(uint32(n))
		l.Doubled += t.doubled
		l.Disordered += t.disordered
	}
	return l
}

// jitter is where within a poll's pace a follower asks first.
func (c *crowd) jitter() time.Duration { return time.Duration(1 + rand.Int64N(int64(c.PollPace))) }
