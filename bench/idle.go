package bench

import (
	"context"
	"fmt"
	"time"
)

// Idle holds connections on which nothing happens. What one costs the server is counted after the first 5 %, which fill
// pools that no later one does.
type Idle struct {
	Options
	Connections int
	Hold        time.Duration // how long they are held before memory is read: what connecting cost is given back in it
}

// Run measures.
func (b Idle) Run(ctx context.Context) (*Report, error) {
	r, err := b.begin()
	if err != nil {
		return nil, err
	}
	if b.Connections < 1 || b.Hold < 0 {
		return nil, usage("there is nothing to hold")
	}
	c := newCrowd(ctx, r, b.Connections)
	defer c.close()
	stop := c.connecting(b.Connections)
	defer func() { stop() }()
	first := b.Connections / 20
	if err := c.grow(first); err != nil {
		return nil, err
	}
	before, err := r.look()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	if err := c.grow(b.Connections - first); err != nil {
		return nil, err
	}
	connecting := time.Since(start)
	stop()
	begun := time.Now()
	stop = r.show("holding", func() (float64, string) {
		return time.Since(begun).Seconds() / max(b.Hold.Seconds(), 1e-9), fmt.Sprintf("%d cut", c.cut.Load())
	})
	if err := sleep(ctx, b.Hold); err != nil {
		return nil, err
	}
	after, err := r.look()
	if err != nil {
		return nil, err
	}
	out := r.report("idle")
	out.Connections, out.Seconds = b.Connections, seconds(connecting+b.Hold)
	out.Losses = &Losses{Cut: c.cut.Load()}
	out.spend(before, after)
	count := int64(b.Connections - first)
	out.KernelPerConnection = per(float64(after.kernel-before.kernel), count)
	if out.Server != nil {
		out.Server.RSSPerConnection = per(float64(out.Server.RSSAfter-out.Server.RSSBefore), count)
		out.Server.CPUPerClient = per(out.Server.CPUSeconds*1e6, count)
	}
	return out, nil
}
