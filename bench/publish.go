package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Publish publishes over keep-alive connections while nobody follows.
type Publish struct {
	Options
	Connections int
	Rate        float64 // messages a second over all connections; 0 is as fast as the answers come
	Batch       int     // messages of one request, as NDJSON; up to 1: one each
	Size        int
	For         time.Duration
}

func (b Publish) check(r *run) error {
	switch {
	case b.Connections < 1:
		return usage("nobody publishes")
	case b.Rate < 0 || b.Rate > 1e7:
		return usage("a rate of %g messages a second cannot be", b.Rate)
	case b.Batch < 0 || b.Batch > inFlight:
		return usage("batches have 1 to %d messages", inFlight)
	case b.For <= 0:
		return usage("nothing can be measured in %v", b.For)
	case b.Batch > 1 && b.Plain:
		return usage("batches are a gateway's")
	}
	return firstOf(checkSize(b.Size), r.needPublisher())
}

// Run measures. At a rate, latency counts from when a message was due; as fast as possible, nothing is due before the last
// answer, and it counts from sending.
func (b Publish) Run(ctx context.Context) (*Report, error) {
	if b.Plain && b.PublishURL == "" {
		b.PublishURL = b.URL
	}
	r, err := b.begin()
	if err != nil {
		return nil, err
	}
	if err := b.check(r); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		latency   = new(Histogram)
		published atomic.Int64
		senders   []*sender
		batch     = max(1, b.Batch)
	)
	defer func() {
		for _, s := range senders {
			s.conn.Close()
		}
	}()
	for range b.Connections {
		s, err := newSender(ctx, r, b.Size, batch)
		if err != nil {
			return nil, fmt.Errorf("after %d connections: %w", len(senders), err)
		}
		senders = append(senders, s)
		if err := s.send(0, time.Now()); err != nil { // the first warms pools up
			return nil, fmt.Errorf("publishing: %w", err)
		}
	}
	before, err := r.look()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	last, then := int64(0), start
	stop := r.show("publishing", func() (float64, string) {
		n, now := published.Load(), time.Now()
		rate := perSecond(n-last, max(now.Sub(then), time.Millisecond))
		last, then = n, now
		return time.Since(start).Seconds() / b.For.Seconds(),
			fmt.Sprintf("%.0f publishes/s, p99 %.2f ms", rate, milliseconds(latency.Quantile(0.99)))
	})
	errs := make(chan error, len(senders))
	var sending sync.WaitGroup
	for i, s := range senders {
		sending.Go(func() {
			cut := context.AfterFunc(ctx, func() { s.conn.Close() })
			defer cut()
			if err := b.keep(ctx, s, schedule{start: start, rate: b.Rate / float64(batch)}, i, latency, &published); err != nil {
				errs <- err
				cancel() // one that fails ends them all
			}
		})
	}
	sending.Wait()
	stop()
	took := time.Since(start)
	select {
	case err := <-errs:
		if errors.Is(err, net.ErrClosed) {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("publishing, after %d: %w", published.Load(), err)
	default:
	}
	after, err := r.look()
	if err != nil {
		return nil, err
	}
	out := r.report("publish")
	out.Transport = ""
	out.Connections, out.Seconds, out.Size = b.Connections, seconds(took), b.Size
	out.Published, out.PublishRate = published.Load(), perSecond(published.Load(), took)
	out.Latency = latency.Latency()
	out.Curves = []Curve{{Name: "publish", Histogram: latency}}
	if out.spend(before, after); out.Server != nil {
		out.Server.CPUPerPublish = per(out.Server.CPUSeconds*1e6, out.Published)
	}
	return out, nil
}

// keep publishes over one connection: the i-th of all takes every request whose number leaves i.
func (b Publish) keep(ctx context.Context, s *sender, due schedule, i int, latency *Histogram, published *atomic.Int64) error {
	batch := len(s.stamps)
	end := due.start.Add(b.For)
	for n := i; ; n += b.Connections {
		at := time.Now()
		if b.Rate > 0 {
			if at = due.due(n); at.Before(end) {
				if err := sleep(ctx, time.Until(at)); err != nil {
					return err
				}
			}
		}
		if !at.Before(end) {
			return nil
		}
		if err := s.send(n*batch, at); err != nil {
			return err
		}
		latency.Add(time.Since(at))
		published.Add(int64(batch))
	}
}
