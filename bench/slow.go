package bench

import (
	"context"
	"fmt"
)

// Slow publishes to followers that read, first alone and then beside others that have stopped reading, which read on at
// the end. In between as much is published as in either, so that those have stopped indeed.
type Slow struct {
	Options
	Stalled   int
	Followers int // that read
	Volume        // For is how long each phase is
}

// Run measures. With [ErrLost] there is a report too.
func (b Slow) Run(ctx context.Context) (*Report, error) {
	r, err := b.begin()
	if err != nil {
		return nil, err
	}
	if b.Stalled < 1 || b.Followers < 1 {
		return nil, usage("there must be followers that read, and others that do not")
	}
	err = firstOf(b.check(), r.needGateway("who reads on needs history and gaps"), r.needOneOf("websocket", "sse", "stream"))
	if err != nil {
		return nil, err
	}
	fast := newCrowd(ctx, r, b.Followers)
	defer fast.close()
	fast.wrap = true // as the others do: what the server keeps of messages in another format is not what they cost
	p, err := fast.gather(b.Followers, b.Size, true)
	if err != nil {
		return nil, err
	}
	defer p.abandon()
	out := r.report("slow")
	if _, err := fast.measure(ctx, p, measured, b.Volume, out); err != nil {
		return nil, err
	}
	slow := newCrowd(ctx, r, b.Stalled)
	defer slow.close()
	// Gaps are told in envelopes; raw WebSockets are closed instead.
	slow.wrap, slow.stalled, slow.cursors = true, make(chan struct{}), p.cursors
	slow.returns.Store(true)
	// A sender that missed the news of room in a window asks again after as long as it has waited already (RFC 9293, section 3.8.6.1).
	slow.slack = 3 * b.For
	stop := slow.connecting(b.Stalled)
	err = slow.grow(b.Stalled)
	stop()
	if err != nil {
		return nil, err
	}
	// What the kernel takes for them first is fan-out like any other, and no stall.
	if _, err := fast.measure(ctx, p, filling, b.Volume, new(Report)); err != nil {
		return nil, err
	}
	took, err := fast.measure(ctx, p, stalling, b.Volume, out)
	if err != nil {
		return nil, err
	}
	n := b.messages()
	close(slow.stalled)
	slow.carrier.readOn()
	stop = slow.figures("reading on", stalling, func() float64 {
		return 1 - float64(slow.lacking(stalling, uint32(n)))/float64(b.Stalled)
	})
	err = slow.awaitAll(stalling, uint32(n))
	stop()
	if err != nil {
		return nil, err
	}
	slow.close()
	fast.close()
	if err := firstOf(slow.err(), fast.err()); err != nil {
		return nil, err
	}
	out.Connections = b.Stalled + b.Followers
	out.tell(fast, stalling, n, b.Volume, took)
	out.Latency, out.BesideStalled = fast.latency(measured).Latency(), out.Latency
	out.Curves = []Curve{
		{Name: "alone", Histogram: fast.latency(measured)}, {Name: "beside stalled followers", Histogram: fast.latency(stalling)},
	}
	out.Stalled = slow.fates(n)
	before, between := fast.losses(measured, n), fast.losses(filling, n)
	lost := before.Lost + between.Lost + out.Lost
	if lost > 0 || out.Stalled.Silent > 0 {
		return out, fmt.Errorf("%w: %d by followers that read, and %d of those that had stalled miss some and were not told",
			ErrLost, lost, out.Stalled.Silent)
	}
	return out, nil
}

// fates says what followers that had stalled got in the end. They have ended.
func (c *crowd) fates(n int) *StalledReport {
	s := &StalledReport{Followers: len(c.members), Cut: c.reconnects.Load()}
	for _, f := range c.members {
		t := &f.tallies[stalling]
		s.Doubled += t.doubled
		switch {
		case t.lost(uint32(n)) == 0:
			s.Whole++
		case f.gaps > 0:
			s.Told++
		default:
			s.Silent++
		}
	}
	return s
}
