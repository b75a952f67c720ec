package program

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidings/gateway"
)

func contextEnded(t *testing.T) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx, cancel
}

// collector takes messages; answer may refuse them.
type collector struct {
	got    []string
	answer func(n int, d gateway.Draft) error
}

func (c *collector) Publish(_ context.Context, d gateway.Draft) (gateway.Receipt, error) {
	if err := c.answer(len(c.got), d); err != nil {
		return gateway.Receipt{}, err
	}
	c.got = append(c.got, d.Topic+":"+string(d.Data))
	return gateway.Receipt{}, nil
}

func TestFeed(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	log := &logged{}
	busy := true
	c := &collector{answer: func(n int, d gateway.Draft) error {
		switch {
		case n == 1 && busy: // tried again
			busy = false
			return gateway.ErrBusy
		case string(d.Data) == "refused": // passed over
			return gateway.ErrTooLarge
		case n == 3: // as often as there are lines
			cancel()
			return ctx.Err()
		}
		return nil
	}}
	r := shell(t, `cat; echo "$TIDINGS_TOPIC"; echo two; echo refused; head -c 200 /dev/zero; echo; echo four; while :; do echo more; done`, func(o *Options) {
		o.LineBytes, o.Logger = 100, log.logger()
	})
	if err := r.Feed(ctx, c, "a/b"); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"a/b:a/b", "a/b:two", "a/b:four"}, c.got); diff != "" {
		t.Errorf("want (-) and got (+):\n%s", diff)
	}
	if !strings.Contains(log.all(), "too long") || !strings.Contains(log.all(), "was not published") {
		t.Error(log.all())
	}
	noChildren(t)
	if got := r.Stats(); got.Running != 0 || got.Exits[ExitStopped] != 1 {
		t.Errorf("counted %+v", got)
	}
}

func TestFeedAgain(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := &collector{answer: func(n int, _ gateway.Draft) error {
		if n == 1 {
			cancel()
		}
		return nil
	}}
	r := shell(t, "echo once; exit 3")
	if err := r.Feed(ctx, c, "t"); err != nil {
		t.Error(err)
	}
	if got := r.Stats(); len(c.got) != 2 || got.Started != 2 || got.Exits["3"]+got.Exits[ExitStopped] != 2 {
		t.Errorf("published %q, counted %+v", c.got, got)
	}
}

func TestFeedInVain(t *testing.T) {
	c := &collector{answer: func(int, gateway.Draft) error { return gateway.ErrReserved }}
	if err := shell(t, "while :; do echo x; done").Feed(t.Context(), c, "$x"); !errors.Is(err, gateway.ErrReserved) {
		t.Errorf("ended with %v", err)
	}
	noChildren(t)
}
