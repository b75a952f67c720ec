package bench

import (
	"context"
	"fmt"
	"math"
	"time"
)

// Storm cuts all followers at once, while messages go on, and lets them come back with their cursors.
type Storm struct {
	Options
	Clients int
	Volume  // For is how long messages come before the cut
}

// tailTime is how long messages go on once everybody is back: what is lost at the end would not be seen.
const tailTime = 500 * time.Millisecond

// Run measures. With [ErrLost] there is a report too.
func (b Storm) Run(ctx context.Context) (*Report, error) {
	r, err := b.begin()
	if err != nil {
		return nil, err
	}
	if b.Clients < 1 {
		return nil, usage("nobody follows")
	}
	if err := firstOf(b.check(), r.needGateway("who comes back needs a cursor")); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := newCrowd(ctx, r, b.Clients)
	defer c.close()
	c.wrap = true // a raw WebSocket that faces a gap is closed, and would come back for ever
	p, err := c.gather(b.Clients, b.Size)
	if err != nil {
		return nil, err
	}
	defer p.abandon()

	published, ended := make(chan error, 1), make(chan struct{})
	sent, over := 0, make(chan struct{})
	go func() {
		defer close(ended)
		var err error
		sent, err = p.keep(ctx, measured, b.schedule(), math.MaxInt32, func() bool {
			select {
			case <-over:
				return false
			default:
				return true
			}
		})
		published <- err
	}()
	defer func() {
		cancel()
		p.conn.Close()
		<-ended
	}()

	begun := time.Now()
	stop := c.figures("before the cut", measured, func() float64 { return time.Since(begun).Seconds() / b.For.Seconds() })
	err = sleep(ctx, b.For)
	stop()
	if err != nil {
		return nil, err
	}
	before, err := r.usage()
	if err != nil {
		return nil, err
	}
	stop = c.figures("coming back", measured, func() float64 { return float64(c.back.Load()) / float64(b.Clients) })
	defer func() { stop() }()
	c.returns.Store(true)
	cut := time.Now()
	for _, f := range c.members {
		f.sever()
	}
	if err := c.await(ctx, published, func() bool { return c.back.Load() >= int64(b.Clients) }); err != nil {
		return nil, fmt.Errorf("%d of %d are back: %w", c.back.Load(), b.Clients, err)
	}
	back := time.Since(cut)
	goal := uint32(p.sent[measured].Load())
	if err := c.awaitAll(measured, goal); err != nil {
		return nil, err
	}
	complete := time.Since(cut)
	after, err := r.usage()
	if err != nil {
		return nil, err
	}
	if err := sleep(ctx, tailTime); err != nil {
		return nil, err
	}
	close(over)
	err = <-published
	published <- err
	if err != nil {
		return nil, err
	}
	if err := c.awaitAll(measured, uint32(sent)); err != nil {
		return nil, err
	}
	took := time.Since(begun)
	c.close()
	if err := c.err(); err != nil {
		return nil, err
	}
	out := r.report("storm")
	out.Connections = b.Clients
	out.tell(c, measured, sent, b.Volume, took)
	out.Storm = &StormReport{Back: milliseconds(back), Complete: milliseconds(complete), Reconnects: c.back.Load()}
	if out.Server = spent(before, after); out.Server != nil {
		out.Server.CPUPerClient = per(out.Server.CPUSeconds*1e6, int64(b.Clients))
	}
	if out.Lost > 0 {
		return out, fmt.Errorf("%w: %d of %d", ErrLost, out.Lost, out.Expected)
	}
	return out, nil
}

// await waits for a condition, for as long as somebody comes back within Patience.
func (c *crowd) await(ctx context.Context, published chan error, holds func() bool) error {
	last, since := int64(-1), time.Now()
	for !holds() {
		if n := c.back.Load(); n != last {
			last, since = n, time.Now()
		}
		if err := c.err(); err != nil {
			return err
		}
		if time.Since(since) > c.patience()+dialTime {
			return fmt.Errorf("nobody has come back for %v", c.patience()+dialTime)
		}
		select {
		case err := <-published:
			published <- err
			return err
		default:
		}
		if err := sleep(ctx, time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}
