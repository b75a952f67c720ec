package gateway

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// progress lets publishers wait for the shards. Nobody waiting costs a shard one atomic load.
type progress struct {
	waiting atomic.Int32
	mu      sync.Mutex
	moved   chan struct{} // closed at the next signal; guarded by mu
}

func (p *progress) signal() {
	if p.waiting.Load() == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.moved != nil {
		close(p.moved)
		p.moved = nil
	}
}

func (p *progress) next() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.moved == nil {
		p.moved = make(chan struct{})
	}
	return p.moved
}

// awaitWalk holds a publish back while a shard has not walked the oldest half of what retention would drop for it: then
// no message leaves the history before every follower that keeps up was marked for it. Sockets that are full never
// hold a publisher back.
func (g *Gateway) awaitWalk(ctx context.Context, topic string, size int) error {
	if g.walked(g.history.head.Load()) {
		return nil // and there is nothing to look up
	}
	need := g.history.mustBeWalked(topic, int64(size))
	if g.walked(need) {
		return nil
	}
	g.progress.waiting.Add(1)
	defer g.progress.waiting.Add(-1)
	for _, s := range g.shards {
		s.shake()
	}
	over := time.NewTimer(g.options.AppendWait)
	defer over.Stop()
	for {
		moved := g.progress.next()
		if g.walked(need) {
			return nil
		}
		select {
		case <-moved:
		case <-over.C:
			return ErrBusy
		case <-g.stop:
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// walked reports whether all shards have walked up to seq.
func (g *Gateway) walked(seq uint64) bool { return g.slowest() >= seq }

// slowest returns up to where all shards have walked.
func (g *Gateway) slowest() uint64 {
	walked := uint64(math.MaxUint64)
	for _, s := range g.shards {
		walked = min(walked, s.walked.Load())
	}
	return walked
}

// mustBeWalked returns the seq up to which all shards must have walked before another message of the topic with
// size bytes of payload is appended.
func (h *history) mustBeWalked(topic string, size int64) (seq uint64) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	// A topic that keeps its newest message only means to skip.
	if t := h.topics[topic]; t != nil && t.keep.Messages > 1 && t.ring.len() > 0 &&
		(t.ring.len() >= t.keep.Messages || t.bytes+size > t.keep.Bytes) {
		seq = (*t.ring.at((t.ring.len() - 1) / 2)).Seq
	}
	if h.used()+size+messageOverhead > h.limit && h.tail.slots.len() > 0 {
		seq = max(seq, h.tail.slots.at((h.tail.slots.len()-1)/2).seq)
	}
	return seq
}
