package park

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// response is a connection that stays with its handler, whose goroutine writes what the shard leaves here. One batch at
// a time is in flight.
type response struct {
	w       http.ResponseWriter // used by Serve's goroutine
	control *http.ResponseController
	left    <-chan struct{} // closed when the client has left
	wake    chan struct{}   // of size 1: look at the fields below again

	mu    sync.Mutex // guards the rest
	phase phase
	batch [][]byte // to be written
	busy  bool     // batch is taken and not written yet
	short bool     // a Write was refused meanwhile
	last  [][]byte // what Finish took
	over  bool     // Serve has ended: control must not be used
}

var _ Conn = (*response)(nil)

func (c *response) Write(parts [][]byte) (int, error) {
	n := size(parts)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != open {
		return 0, ErrClosed
	}
	if n == 0 {
		return 0, nil
	}
	if c.busy {
		c.short = true
		return 0, nil
	}
	c.busy, c.batch = true, slices.Clone(parts)
	c.rouse()
	return n, nil
}

func (c *response) Finish(parts [][]byte) {
	c.end(finishing, slices.Clone(parts), time.Now().Add(FinishTime))
}

func (c *response) Close() { c.end(closed, nil, time.Now()) }

// end leaves a last word to Serve, which may be writing: the deadline holds for that too.
func (c *response) end(next phase, last [][]byte, deadline time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == closed || c.phase == next {
		return
	}
	c.phase, c.last = next, last
	if !c.over {
		_ = c.control.SetWriteDeadline(deadline) // a recorder has none
	}
	c.rouse()
}

// rouse is called with mu held.
func (c *response) rouse() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *response) Serve(h Handler) {
	c.w.WriteHeader(http.StatusOK)
	_ = c.control.Flush() // a failed one shows in the write that follows
	for {
		select {
		case <-c.left:
			c.leave(h)
			return
		case <-c.wake:
		}
		c.mu.Lock()
		phase, batch, last := c.phase, c.batch, c.last
		c.batch = nil
		c.mu.Unlock()
		switch phase {
		case closed, broken:
			c.stop()
			panic(http.ErrAbortHandler)
		case finishing:
			_ = c.send(slices.Concat(batch, last)) // there is nobody left to tell
			c.stop()
			return
		case open:
		}
		if batch == nil {
			continue
		}
		if err := c.send(batch); err != nil {
			c.leave(h)
			return
		}
		c.mu.Lock()
		short := c.short
		c.busy, c.short = false, false
		c.mu.Unlock()
		if short {
			h.Ready()
		}
	}
}

// Resume implements [Conn]: nothing is read here.
func (c *response) Resume() {}

func (c *response) send(parts [][]byte) error {
	for _, p := range parts {
		if _, err := c.w.Write(p); err != nil {
			return err
		}
	}
	return c.control.Flush()
}

// leave ends Serve after the client, unless the gateway ended it first.
func (c *response) leave(h Handler) {
	if c.stop() == open {
		h.Gone()
	}
}

// stop ends the use of the handler's ResponseWriter.
func (c *response) stop() phase {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.phase
	c.phase, c.over, c.batch, c.last = closed, true, nil, nil
	_ = c.control.SetWriteDeadline(time.Time{}) // the connection may serve another request
	return was
}
