package park

import (
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// socket is a TCP or Unix connection of which nothing is left but its descriptor. While it is idle it has no goroutine and no
// buffer, and is as small as it can be: there may be a million of them.
type socket struct {
	// mu is held over every use of fd but reading, so that it is never used after it was closed: while the loop reads (busy), the
	// descriptor is the loop's to close.
	mu         sync.Mutex
	fd         int32  // -1 once it is closed; guarded by mu, as all that follows
	slot       int32  // in its loop
	due        uint32 // by the loops' clock: when it is closed; 0 for never
	loop       uint8  // its number; 0 until it is watched
	generation uint8
	phase      phase
	flags      flags
	handler    Handler // nil until Serve, and between requests
	rare       *rare   // what few connections have at a time
}

type flags uint8

const (
	deaf    flags = 1 << iota // nothing is read until Resume, or the answer
	again                     // there may be more to be read, though no event will say so
	busy                      // the loop reads
	full                      // a write took less than all: Ready is owed
	resumed                   // Resume came while Data ran
	keep                      // another request may follow the answer
	owed                      // there was room again before there was a handler to hear it
	left                      // the client has closed its side
)

// rare is what a connection has for a while only.
type rare struct {
	early  []byte   // has arrived and was not heard yet
	begun  []byte   // the beginning of a head
	last   [][]byte // is to be written, and then the phase ends
	fields []Field  // of the answer
}

var _ Conn = (*socket)(nil)

func (c *socket) is(f flags) bool { return c.flags&f != 0 }
func (c *socket) set(f flags)     { c.flags |= f }
func (c *socket) clear(f flags)   { c.flags &^= f }

// more returns what the connection has beyond the usual, to be changed.
func (c *socket) more() *rare {
	if c.rare == nil {
		c.rare = new(rare)
	}
	return c.rare
}

// settle lets rare go when nothing is in it.
func (c *socket) settle() {
	if r := c.rare; r != nil && r.early == nil && r.begun == nil && r.last == nil && r.fields == nil {
		c.rare = nil
	}
}

// watcher returns the loop that watches c, nil if none does.
func (c *socket) watcher() *Loop { return numbered.all[c.loop].Load() }

// The times after which a connection is closed.
const (
	headTime = 5 * time.Second // for a request to be complete
	idleTime = 2 * time.Minute // between an answer and the next request
)

// expire has the connection closed after d, in whole seconds; 0 for never.
func (c *socket) expire(d time.Duration) {
	at := uint32(0)
	if d > 0 {
		at = now() + uint32(d/time.Second)
	}
	c.due = at
	if l := c.watcher(); at != 0 && l != nil && l.dueAt(at) {
		l.Wake() // it may wait for longer
	}
}

// leave takes the descriptor out of nc. ok is false if that has none that a loop could watch: only these very types are
// taken, something that wraps one has its reasons to see the bytes.
func leave(nc net.Conn, early []byte, ls *Loops) (c *socket, ok bool) {
	var raw syscall.RawConn
	var err error
	if p, isPassed := nc.(*passed); isPassed {
		nc, early = p.TCPConn, append(early, p.early...)
	}
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
	fd, err := duplicate(raw)
	if err != nil {
		return nil, false
	}
	if ls == nil {
		ls = &common
	}
	c = &socket{fd: int32(fd)}
	if len(early) > 0 {
		c.more().early = early
	}
	l, err := ls.pick()
	if err == nil {
		c.mu.Lock() // its first events may come at once
		defer c.mu.Unlock()
		err = l.watch(c)
	}
	if err != nil { // goroutines may still do
		_ = unix.Close(fd)
		return nil, false
	}
	_ = nc.Close() // the duplicate keeps the connection
	return c, true
}

func (c *socket) Write(parts [][]byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != open {
		return 0, ErrClosed
	}
	if c.is(full) {
		return 0, nil
	}
	n, short, err := send(int(c.fd), parts)
	if short {
		c.set(full)
	}
	if err != nil {
		c.breakOff()
	}
	return n, err
}

// breakOff ends a connection that cannot be written to. The loop sees it and tells. mu is held.
func (c *socket) breakOff() {
	c.phase = broken
	_ = unix.Shutdown(int(c.fd), unix.SHUT_RDWR) // of a connection that is reset already there is nothing to shut
	c.clear(deaf)
	if c.handler != nil {
		c.readSoon()
	}
}

// readSoon has the loop read what there is. mu is held.
func (c *socket) readSoon() {
	c.set(again)
	if !c.is(busy | deaf) {
		c.watcher().post(c)
	}
}

func (c *socket) Finish(parts [][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.phase {
	case open:
	case broken: // what is left to do is not to say Gone
		c.shut()
		return
	default:
		return
	}
	c.phase = finishing
	c.more().last = behind(parts, 0)
	c.expire(FinishTime)
	c.flush()
}

// flush writes what is to be written last in this phase, as far as there is room, and goes on to the next. mu is held.
func (c *socket) flush() {
	if c.rare == nil || c.rare.last == nil {
		return
	}
	n, short, err := send(int(c.fd), c.rare.last)
	switch {
	case err != nil:
		c.shut()
	case short:
		c.rare.last = behind(c.rare.last, n)
	default:
		c.rare.last = nil
		c.settle()
		c.written()
	}
}

// written goes on from a phase whose last bytes are written. mu is held.
func (c *socket) written() {
	if c.phase == answering && c.is(keep) && !c.watcher().home.draining.Load() {
		c.ask()
		return
	}
	c.phase = finishing
	if unix.Shutdown(int(c.fd), unix.SHUT_WR) != nil {
		c.shut()
		return
	}
	// What is still under way to us must not be answered with a reset: it would destroy the end of what we have said.
	c.expire(lingerTime)
	c.clear(deaf)
	c.readSoon()
}

func (c *socket) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shut()
}

// shut closes at once. mu is held.
func (c *socket) shut() {
	switch {
	case c.fd < 0:
	case c.is(busy):
		_ = unix.Shutdown(int(c.fd), unix.SHUT_RDWR) // what reads sees it, and closes
		c.phase = closed
	default:
		c.phase = closed
		c.closeFD()
	}
}

// closeFD closes the descriptor. mu is held.
func (c *socket) closeFD() {
	_ = unix.Close(int(c.fd)) // takes it out of the epoll set too
	c.depart()
}

// depart takes the connection out of its loop. mu is held.
func (c *socket) depart() {
	c.expire(0)
	l := c.watcher()
	c.fd, c.flags, c.rare = -1, 0, nil
	l.drop(c)
}

func (c *socket) Serve(h Handler) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.phase {
	case open, broken, waiting:
	default:
		return
	}
	c.handler = h
	if c.is(owed) {
		c.clear(owed)
		h.Ready()
	}
	switch {
	case c.phase == waiting && c.is(left):
		if !c.is(busy) { // else next sees it
			c.watcher().post(c)
		}
	case c.is(again) || c.rare != nil && c.rare.early != nil:
		c.readSoon()
	}
}

func (c *socket) Resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.phase != open:
	case c.is(deaf):
		c.clear(deaf)
		c.readSoon()
	default:
		c.set(resumed)
	}
}
