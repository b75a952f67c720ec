package park

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// held is a poll whose handler's goroutine waits for the answer.
type held struct {
	w       http.ResponseWriter // used by Serve's goroutine
	control *http.ResponseController
	left    <-chan struct{} // closed when the client has left
	wake    chan struct{}   // closed when there is an answer, or none will come

	mu    sync.Mutex // guards the rest
	phase phase
	reply Reply
}

var _ Held = (*held)(nil)

func (c *held) Reply(r Reply) {
	r.Parts = slices.Clone(r.Parts)
	c.end(finishing, r)
}

func (c *held) Close() { c.end(closed, Reply{}) }

func (c *held) end(next phase, r Reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != open {
		return
	}
	c.phase, c.reply = next, r
	close(c.wake)
}

func (c *held) Serve(h Handler) {
	select {
	case <-c.wake:
	case <-c.left:
	}
	c.mu.Lock()
	was, answer := c.phase, c.reply
	if was == open {
		c.phase = closed
	}
	c.mu.Unlock()
	switch was {
	case open:
		h.Gone()
		return
	case finishing:
	default:
		panic(http.ErrAbortHandler)
	}
	_ = c.control.SetWriteDeadline(time.Now().Add(FinishTime)) // a recorder has none
	if err := reply(c.w, answer); err != nil {
		panic(http.ErrAbortHandler) // the connection cannot serve another request
	}
	_ = c.control.SetWriteDeadline(time.Time{})
}
