package gateway

import (
	"context"
	"errors"
	"sync"

	"tidings/gateway/journal"
)

// mostAtOnce bounds how many messages of a batch are appended under one lock: publishers and readers of others have their turn
// in between.
const mostAtOnce = 64

// PublishAll publishes the drafts in their order, each as [Gateway.Publish] would, and calls done with the outcome of each in the
// same order. One that is refused does not hold up the others. It fills in types; the data is the gateway's, the drafts are not.
//
// What needs nothing to be looked up, nearly everything, is appended in slices. Between those, others may publish.
func (g *Gateway) PublishAll(ctx context.Context, drafts []Draft, done func(i int, r Receipt, err error)) {
	log, atOnce := g.options.Journal.(journal.Batcher)
	room := slices64.Get().(*[mostAtOnce]journal.Record)
	defer slices64.Put(room)
	for at := 0; at < len(drafts); {
		n := 0
		for atOnce && n < len(room) && at+n < len(drafts) {
			d := &drafts[at+n]
			if d.IdempotencyKey != "" || d.IfLast != nil || d.IfEmpty || g.check(d) != nil {
				break
			}
			room[n] = d.record(journal.Message)
			n++
		}
		taken, err := 0, error(nil)
		if n > 0 {
			taken, err = g.appendSome(ctx, log, room[:n])
		}
		g.report(room[:taken], at, err, done)
		clear(room[:n]) // what is in the log must not be kept by what is not
		if taken == 0 {
			r, err := g.Publish(ctx, drafts[at])
			done(at, r, err)
			taken = 1
		}
		at += taken
	}
}

var slices64 = sync.Pool{New: func() any { return new([mostAtOnce]journal.Record) }}

// appendSome appends the first of the records, as many as need not wait, and returns how many those were.
func (g *Gateway) appendSome(ctx context.Context, log journal.Batcher, all []journal.Record) (n int, err error) {
	// Held until they are in the history: of many publishers of batches, all would be admitted by the same room.
	g.batching.Lock()
	defer g.batching.Unlock()
	if n = g.admits(all); n == 0 {
		return 0, nil
	}
	if err = log.AppendAll(ctx, all[:n]); errors.Is(err, journal.ErrClosed) {
		err = ErrClosed
	}
	return n, err
}

// report counts what was appended, or failed with err as a whole, and hands out the outcomes, the first of which is that of draft at.
func (g *Gateway) report(all []journal.Record, at int, err error, done func(int, Receipt, error)) {
	if err != nil {
		for i := range all {
			g.counts.refuse(err)
			done(at+i, Receipt{}, err)
		}
		return
	}
	g.counts.published.Add(uint64(len(all)))
	receipt := Receipt{Cursor: Cursor{Epoch: g.Epoch()}, Durability: g.options.Journal.Durability()}
	size := 0
	for i := range all {
		r := &all[i]
		size += len(r.Data)
		if r.Topic != receipt.Topic {
			receipt.Topic, receipt.Followers = r.Topic, g.interest.count(r.Topic)
		}
		receipt.Cursor.Seq, receipt.Prev = r.Seq, r.Prev
		done(at+i, receipt, nil)
	}
	g.counts.publishedBytes.Add(uint64(size))
}
