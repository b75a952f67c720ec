package bench

import (
	"context"
	"fmt"
	"math"
	"time"
)

// Storm cuts all followers at once and lets them come back with their cursors.
type Storm struct {
	Options
	Clients int
	// Missed are the messages that are published while everybody is away, and the only ones. Then the time is that of coming
	// back and nothing else. Where it is 0, messages go on at the rate all the time.
	Missed int
	Volume // For is how long messages come before the cut
}

// tailTime is how long messages go on once everybody is back: what is lost at the end would not be seen.
const tailTime = 500 * time.Millisecond

// Run measures. With [ErrLost] there is a report too.
func (b Storm) Run(ctx context.Context) (*Report, error) {
	r, err := b.begin()
	if err != nil {
		return nil, err
	}
	switch {
	case b.Clients < 1:
		return nil, usage("nobody follows")
	case b.Missed < 0 || b.Missed > inFlight:
		return nil, usage("of messages %d to %d can be missed", 0, inFlight)
	}
	if err := firstOf(b.check(), r.needPublisher()); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := newCrowd(ctx, r, b.Clients)
	defer c.close()
	c.wrap = true // a raw WebSocket that faces a gap is closed, and would come back for ever
	c.returns.Store(true)
	p, err := c.gather(b.Clients, b.Size, true)
	if err != nil {
		return nil, err
	}
	defer p.abandon()
	if err := c.awaitAll(warming, uint32(p.sent[warming].Load())); err != nil {
		return nil, err
	}
	out := r.report("storm")
	out.Connections = b.Clients
	wave := b.amid
	if b.Missed > 0 {
		wave = b.after
	}
	sent, took, err := wave(ctx, c, p, out)
	if err != nil {
		return nil, err
	}
	c.close()
	if err := c.err(); err != nil {
		return nil, err
	}
	out.tell(c, measured, sent, b.Volume, took)
	out.Storm.Reconnects = c.reconnects.Load()
	if out.Server != nil {
		out.Server.CPUPerClient = per(out.Server.CPUSeconds*1e6, int64(b.Clients))
	}
	if out.Lost > 0 {
		return out, fmt.Errorf("%w: %d of %d", ErrLost, out.Lost, out.Expected)
	}
	return out, nil
}

// after has everybody come back when what they miss is published.
func (b Storm) after(ctx context.Context, c *crowd, p *publisher, out *Report) (sent int, took time.Duration, err error) {
	before, err := c.run.look()
	if err != nil {
		return 0, 0, err
	}
	c.back.Store(0)
	c.carrier.cut()
	if err := p.all(ctx, b.Missed); err != nil {
		return 0, 0, err
	}
	stop := c.returning(b.Clients)
	defer func() { stop() }()
	begun := time.Now()
	c.carrier.back()
	if err := c.await(ctx, p); err != nil {
		return 0, 0, err
	}
	back := time.Since(begun)
	if err := c.awaitAll(measured, uint32(b.Missed)); err != nil {
		return 0, 0, err
	}
	complete := time.Since(begun)
	after, err := c.run.look()
	if err != nil {
		return 0, 0, err
	}
	// One more shows that what came back is alive, and that nothing went missing at the end.
	if err := p.all(ctx, 1); err != nil {
		return 0, 0, err
	}
	if err := c.awaitAll(measured, uint32(b.Missed+1)); err != nil {
		return 0, 0, err
	}
	out.spend(before, after)
	out.Storm = &StormReport{Back: milliseconds(back), Complete: milliseconds(complete)}
	return b.Missed + 1, complete, nil
}

// amid has everybody come back at once while messages go on.
func (b Storm) amid(ctx context.Context, c *crowd, p *publisher, out *Report) (sent int, took time.Duration, err error) {
	ctx, cancel := context.WithCancel(ctx)
	over, ended := make(chan struct{}), make(chan struct{})
	var (
		published error
		n         int
	)
	go func() {
		defer close(ended)
		n, published = p.keep(ctx, measured, b.schedule(), math.MaxInt32, func() bool {
			select {
			case <-over:
				return false
			default:
				return true
			}
		})
	}()
	defer func() {
		cancel()
		if err != nil {
			p.conn.Close() // it may be writing
		}
		<-ended
	}()
	begun := time.Now()
	stop := c.figures("before the cut", measured, func() float64 { return time.Since(begun).Seconds() / b.For.Seconds() })
	err = sleep(ctx, b.For)
	stop()
	if err != nil {
		return 0, 0, err
	}
	before, err := c.run.look()
	if err != nil {
		return 0, 0, err
	}
	stop = c.returning(b.Clients)
	defer func() { stop() }()
	c.back.Store(0)
	cut := time.Now()
	c.carrier.cut()
	c.carrier.back()
	if err := c.await(ctx, p); err != nil {
		return 0, 0, err
	}
	back := time.Since(cut)
	if err := c.awaitAll(measured, uint32(p.sent[measured].Load())); err != nil {
		return 0, 0, err
	}
	complete := time.Since(cut)
	after, err := c.run.look()
	if err != nil {
		return 0, 0, err
	}
	if err := sleep(ctx, tailTime); err != nil {
		return 0, 0, err
	}
	close(over)
	<-ended
	if published != nil {
		return 0, 0, published
	}
	if err := c.awaitAll(measured, uint32(n)); err != nil {
		return 0, 0, err
	}
	out.spend(before, after)
	out.Storm = &StormReport{Back: milliseconds(back), Complete: milliseconds(complete)}
	return n, time.Since(begun), nil
}

// all publishes n more messages at once, and waits for the answers.
func (p *publisher) all(ctx context.Context, n int) error {
	if _, err := p.keep(ctx, measured, schedule{start: time.Now(), rate: 1, burst: n}, n, always); err != nil {
		return err
	}
	sent := int64(0)
	for i := range p.sent {
		sent += p.sent[i].Load()
	}
	for until := time.Now().Add(dialTime); p.answered.Load() < sent; {
		if err := p.err(); err != nil {
			return err
		}
		if time.Now().After(until) {
			return fmt.Errorf("publishing: no answer within %v", dialTime)
		}
		if err := sleep(ctx, time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func (c *crowd) returning(n int) (stop func()) {
	return c.figures("coming back", measured, func() float64 { return float64(c.back.Load()) / float64(n) })
}

// await waits until everybody is back, for as long as somebody comes within Patience.
func (c *crowd) await(ctx context.Context, p *publisher) error {
	n := int64(len(c.members))
	for last, since := int64(-1), time.Now(); ; {
		back := c.back.Load()
		if back >= n {
			return nil
		}
		if back != last {
			last, since = back, time.Now()
		}
		err := firstOf(c.err(), p.err())
		if err == nil && time.Since(since) > c.patience()+dialTime {
			err = fmt.Errorf("nobody has come back for %v", c.patience()+dialTime)
		}
		if err == nil {
			err = sleep(ctx, time.Millisecond)
		}
		if err != nil {
			return fmt.Errorf("%d of %d are back: %w", back, n, err)
		}
	}
}
