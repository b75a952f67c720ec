package memory

import (
	"context"
	"sync"
	"time"

	"tidings/gateway/journal"
)

// Journal keeps nothing but the last seq: its sink holds what is retained.
type Journal struct {
	epoch string

	mu     sync.Mutex // makes the order: held over numbering a record and handing it to the sink
	sink   journal.Sink
	seq    uint64
	time   int64
	closed bool
}

var _ journal.Batcher = (*Journal)(nil)

// New returns an empty log with a new epoch.
func New() *Journal { return &Journal{epoch: journal.NewEpoch()} }

// Epoch implements [journal.Journal].
func (j *Journal) Epoch() string { return j.epoch }

// Durability implements [journal.Journal]: an acknowledged record is in this process's memory.
func (j *Journal) Durability() journal.Durability { return journal.InMemory }

// Tail implements [journal.Journal]. The sink sees a record before the Append of it returns.
func (j *Journal) Tail(sink journal.Sink) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.sink = sink
	return nil
}

// Append implements [journal.Journal].
func (j *Journal) Append(_ context.Context, r *journal.Record, c journal.Condition) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return journal.ErrClosed
	}
	if c.Last != nil || c.Empty {
		last, retained := j.sink.State(r.Topic)
		if c.Empty && retained > 0 || c.Last != nil && *c.Last != last {
			return journal.ErrCondition
		}
	}
	j.tick()
	j.number(r)
	j.sink.Apply(r)
	return nil
}

// AppendAll implements [journal.Batcher].
func (j *Journal) AppendAll(_ context.Context, all []journal.Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return journal.ErrClosed
	}
	j.tick()
	for i := range all {
		j.number(&all[i])
	}
	if sink, ok := j.sink.(journal.BatchSink); ok {
		sink.ApplyAll(all)
		return nil
	}
	for i := range all {
		j.sink.Apply(&all[i])
	}
	return nil
}

// tick brings the log's time on: the wall clock may step back, it never does. j.mu is held.
func (j *Journal) tick() { j.time = max(j.time, time.Now().UnixMilli()) }

// number gives the record its place. j.mu is held.
func (j *Journal) number(r *journal.Record) {
	j.seq++
	r.Seq, r.Time = j.seq, j.time
}

// Close implements [journal.Journal].
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	return nil
}
