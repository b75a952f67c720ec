package gateway

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// logState is what all messages of one log share.
type logState struct {
	epoch   string
	born    time.Time    // the zero of arrived times
	encoded atomic.Int64 // bytes of the encodings of retained messages
	pinned  pins
}

// since returns the log's monotonic clock.
func (l *logState) since() time.Duration { return time.Since(l.born) }

// pins knows the followers that have written a part of a message. What they hold of messages that left the history
// counts against the budget, once per encoding.
//
// Its lock is taken when a socket fills up in the middle of a message and when a message leaves the history, never by
// a delivery that fits.
type pins struct {
	mu      sync.Mutex
	bytes   int64                  // of encodings that are pinned and gone; guarded by mu
	holders map[*Follower]heldPart // guarded by mu
}

// heldPart is what a follower has begun to write.
type heldPart struct {
	seq uint64
	enc *encoding
}

// hold pins e, of the message seq, for f, which holds nothing.
func (p *pins) hold(f *Follower, seq uint64, e *encoding) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.holders == nil {
		p.holders = make(map[*Follower]heldPart)
	}
	p.holders[f] = heldPart{seq, e}
	if e.pins++; e.pins == 1 && e.gone {
		p.bytes += int64(len(e.bytes))
	}
}

// release lets go what f holds.
func (p *pins) release(f *Follower) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if held, ok := p.holders[f]; ok {
		p.drop(f, held)
	}
}

// drop is release with mu held.
func (p *pins) drop(f *Follower, held heldPart) {
	delete(p.holders, f)
	if held.enc.pins--; held.enc.pins == 0 && held.enc.gone {
		p.bytes -= int64(len(held.enc.bytes))
	}
}

// leave says that the message of e has left the history.
func (p *pins) leave(e *encoding) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.gone = true
	if e.pins > 0 {
		p.bytes += int64(len(e.bytes))
	}
}

// size returns how many bytes are held of messages that left the history.
func (p *pins) size() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bytes
}

// takeOldest lets go the oldest message that is gone from the history and returns the followers that hold a part of it:
// they must be closed. It returns none if nothing is held that is gone.
func (p *pins) takeOldest() (found []*Follower) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bytes == 0 {
		return nil
	}
	oldest := uint64(math.MaxUint64)
	for f, held := range p.holders {
		if !held.enc.gone || held.seq > oldest {
			continue
		}
		if held.seq < oldest {
			oldest, found = held.seq, found[:0]
		}
		found = append(found, f)
	}
	for _, f := range found {
		p.drop(f, p.holders[f])
	}
	return found
}
