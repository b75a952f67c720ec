package park

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// held is a poll whose handler's goroutine waits for the answer.
type held struct {
	w       http.ResponseWriter // used by Serve's goroutine
	control *http.ResponseController
	left    <-chan struct{} // closed when the client has left
	wake    chan struct{}   // closed when there is an answer, or none will come

	mu     sync.Mutex // guards the rest
	phase  phase
	fields http.Header
	parts  [][]byte
}

var _ Held = (*held)(nil)

// Write is not for a poll: its answer is one whole.
func (c *held) Write([][]byte) (int, error) { return 0, errors.ErrUnsupported }

func (c *held) Finish(parts [][]byte) { c.Answer(nil, parts) }

func (c *held) Answer(fields http.Header, parts [][]byte) {
	c.end(finishing, fields, slices.Clone(parts))
}

func (c *held) Close() { c.end(closed, nil, nil) }

func (c *held) end(next phase, fields http.Header, parts [][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != open {
		return
	}
	c.phase, c.fields, c.parts = next, fields, parts
	close(c.wake)
}

func (c *held) Serve(h Handler) {
	select {
	case <-c.wake:
	case <-c.left:
	}
	c.mu.Lock()
	was, fields, parts := c.phase, c.fields, c.parts
	if was == open {
		c.phase = closed
	}
	c.mu.Unlock()
	switch was {
	case open:
		h.Gone()
		return
	case closed, broken:
		panic(http.ErrAbortHandler)
	case finishing:
	}
	put(c.w.Header(), fields)
	c.w.Header().Set("Content-Length", strconv.Itoa(size(parts)))
	_ = c.control.SetWriteDeadline(time.Now().Add(FinishTime)) // a recorder has none
	c.w.WriteHeader(http.StatusOK)
	for _, p := range parts {
		if _, err := c.w.Write(p); err != nil {
			panic(http.ErrAbortHandler) // the connection cannot serve another request
		}
	}
	_ = c.control.SetWriteDeadline(time.Time{})
}
