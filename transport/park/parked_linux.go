package park

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// parked is a TCP or Unix connection of which nothing is left but its descriptor. While it is idle it has no goroutine
// and no buffer: a loop watches it, and a goroutine reads only as long as there is something to be read.
type parked struct {
	loop *loop // nil until it is watched
	fd   int
	slot int32

	// mu is held over every use of fd but reading, so that it is never used after it was closed: a reader closes it itself.
	mu      sync.Mutex
	phase   phase   // guarded by mu, as all that follows
	reading bool    // a goroutine reads
	again   bool    // there was an event since it began to
	full    bool    // a write took less than all: Ready is owed
	handler Handler // nil until Serve
	early   []byte  // arrived with the request
	last    [][]byte
	timer   *time.Timer // bounds the last writes, and then the wait for the client's close
}

var _ Conn = (*parked)(nil)

// leave takes the descriptor out of nc. ok is false if that has none that a loop could watch: only these very types are
// taken, something that wraps one has its reasons to see the bytes.
func leave(nc net.Conn, early []byte) (c Conn, ok bool) {
	var raw syscall.RawConn
	var err error
	switch nc := nc.(type) {
	case *net.TCPConn:
		if raw, err = nc.SyscallConn(); err == nil {
			tune(raw)
		}
	case *net.UnixConn:
		raw, err = nc.SyscallConn()
	}
	if raw == nil || err != nil {
		return nil, false
	}
	fd := -1
	if err := raw.Control(func(own uintptr) {
		fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0)
	}); err != nil || fd < 0 {
		return nil, false
	}
	_ = nc.Close() // the duplicate keeps the connection
	return &parked{fd: fd, early: early}, true
}

func (c *parked) Write(parts [][]byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != open {
		return 0, ErrClosed
	}
	if c.full {
		return 0, nil
	}
	n, full, err := writev(c.fd, parts)
	c.full = full
	if err != nil {
		c.breakOff()
	}
	return n, err
}

// breakOff ends a connection that cannot be written to. Its reader sees it and tells. mu is held.
func (c *parked) breakOff() {
	c.phase = broken
	_ = unix.Shutdown(c.fd, unix.SHUT_RDWR) // of a connection that is reset already there is nothing to shut
	if c.handler != nil {
		c.read()
	}
}

func (c *parked) Finish(parts [][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.phase {
	case broken: // what is left to do is not to say Gone
		c.phase = closed
		c.closeIdle()
		return
	case finishing, closed:
		return
	case open:
	}
	c.phase = finishing
	c.last = behind(parts, 0)
	if c.loop == nil {
		if err := watch(c); err != nil {
			c.shut()
			return
		}
	}
	c.timer = time.AfterFunc(FinishTime, c.Close)
	c.flush()
}

// flush writes what Finish took, as far as there is room. mu is held.
func (c *parked) flush() {
	if c.last == nil {
		return
	}
	n, full, err := writev(c.fd, c.last)
	switch {
	case err != nil:
		c.shut()
		return
	case full:
		c.last = behind(c.last, n)
		return
	}
	c.last = nil
	if unix.Shutdown(c.fd, unix.SHUT_WR) != nil {
		c.shut()
		return
	}
	// What is still under way to us must not be answered with a reset: it would destroy the end of what we have said.
	c.timer.Reset(lingerTime)
	c.read()
}

func (c *parked) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shut()
}

// shut closes at once. mu is held.
func (c *parked) shut() {
	if c.phase == closed && !c.reading {
		return
	}
	c.phase = closed
	c.closeIdle()
}

// closeIdle closes the descriptor, or has the goroutine that reads from it do so. mu is held.
func (c *parked) closeIdle() {
	switch {
	case c.fd < 0:
	case c.reading:
		_ = unix.Shutdown(c.fd, unix.SHUT_RDWR) // ends its read
	default:
		c.closeFD()
	}
}

// closeFD closes the descriptor. mu is held.
func (c *parked) closeFD() {
	_ = unix.Close(c.fd) // takes it out of the epoll set too
	c.fd = -1
	if c.timer != nil {
		c.timer.Stop()
	}
	if c.loop != nil {
		c.loop.drop(c.slot)
	}
	c.last = nil
}

func (c *parked) Serve(h Handler) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == finishing || c.phase == closed {
		return
	}
	c.handler = h
	if c.phase == open {
		if err := watch(c); err != nil { // no descriptors or memory left: as if the client had left
			c.breakOff()
			return
		}
	}
	if len(c.early) > 0 || c.phase == broken {
		c.read()
	}
}

// event is called by the loop.
func (c *parked) event(what uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return
	}
	if what&unix.EPOLLOUT != 0 {
		switch {
		case c.phase == finishing:
			c.flush()
		case c.phase == open && c.full && c.handler != nil:
			c.full = false
			c.handler.Ready()
		}
	}
	if what&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 && c.fd >= 0 {
		c.read()
	}
}

// read has a goroutine read what there is. mu is held.
func (c *parked) read() {
	if c.reading {
		c.again = true
		return
	}
	c.reading = true
	go c.listen()
}

// listen reads until there is nothing more for now, or the connection ends.
func (c *parked) listen() {
	c.mu.Lock()
	fd, early := c.fd, c.early
	c.early = nil
	c.mu.Unlock()
	err := c.hear(early)
	if err == nil {
		buf, _ := buffers.Get().(*[16 << 10]byte)
		for err == nil {
			var n int
			if n, err = unix.Read(fd, buf[:]); n > 0 {
				err = c.hear(buf[:n])
				continue
			}
			switch {
			case err == nil:
				err = io.EOF
			case errors.Is(err, unix.EINTR):
				err = nil
			case errors.Is(err, unix.EAGAIN):
				if c.pause() {
					buffers.Put(buf)
					return
				}
				err = nil
			}
		}
		buffers.Put(buf)
	}
	c.end()
}

// pause ends the goroutine's reading, unless there is something to read again.
func (c *parked) pause() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.again {
		c.again = false
		return false
	}
	if c.phase == closed {
		return false // the shut-down that was to end the read is noticed by the next one
	}
	c.reading = false
	return true
}

// hear passes bytes on. After Finish it drops them: they are read only so that the client's end is seen.
func (c *parked) hear(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	c.mu.Lock()
	h, heard := c.handler, c.phase == open
	c.mu.Unlock()
	if !heard || h == nil {
		return nil
	}
	return h.Data(b)
}

// end closes the connection, and tells who does not know it yet.
func (c *parked) end() {
	c.mu.Lock()
	was := c.phase
	c.phase = closed
	c.reading = false
	c.closeFD()
	h := c.handler
	c.mu.Unlock()
	if (was == open || was == broken) && h != nil {
		h.Gone()
	}
}
