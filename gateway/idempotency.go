package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

// idempotency remembers the receipts of publishes that had a key, for a while and up to a number of them.
type idempotency struct {
	most   int
	window time.Duration

	mu    sync.Mutex
	known map[digest]*pastPublish // those under way too; guarded by mu
	done  deque[*pastPublish]     // oldest first; guarded by mu
}

type digest [sha256.Size]byte

// pastPublish is a publish that is under way or done.
type pastPublish struct {
	key     digest
	body    digest
	done    chan struct{} // closed when receipt and err hold
	expires time.Time     // once it is done; guarded by idempotency.mu
	receipt Receipt
	err     error
}

// keyDigest names a key within its scope and topic; bodyDigest everything that a repeated publish must have in common.
func keyDigest(d *Draft) digest { return hashOf(d.Scope, d.Topic, d.IdempotencyKey) }

func bodyDigest(d *Draft) digest {
	return hashOf(d.Type, d.Event, d.Key, d.TTL.String(), string(d.Data))
}

func hashOf(parts ...string) (out digest) {
	h := sha256.New()
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	h.Sum(out[:0])
	return out
}

// do calls publish unless the draft's key is known: then it returns the first receipt, waiting for it if need be. A
// publish that fails is not remembered.
func (i *idempotency) do(ctx context.Context, d *Draft, publish func() (Receipt, error)) (Receipt, error) {
	key, body := keyDigest(d), bodyDigest(d)
	for {
		mine, first := i.enter(key, body)
		if first {
			mine.receipt, mine.err = publish()
			i.leave(mine)
			close(mine.done)
			return mine.receipt, mine.err
		}
		if mine.body != body {
			return Receipt{}, ErrIdempotency
		}
		select {
		case <-mine.done:
		case <-ctx.Done():
			return Receipt{}, ctx.Err()
		}
		if mine.err == nil {
			r := mine.receipt
			r.Duplicate = true
			return r, nil
		}
		// The first one failed and stored nothing: it is this one's turn.
	}
}

// enter returns the publish that is known by the key, or a new one.
func (i *idempotency) enter(key, body digest) (p *pastPublish, first bool) {
	now := time.Now()
	i.mu.Lock()
	defer i.mu.Unlock()
	for i.done.len() > 0 && !now.Before((*i.done.at(0)).expires) {
		delete(i.known, i.done.pop().key)
	}
	if p, ok := i.known[key]; ok {
		return p, false
	}
	p = &pastPublish{key: key, body: body, done: make(chan struct{})}
	i.known[key] = p
	return p, true
}

// leave remembers a publish that is done, or forgets it if it failed.
func (i *idempotency) leave(p *pastPublish) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if p.err != nil {
		delete(i.known, p.key)
		return
	}
	if i.done.len() >= i.most {
		delete(i.known, i.done.pop().key)
	}
	p.expires = time.Now().Add(i.window)
	i.done.push(p)
}
