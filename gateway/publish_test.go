package gateway

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tidings/gateway/journal"
)

func TestMoreDurabilityThanThereIsIsRefused(t *testing.T) {
	g := newGateway(t, Options{})
	for _, d := range []journal.Durability{"tape", journal.OnDisk} {
		dr := draft("a", "x")
		dr.Durability = d
		if _, err := g.Publish(t.Context(), dr); !errors.Is(err, ErrDurability) {
			t.Errorf("%s: %v", d, err)
		}
	}
}

func TestCloseEndsTheWaitForTheWalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{Shards: 1, Default: Retention{Messages: 4}, AppendWait: time.Hour})
		still := &gate{newLinePeer(), make(chan struct{}), make(chan struct{})}
		start, _ := g.Start(follows(t, g, "now", "gate"))
		_, _ = g.Follow(FollowOptions{Start: start, Peer: still})
		publish(t, g, "gate", "x")
		<-still.in
		for range 4 {
			publish(t, g, "a", "x")
		}
		got := make(chan error)
		go func() {
			_, err := g.Publish(context.Background(), draft("a", "x"))
			got <- err
		}()
		synctest.Wait()
		go g.Close()
		synctest.Wait()
		begin := time.Now()
		err := <-got
		if !errors.Is(err, ErrClosed) || time.Since(begin) > 0 {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		still.out <- struct{}{}
	})
}
