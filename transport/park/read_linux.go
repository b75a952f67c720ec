package park

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// event is called when something has become true of c.
func (l *Loop) event(c *socket, what uint32) {
	c.mu.Lock()
	if c.fd < 0 {
		c.mu.Unlock()
		return
	}
	if what&unix.EPOLLOUT != 0 {
		c.room()
	}
	const gone = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	if what&(unix.EPOLLIN|gone) == 0 || c.fd < 0 {
		c.mu.Unlock()
		return
	}
	if what&gone != 0 {
		c.set(left)
	}
	switch {
	case c.handler == nil && (c.phase == open || c.phase == waiting):
		c.set(again) // Serve is to come
	case c.phase == waiting && what&gone != 0: // whoever has closed its side does not wait for an answer
		c.set(busy)
		c.mu.Unlock()
		l.end(c)
		return
	case c.is(deaf):
		c.set(again)
		if c.phase == open && what&(unix.EPOLLHUP|unix.EPOLLERR) != 0 { // nothing that it sent before counts any more
			c.set(busy)
			c.mu.Unlock()
			l.end(c)
			return
		}
	default:
		c.set(busy)
		c.mu.Unlock()
		l.read(c, what&gone != 0)
		return
	}
	c.mu.Unlock()
}

// room goes on with what a full connection waited for. mu is held.
func (c *socket) room() {
	switch c.phase {
	case finishing, answering:
		c.flush()
	case open:
		if c.is(full) {
			c.clear(full)
			if c.handler == nil {
				c.set(owed)
			} else {
				c.handler.Ready()
			}
		}
	}
}

// readBytes is how much is read at a time.
const readBytes = 64 << 10

// readBudget is how much is read from one connection before others have their turn.
const readBudget = 256 << 10

// requestBudget is how many requests that were sent ahead are answered on one connection before that.
const requestBudget = 16

// read lets c be heard until there is nothing more for now. The connection is busy. Whole says that it is to be read to the end: only a
// read that finds nothing tells of one.
func (l *Loop) read(c *socket, whole bool) {
	for spent := 0; ; {
		if spent >= readBudget && c.yield() {
			return
		}
		early, fd, most, more := c.next()
		if !more {
			if fd >= 0 {
				l.end(c)
			}
			return
		}
		if early != nil {
			if !l.hear(c, early) {
				return
			}
			spent += readBudget / requestBudget
			continue
		}
		n, err := read(fd, l.buffer[:most])
		switch {
		case n > 0:
			spent += n
			if !l.hear(c, l.buffer[:n]) {
				return
			}
			if n < most && !whole && c.rest() { // all that had arrived: what comes next has an event of its own
				return
			}
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			if c.rest() {
				return
			}
		default: // the end, or a broken connection
			l.end(c)
			return
		}
	}
}

// read is recv(2) on a descriptor that does not block: see send.
func read(fd int, b []byte) (int, error) {
	n, _, errno := unix.RawSyscall6(
		unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_DONTWAIT, 0, 0,
	)
	if errno != 0 {
		return 0, errno
	}
	if n == 0 {
		return 0, io.EOF
	}
	return int(n), nil
}

// next returns what is to be heard next: bytes that arrived before, or nil for those that the descriptor has. more is false if
// reading is over for now, and if fd is one, for ever. At most so many bytes are to be read at a time.
func (c *socket) next() (early []byte, fd, most int, more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.phase == closed:
		c.closeFD()
		return nil, -1, 0, false
	case c.phase == waiting && c.is(left) && c.handler != nil: // see event
		return nil, int(c.fd), 0, false
	case c.is(deaf):
		c.set(again)
		c.clear(busy)
		return nil, -1, 0, false
	}
	c.clear(again)
	if most = readBytes; c.phase == asking {
		most = headBytes // what comes behind a request that is held is kept as long as that
	}
	if c.rare != nil {
		early, c.rare.early = c.rare.early, nil
		c.settle()
	}
	return early, int(c.fd), most, true
}

// yield ends reading for now, so that others have their turn, unless it is over anyway: next knows how.
func (c *socket) yield() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == closed || c.is(deaf) {
		return false
	}
	c.clear(busy)
	c.readSoon()
	return true
}

// rest ends reading for now, unless there is something left to be heard.
func (c *socket) rest() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == closed || c.is(again) && !c.is(deaf) || c.rare != nil && c.rare.early != nil {
		return false // next decides
	}
	c.clear(busy)
	return true
}

// hear passes bytes on. It returns false when the connection is not the loop's any more. After Finish bytes are dropped: they are read only
// so that the client's end is seen.
func (l *Loop) hear(c *socket, b []byte) bool {
	c.mu.Lock()
	at, h := c.phase, c.handler
	c.clear(resumed)
	if at == waiting || at == answering { // the client asks for the next before it has this
		r := c.more()
		r.early = append(r.early, b...)
	}
	c.mu.Unlock()
	switch {
	case at == asking:
		l.crowd.see(c.slot)
		return l.ask(c, b)
	case at == open && h != nil && !h.Data(b):
		c.mu.Lock()
		if !c.is(resumed) {
			c.set(deaf)
		}
		c.mu.Unlock()
	}
	return true
}

// end closes a connection on which nothing can be read any more, and tells who does not know it yet. It is busy.
func (l *Loop) end(c *socket) {
	c.mu.Lock()
	was, h := c.phase, c.handler
	c.phase = closed
	c.closeFD()
	c.handler = nil
	c.mu.Unlock()
	if h != nil && (was == open || was == broken || was == waiting) {
		h.Gone()
	}
}

// headBytes bounds a request's head, as net/http does.
const headBytes = 16 << 10

// get is what the head of a request begins with that the loops can answer.
const get = "GET "

// ask has a request answered, once its head is complete. It returns false when the connection was passed on.
func (l *Loop) ask(c *socket, b []byte) bool {
	c.mu.Lock()
	if c.rare != nil && c.rare.begun != nil {
		b = append(c.rare.begun, b...)
		c.rare.begun = nil
		c.settle()
	}
	c.mu.Unlock()
	if n := min(len(b), len(get)); string(b[:n]) != get[:n] {
		l.pass(c, b)
		return false
	}
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end > headBytes || end < 0 && len(b) > headBytes {
		l.pass(c, b)
		return false
	}
	if end < 0 {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.phase == asking {
			c.more().begun = slices.Clone(b)
			if c.due > now()+uint32(headTime.Seconds()) {
				c.expire(headTime)
			}
		}
		return true
	}
	end += len("\r\n\r\n")
	c.mu.Lock()
	if c.phase != asking {
		c.mu.Unlock()
		return true // it is being closed
	}
	c.expire(0)
	if end < len(b) {
		c.more().early = slices.Clone(b[end:])
	}
	c.mu.Unlock()
	x := &Fresh{sock: c}
	if l.home.asker.Ask(x, string(b[:end])) {
		return true
	}
	c.mu.Lock()
	touched := x.touched || c.phase != asking
	if touched { // it failed halfway
		c.shut()
	}
	c.mu.Unlock()
	if !touched {
		l.pass(c, b)
	}
	return touched
}
