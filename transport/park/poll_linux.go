package park

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// poll is a connection while a request waits on it for its answer. Once that is there, the connection is the loop's again.
type poll socket

var _ Held = (*poll)(nil)

// hold makes a connection that was taken from net/http wait for its answer.
func (ls *Loops) hold(nc net.Conn, early []byte, fields []Field, more bool) Held {
	c, ok := leave(nc, early, ls)
	if !ok {
		_ = nc.Close() // as if the client had left: there are no descriptors or memory
		return new(lost)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == open {
		c.phase = waiting
		c.set(deaf)
		if more && ls.asker != nil {
			c.set(keep)
		}
		if len(fields) > 0 {
			c.more().fields = fields
		}
	}
	return &lent{poll: (*poll)(c)}
}

// lost is a poll whose client is as good as gone.
type lost struct{ over atomic.Bool }

// Reply implements [Held].
func (l *lost) Reply(Reply) { l.over.Store(true) }

// Close implements [Held].
func (l *lost) Close() { l.over.Store(true) }

// Serve implements [Held].
func (l *lost) Serve(h Handler) {
	if !l.over.Load() {
		h.Gone()
	}
}

// lent is a poll that net/http has read. Its handler's goroutine may come to Serve when the answer is long out, and the connection has
// become that of another request.
type lent struct {
	poll *poll
	mu   sync.Mutex // guards over
	over bool       // the connection is not this poll's any more
}

// end notes that Serve comes too late.
func (h *lent) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.over = true
}

// Reply implements [Held].
func (h *lent) Reply(r Reply) {
	h.end()
	h.poll.Reply(r)
}

// Close implements [Held].
func (h *lent) Close() {
	h.end()
	h.poll.Close()
}

// Serve implements [Held].
func (h *lent) Serve(to Handler) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.over {
		h.poll.Serve(to)
	}
}

// Serve implements [Held].
func (p *poll) Serve(h Handler) { (*socket)(p).Serve(h) }

// Close implements [Held].
func (p *poll) Close() {
	c := (*socket)(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == waiting {
		c.handler = nil
		c.shut()
	}
}

// Reply implements [Held].
func (p *poll) Reply(r Reply) { (*socket)(p).reply(r) }

// reply is [Held]'s Reply.
func (c *socket) reply(r Reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != waiting {
		return
	}
	c.handler = nil
	if c.watcher().home.draining.Load() {
		c.clear(keep)
	}
	var own []Field
	if c.rare != nil {
		own, c.rare.fields = c.rare.fields, nil
		c.settle()
	}
	c.phase = answering
	if own == nil && c.is(keep) {
		if b := r.whole(); b != nil {
			n, short, err := sendOne(int(c.fd), b)
			var left [][]byte
			if short {
				left = [][]byte{b}
			}
			c.replied(left, n, short, err)
			return
		}
	}
	room := heads.Get().(*[]byte)
	shared, head := r.head((*room)[:0], own, !c.is(keep))
	var list [8][]byte
	parts := append(append(list[:0], shared, head), r.Parts...)
	n, short, err := send(int(c.fd), parts)
	var left [][]byte
	if short { // the room is lent, and so is what lists the parts
		left = append([][]byte{shared, bytes.Clone(head)}, r.Parts...)
	}
	c.replied(left, n, short, err)
	*room = head
	heads.Put(room)
}

// slowest is how many bytes of an answer a client has to take in a second, on average.
const slowest = 4 << 10

// replied goes on when so much of parts is written. mu is held.
func (c *socket) replied(parts [][]byte, n int, short bool, err error) {
	switch {
	case err != nil:
		c.shut()
	case short:
		left := behind(parts, n)
		c.more().last = left
		c.expire(FinishTime + time.Duration(size(left)/slowest)*time.Second)
	default:
		c.written()
	}
}

// heads lend the room for what is one reply's own in its head.
var heads = sync.Pool{New: func() any { return new([]byte) }}

// ask awaits the next request. mu is held.
func (c *socket) ask() {
	c.phase = asking
	c.handler = nil
	c.clear(deaf)
	c.expire(idleTime)
	if c.is(again) || c.rare != nil && c.rare.early != nil {
		c.readSoon()
	}
}
