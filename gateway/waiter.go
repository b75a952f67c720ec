package gateway

import "time"

// Waiter is what a shard waits by while it has nothing to do. One that watches connections tells of their events in the meantime, on
// the shard's goroutine: then what a client asks and what it is answered never change hands.
type Waiter interface {
	// Wait returns after d, or earlier: when Wake was called, since the last Wait returned or meanwhile, and whenever it likes. With 0
	// it does what there is to do and returns. Only the shard calls it.
	Wait(d time.Duration)
	// Wake ends a Wait. It may come from any goroutine, at any time.
	Wake()
	// Left is the last call: the shard waits by something else now, or has ended.
	Left()
}

// Shards returns how many shards there are.
func (g *Gateway) Shards() int { return len(g.shards) }

// Host has the shard of a number, from 0, wait by w, until the function that it returns is called. It returns nil, and w is not
// used, if the shard has another host or has ended.
func (g *Gateway) Host(n int, w Waiter) (release func()) {
	s := g.shards[n]
	if !s.hosted.CompareAndSwap(false, true) {
		return nil
	}
	if !s.post(command{op: opHost, with: w}) {
		return nil
	}
	return func() { s.post(command{op: opHost}) } // who has ended has said so
}

// seat is where a shard waits.
type seat struct{ Waiter }

// sit has the shard wait by w from now on; nil stands for its own alarm.
func (s *shard) sit(w Waiter) {
	if w == nil {
		w = newAlarm()
	}
	old := s.seat.Swap(&seat{w})
	if old != nil {
		old.Left()
	}
}

// alarm is the Waiter of a shard that has no host.
type alarm struct {
	wake  chan struct{} // holds one
	timer *time.Timer
}

func newAlarm() *alarm { return &alarm{wake: make(chan struct{}, 1), timer: time.NewTimer(time.Hour)} }

func (a *alarm) Wait(d time.Duration) {
	if d == 0 {
		return
	}
	a.timer.Reset(d)
	select {
	case <-a.wake:
	case <-a.timer.C:
	}
}

func (a *alarm) Wake() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (a *alarm) Left() { a.timer.Stop() }
