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

// crowd is all followers of a run that behave alike.
type crowd struct {
	*run
	buffer  int  // bytes per connection
	wrap    bool // envelopes
	cursors *cursors
	stalled chan struct{} // what followers wait for before they read on; nil if they read at once

	members   []*follower
	ctx       context.Context
	cancel    context.CancelFunc
	living    sync.WaitGroup
	latency   [phases]*Histogram
	delivered [phases]atomic.Int64
	warm      atomic.Int64 // followers that got something
	reached   atomic.Int64 // followers that have answered heads
	cut       atomic.Int64 // connections that the other side ended
	back      atomic.Int64 // reconnects
	returns   atomic.Bool  // whether who is cut comes back
	dialling  chan struct{}

	mu    sync.Mutex
	first error // guarded by mu
}

func newCrowd(ctx context.Context, r *run, n int) *crowd {
	c := &crowd{run: r, buffer: 4 << 10, wrap: r.Wrap, members: make([]*follower, 0, n), dialling: make(chan struct{}, r.Dialers)}
	c.ctx, c.cancel = context.WithCancel(ctx)
	for i := range c.latency {
		c.latency[i] = new(Histogram)
	}
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

// grow connects n more followers and returns when each has been answered, or for a long poll has asked.
func (c *crowd) grow(n int) error {
	var left atomic.Int64
	left.Store(int64(n))
	old := len(c.members)
	for range n {
		c.members = append(c.members, newFollower(c))
	}
	var dialling sync.WaitGroup
	for range min(n, c.Dialers) {
		dialling.Go(func() {
			for c.err() == nil {
				i := left.Add(-1)
				if i < 0 {
					return
				}
				if err := c.members[old+int(i)].open(""); err != nil {
					c.fail(err)
				}
			}
		})
	}
	dialling.Wait()
	if err := errors.Join(c.ctx.Err(), c.err()); err != nil {
		return fmt.Errorf("after %d connections: %w", c.reached.Load(), err)
	}
	for _, f := range c.members[old:] {
		c.living.Go(f.live)
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
	c.cancel()
	for _, f := range c.members {
		f.sever()
	}
	c.living.Wait()
}

// awaitAll returns when every follower has got at least n messages of a phase, or nothing has come for Patience.
func (c *crowd) awaitAll(phase int, n uint32) error {
	last, since := int64(-1), time.Now()
	for {
		if c.lacking(phase, n) == 0 {
			return nil
		}
		if got := c.delivered[phase].Load() + c.back.Load(); got != last {
			last, since = got, time.Now()
		}
		if time.Since(since) > c.patience() {
			return nil
		}
		if err := sleep(c.ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

// patience is longer where followers ask only now and then.
func (c *crowd) patience() time.Duration {
	if c.Transport == "poll" {
		return c.Patience + 2*c.PollPace
	}
	return c.Patience
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
	l := Losses{Expected: int64(n) * int64(len(c.members)), Delivered: c.delivered[phase].Load(), Cut: c.cut.Load()}
	for _, f := range c.members {
		t := &f.tallies[phase]
		l.Lost += t.lost(uint32(n))
		l.Doubled += t.doubled
		l.Disordered += t.disordered
	}
	return l
}

// jitter is where within a poll's pace a follower asks first.
func (c *crowd) jitter() time.Duration { return time.Duration(rand.Int64N(int64(c.PollPace))) }
