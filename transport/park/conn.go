package park

import (
	"net"
	"sync"
	"time"
)

const (
	// FinishTime bounds how long what Finish took may need to be written: a client that takes nothing for so long has left,
	// and a stopping gateway cannot wait for it.
	FinishTime = 10 * time.Second
	// lingerTime bounds how long a finished connection waits for the client to close its side. Closing at once would answer
	// anything that is still under way with a reset, and a reset destroys what the client has not read yet: the end.
	lingerTime = 5 * time.Second
)

// outlet is how bytes leave a hijacked connection. Its calls come one at a time.
type outlet interface {
	// write is Conn.Write. When it took less than all, the conn's room is called later.
	write(parts [][]byte) (int, error)
	// finish has parts written behind everything that was taken before and calls done, at once or from another goroutine.
	finish(parts [][]byte, done func(error))
}

// inlet is how bytes arrive. One goroutine calls it.
type inlet interface {
	// read waits for bytes. They are the caller's until the next call of read or release.
	read() ([]byte, error)
	release()
}

// conn is a connection that was taken from its handler and is held by goroutines: what is wrapped, and everything where there
// is no epoll. See parked for the others.
type conn struct {
	net   net.Conn
	out   outlet
	in    inlet
	early []byte // arrived with the request; owned by the reading goroutine

	mu      sync.Mutex // guards phase, handler and owed
	phase   phase
	handler Handler // nil until Serve
	owed    bool    // there was room again before there was a handler to hear it

	resume chan struct{} // of size 1: read on

	events sync.Mutex // held during Ready and Gone, so that Gone is the last
	gone   bool       // guarded by events
}

var _ Conn = (*conn)(nil)

func newConn(nc net.Conn, early []byte) *conn {
	c := &conn{net: nc, early: early, resume: make(chan struct{}, 1)}
	c.out = &batched{net: nc, room: c.room}
	c.in = &buffered{net: nc}
	return c
}

func (c *conn) Write(parts [][]byte) (int, error) {
	if c.state() != open {
		return 0, ErrClosed
	}
	n, err := c.out.write(parts)
	if err != nil {
		c.fail()
	}
	return n, err
}

func (c *conn) Finish(parts [][]byte) {
	c.mu.Lock()
	was, reading := c.phase, c.handler != nil
	switch was {
	case open:
		c.phase = finishing
	case broken: // closed already; what is left to do is not to say Gone
		c.phase = closed
	case finishing, closed:
	}
	c.mu.Unlock()
	if was != open {
		return
	}
	c.Resume()
	c.out.finish(parts, func(err error) {
		half, ok := c.net.(interface{ CloseWrite() error })
		if err != nil || !ok || half.CloseWrite() != nil || c.net.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
			c.net.Close()
		}
		// The reading goroutine sees the client's end, the deadline or the close, and closes. Without one this is its turn.
		if !reading {
			go c.listen(nil)
		}
	})
}

func (c *conn) Close() {
	c.mu.Lock()
	c.phase = closed
	c.mu.Unlock()
	c.cut()
	c.Resume()
}

func (c *conn) Resume() {
	select {
	case c.resume <- struct{}{}:
	default:
	}
}

// cut closes without a goodbye: that of TLS could block.
func (c *conn) cut() {
	if wrapped, ok := c.net.(interface{ NetConn() net.Conn }); ok {
		wrapped.NetConn().Close()
		return
	}
	c.net.Close()
}

func (c *conn) Serve(h Handler) {
	c.mu.Lock()
	if c.phase == finishing || c.phase == closed {
		c.mu.Unlock()
		return
	}
	c.handler = h
	owed := c.owed
	c.mu.Unlock()
	if owed {
		c.room(nil)
	}
	go c.listen(h)
}

func (c *conn) state() phase {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.phase
}

// listen reads until the connection ends.
func (c *conn) listen(h Handler) {
	early := c.early
	c.early = nil
	c.hear(h, early)
	for {
		b, err := c.in.read()
		if err != nil {
			c.in.release()
			break
		}
		c.hear(h, b)
		c.in.release()
	}
	c.mu.Lock()
	was := c.phase
	c.phase = closed
	c.mu.Unlock()
	c.net.Close()
	if was == open || was == broken {
		c.events.Lock()
		defer c.events.Unlock()
		c.gone = true
		h.Gone()
	}
}

// hear passes bytes on, and waits while the handler wants no more. After Finish it drops them: they are read only so that the
// client's end is seen.
func (c *conn) hear(h Handler, b []byte) {
	if len(b) == 0 || c.state() != open {
		return
	}
	select {
	case <-c.resume: // of an earlier time
	default:
	}
	if !h.Data(b) {
		<-c.resume
	}
}

// room is called by the outlet, in a goroutine of its own, when there is room again or the connection broke.
func (c *conn) room(err error) {
	if err != nil {
		c.fail()
		return
	}
	c.mu.Lock()
	h, was := c.handler, c.phase
	c.owed = h == nil
	c.mu.Unlock()
	if h == nil || was != open {
		return
	}
	c.events.Lock()
	defer c.events.Unlock()
	if !c.gone {
		h.Ready()
	}
}

// fail closes a connection that cannot be written to. The reading goroutine sees it and tells.
func (c *conn) fail() {
	c.mu.Lock()
	was := c.phase
	if was == open {
		c.phase = broken
	}
	c.mu.Unlock()
	if was == open {
		c.cut()
		c.Resume()
	}
}
