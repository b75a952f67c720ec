package program

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"tidings/gateway"
)

// Publisher takes messages. A [gateway.Gateway] is one.
type Publisher interface {
	Publish(ctx context.Context, d gateway.Draft) (gateway.Receipt, error)
}

var _ Publisher = (*gateway.Gateway)(nil)

// How long a program that has ended is let be before it is started again: it grows while programs live shorter than settled.
const (
	leastRest = time.Second
	mostRest  = 30 * time.Second
	settled   = time.Minute
)

// Feed runs the program, which has no input, and publishes each line of its output to a topic. Whenever the program ends it is started again, after a
// while. Feed returns when ctx has ended and the program is gone, or when the topic can never be published to.
func (r *Runner) Feed(ctx context.Context, to Publisher, topic string) error {
	rest := leastRest
	for {
		begun := time.Now()
		if err := r.feedOnce(ctx, to, topic); err != nil {
			return err
		}
		if time.Since(begun) >= settled {
			rest = leastRest
		}
		pause := time.Duration(float64(rest) * (0.75 + rand.Float64()/2)) //nolint:gosec // nobody gains by guessing it
		rest = min(2*rest, mostRest)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		r.options.Logger.Info("the program of a topic is started again", "topic", topic, "after", pause.Round(time.Millisecond))
	}
}

// feedOnce runs the program to its end. That it cannot be started is no error: that may pass.
func (r *Runner) feedOnce(ctx context.Context, to Publisher, topic string) error {
	if ctx.Err() != nil {
		return nil
	}
	log := r.options.Logger.With("topic", topic)
	proc, err := r.launch(r.file, append(r.baseEnv(), "TIDINGS_TOPIC="+topic), log)
	if err != nil {
		return nil
	}
	proc.stdin.Close()
	r.counts.running.Add(1)
	defer r.counts.running.Add(-1)
	refused := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer proc.stdout.Close()
		if err := r.publishLines(ctx, proc.stdout, to, topic); err != nil {
			refused <- err
			_, _ = io.Copy(io.Discard, proc.stdout)
		}
	}()
	stopped := true
	select {
	case <-proc.exited:
		stopped = false
	case <-ctx.Done():
	case err = <-refused:
	}
	_ = r.await(proc, stopped) // how it has ended is in the log; it is started again however that was
	<-done
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// publishLines publishes each line. It fails only where no line can be published.
func (r *Runner) publishLines(ctx context.Context, from io.Reader, to Publisher, topic string) error {
	long := false
	return eachLine(from, r.options.LineBytes+1, func(line []byte, more bool) error {
		if long = long || more || len(line) > r.options.LineBytes; long {
			if !more {
				long = false
				r.options.Logger.Warn("a line is too long to be published", "topic", topic, "most", r.options.LineBytes)
			}
			return nil
		}
		draft := gateway.Draft{Topic: topic, Data: bytes.Clone(line)}
		for {
			_, err := to.Publish(ctx, draft)
			switch {
			case err == nil:
				return nil
			case errors.Is(err, gateway.ErrTopic), errors.Is(err, gateway.ErrReserved), errors.Is(err, gateway.ErrClosed), ctx.Err() != nil:
				return err
			case !errors.Is(err, gateway.ErrBusy):
				r.options.Logger.Warn("a line was not published", "topic", topic, "cause", err)
				return nil
			}
		}
	})
}
