package bench

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// Fanout publishes to a topic that many follow.
type Fanout struct {
	Options
	Followers int
	// Most looks for the highest rate at which 99 % of the deliveries come within Late (default 250 ms), beginning with that of the
	// volume; For is then how long each rate is tried.
	Most bool
	Late time.Duration
	Volume
}

// Volume is how much is published.
type Volume struct {
	Rate  float64       // messages a second
	Burst int           // messages at once; the rate stays
	Size  int           // bytes of a message; no less than [StampBytes]
	For   time.Duration // how long
}

func (v Volume) check() error {
	switch {
	case !(v.Rate > 0 && v.Rate <= 1e7):
		return usage("a rate of %g messages a second cannot be", v.Rate)
	case v.Burst < 0 || v.Burst > inFlight:
		return usage("bursts have 1 to %d messages", inFlight)
	case v.For <= 0:
		return usage("nothing can be measured in %v", v.For)
	}
	return checkSize(v.Size)
}

func checkSize(size int) error {
	if size < StampBytes || size > 1<<20 {
		return usage("a message has %d bytes, of which the first say which it is, to 1 MiB", StampBytes)
	}
	return nil
}

// messages returns how many are due.
func (v Volume) messages() int { return max(1, int(v.Rate*v.For.Seconds()+0.5)) }

func (v Volume) schedule() schedule { return schedule{start: time.Now(), rate: v.Rate, burst: v.Burst} }

func always() bool { return true }

// Run measures. With [ErrLost] there is a report too.
func (b Fanout) Run(ctx context.Context) (*Report, error) {
	r, err := b.begin()
	if err != nil {
		return nil, err
	}
	if b.Followers < 1 {
		return nil, usage("nobody follows")
	}
	if err := firstOf(b.check(), r.needPublisher()); err != nil {
		return nil, err
	}
	if b.Late = cmp.Or(b.Late, lateByDefault); b.Late < 0 {
		return nil, usage("nothing is late by %v", b.Late)
	}
	c := newCrowd(ctx, r, b.Followers)
	defer c.close()
	p, err := c.gather(b.Followers, b.Size, false)
	if err != nil {
		return nil, err
	}
	defer p.abandon()
	out := r.report("fanout")
	out.Connections = b.Followers
	took := time.Duration(0)
	if b.Most {
		err = c.most(ctx, p, b, out)
	} else {
		took, err = c.measure(ctx, p, measured, b.Volume, out)
	}
	if err != nil {
		return nil, err
	}
	c.close()
	if err := c.err(); err != nil {
		return nil, err
	}
	var delivered int64
	if b.Most {
		l := c.losses(measured, int(p.sent[measured].Load()))
		out.Losses, out.Size = &l, b.Size
		delivered = int64(out.Most.DeliveryRate * b.For.Seconds())
	} else {
		out.tell(c, measured, b.messages(), b.Volume, took)
		delivered = out.Delivered
	}
	if out.Server != nil {
		out.Server.CPUPerMillion = per(out.Server.CPUSeconds*1e6, delivered)
	}
	if out.Lost > 0 {
		return out, fmt.Errorf("%w: %d of %d", ErrLost, out.Lost, out.Expected)
	}
	return out, nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// gather connects n followers and a publisher, and makes sure that what the one sends comes to the others.
func (c *crowd) gather(n, size int, cursors bool) (*publisher, error) {
	stop := c.connecting(n)
	err := c.grow(n)
	stop()
	if err != nil {
		return nil, err
	}
	p, err := newPublisher(c.ctx, c.run, size, cursors)
	if err != nil {
		return nil, err
	}
	c.cursors = p.cursors
	if err := p.warmUp(c.ctx, c); err != nil {
		p.abandon()
		return nil, err
	}
	return p, nil
}

// measure publishes a phase and waits until all have it. It returns how long that took, without waiting in vain.
func (c *crowd) measure(ctx context.Context, p *publisher, phase int, v Volume, out *Report) (time.Duration, error) {
	n := v.messages()
	all := uint32(p.sent[phase].Load()) + uint32(n)
	before, err := c.run.look()
	if err != nil {
		return 0, err
	}
	had, expected := c.delivered(phase), float64(n)*float64(len(c.members))
	stop := c.figures("publishing", phase, func() float64 { return float64(c.delivered(phase)-had) / expected })
	defer stop()
	start := time.Now()
	if _, err := p.keep(ctx, phase, v.schedule(), n, always); err != nil {
		return 0, err
	}
	if err := c.awaitAll(phase, all); err != nil {
		return 0, err
	}
	took := time.Since(start)
	if c.lacking(phase, all) > 0 {
		took = max(v.For, took-c.patience())
	}
	after, err := c.run.look()
	if err != nil {
		return 0, err
	}
	out.spend(before, after)
	return took, p.err()
}

// err returns why publishing has ended, if it has.
func (p *publisher) err() error {
	select {
	case err := <-p.ended:
		p.ended <- err
		return err
	default:
		return nil
	}
}

// figures shows deliveries a second and latency while a phase is under way.
func (c *crowd) figures(stage string, phase int, done func() float64) (stop func()) {
	last, then := c.delivered(phase), time.Now()
	return c.show(stage, func() (float64, string) {
		got, now := c.delivered(phase), time.Now()
		rate := perSecond(got-last, max(now.Sub(then), time.Millisecond))
		last, then = got, now
		return done(), fmt.Sprintf("%.0f deliveries/s, p99 %.1f ms, max %.1f ms", rate,
			milliseconds(c.latency(phase).Quantile(0.99)), milliseconds(c.latency(phase).Max()))
	})
}

// tell fills in what a phase of n messages came to.
func (out *Report) tell(c *crowd, phase, n int, v Volume, took time.Duration) {
	l := c.losses(phase, n)
	out.Losses = &l
	out.Seconds, out.Size = seconds(took), v.Size
	out.Published, out.PublishRate = int64(n), perSecond(int64(n), took)
	out.DeliveryRate = perSecond(l.Delivered, took)
	out.Latency = c.latency(phase).Latency()
	out.Curves = append(out.Curves, Curve{Name: c.Transport, Histogram: c.latency(phase)})
}
