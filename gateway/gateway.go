package gateway

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Gateway holds the history of a journal and fans it out. Its methods may be called from several goroutines.
type Gateway struct {
	options  Options
	history  *history
	shards   []*shard
	interest interest
	past     idempotency
	progress progress
	counts   counts
	batching sync.Mutex // held while a part of a batch is admitted and appended

	nextShard atomic.Uint64
	stop      chan struct{} // closed by Close
	closing   sync.Once
	running   sync.WaitGroup
}

// New starts a gateway over o.Journal, which it owns from then on.
func New(o Options) (*Gateway, error) {
	if o.Journal == nil {
		return nil, errors.New("gateway: no journal")
	}
	o = o.withDefaults()
	g := &Gateway{options: o, history: newHistory(o, o.Journal.Epoch()), stop: make(chan struct{})}
	g.interest.exact = make(map[string]*interested)
	g.counts.answered = make([]answerCounts, o.Classes)
	g.past = idempotency{most: o.IdempotencyKeys, window: o.IdempotencyWindow, known: make(map[digest]*pastPublish)}
	g.history.followed = g.interest.named
	g.history.shed = func(f *Follower) { f.Close(ReasonSlow) }
	for range o.Shards {
		g.shards = append(g.shards, newShard(g))
	}
	g.history.rouse = func() {
		head := g.history.head.Load()
		for _, s := range g.shards {
			s.hear(head)
		}
	}
	if err := o.Journal.Tail(g.history); err != nil {
		return nil, err
	}
	for _, s := range g.shards {
		g.running.Go(s.run)
	}
	g.running.Go(g.expireLoop)
	return g, nil
}

// Epoch identifies the gateway's log.
func (g *Gateway) Epoch() string { return g.history.log.epoch }

// TopicInfo describes a topic.
type TopicInfo struct {
	Cursor    Cursor // of the newest message or marker; its Seq is 0 if there is none
	Messages  int    // retained
	Bytes     int64  // of payload, retained
	Followers int    // a follower that follows it by two patterns counts twice
}

// Topic describes a topic. It fails as [CheckTopic] does.
func (g *Gateway) Topic(name string) (TopicInfo, error) {
	if err := CheckTopic(name); err != nil {
		return TopicInfo{}, err
	}
	out := TopicInfo{Cursor: Cursor{Epoch: g.Epoch()}, Followers: g.interest.count(name)}
	g.history.mu.RLock()
	defer g.history.mu.RUnlock()
	if t := g.history.topics[name]; t != nil {
		out.Cursor.Seq, out.Messages, out.Bytes = t.last, t.ring.len(), t.bytes
	}
	return out, nil
}

// expireLoop lets go what is past its time.
func (g *Gateway) expireLoop() {
	const often, seldom = 100 * time.Millisecond, time.Second
	timer := time.NewTimer(seldom)
	defer timer.Stop()
	for {
		select {
		case <-g.stop:
			return
		case <-timer.C:
		}
		now := time.Now()
		wait := seldom // a message that comes meanwhile may expire sooner than all that are known now
		if next := g.history.expire(now.UnixMilli()); next != 0 {
			wait = max(often, min(seldom, time.UnixMilli(next).Sub(now)))
		}
		timer.Reset(wait)
	}
}

// Drain ends all followers with [ReasonDraining], and those that come later too. It waits until their peers were told, or
// for ctx. Publishing goes on.
func (g *Gateway) Drain(ctx context.Context) error {
	var told sync.WaitGroup
	for _, s := range g.shards {
		told.Add(1)
		if !s.post(command{op: opDrain, with: told.Done}) {
			told.Done()
		}
	}
	done := make(chan struct{})
	go func() {
		told.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends everything at once, and waits for the gateway's goroutines. Publishes fail with [ErrClosed].
func (g *Gateway) Close() error {
	var err error
	g.closing.Do(func() {
		err = g.options.Journal.Close()
		close(g.stop)
		for _, s := range g.shards {
			s.inboxMu.Lock()
			s.closed = true
			s.inboxMu.Unlock()
			s.shake()
		}
		g.running.Wait()
	})
	return err
}
