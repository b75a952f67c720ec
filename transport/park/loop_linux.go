package park

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// loop is an epoll set and the goroutine that waits on it, reads from its connections and calls their handlers.
type loop struct {
	home   *Loops
	file   *os.File // of the epoll set: Go's own poller waits on it, so that no thread does
	epoll  int
	number uint8
	held   int // slots in use, and the listener; guarded by home.mu

	mu         sync.Mutex
	slots      []*[slotBlock]slot // guarded by mu: blocks, so that nothing is copied as they grow
	free       []int32            // guarded by mu
	used       int32              // slots that were ever in use; guarded by mu
	generation uint8              // of the connection that was watched last; guarded by mu
	again      []*socket          // to be read from, though no event says so; guarded by mu

	asleep atomic.Bool  // it waits for events, or is about to
	timed  atomic.Int32 // connections that have something due

	// What follows is the goroutine's.
	buffer [64 << 10]byte
	ready  []*socket // the last again
	conns  []*socket // of a sweep
	glance bool      // it is not to wait: there is work
	dirty  bool      // the deadline of file is in the past
	armed  bool      // a sweep is due
	swept  uint32
	paused uint32 // when accepting goes on; 0 if it does
}

// slot is where an event finds its connection. Events carry slot and generation, never the bare descriptor: that one is
// used again for another connection, perhaps before the last event of this one was taken.
type slot struct{ conn *socket }

const slotBlock = 1024

// listenerSlot is the slot of the listener's events.
const listenerSlot = -1

// Every event that is ever wanted, told once each time it becomes true.
const interest = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET

// newLoop starts a loop. home.mu is held.
func newLoop(home *Loops) (*loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("park: %w", err)
	}
	if err := unix.SetNonblock(epoll, true); err != nil { // so that os.NewFile gives it to the poller
		_ = unix.Close(epoll) // the error above is the one to tell
		return nil, fmt.Errorf("park: %w", err)
	}
	l := &loop{home: home, epoll: epoll, file: os.NewFile(uintptr(epoll), "epoll")}
	raw, err := l.file.SyscallConn()
	if err == nil {
		err = enlist(l)
	}
	if err != nil {
		_ = l.file.Close() // the error above is the one to tell
		return nil, fmt.Errorf("park: %w", err)
	}
	go l.run(raw)
	return l, nil
}

// watch has the loop tell c of events from now on, of those that hold already at once. There must be room for it (see pick), which
// is given back on an error.
func (l *loop) watch(c *socket) error {
	l.mu.Lock()
	var at int32
	if n := len(l.free); n > 0 {
		at, l.free = l.free[n-1], l.free[:n-1]
	} else {
		at = l.used
		l.used++
		if int(at)/slotBlock == len(l.slots) {
			l.slots = append(l.slots, new([slotBlock]slot))
		}
	}
	l.slots[at/slotBlock][at%slotBlock].conn = c
	l.generation++
	c.slot, c.loop, c.generation = at, l.number, l.generation
	l.mu.Unlock()
	event := unix.EpollEvent{Events: interest, Fd: at, Pad: int32(c.generation)}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, int(c.fd), &event); err != nil {
		l.drop(c)
		return fmt.Errorf("park: watch a connection: %w", err)
	}
	return nil
}

// drop gives c's slot back. The last one ends the loop.
func (l *loop) drop(c *socket) {
	l.mu.Lock()
	l.slots[c.slot/slotBlock][c.slot%slotBlock].conn = nil
	l.free = append(l.free, c.slot)
	l.mu.Unlock()
	c.loop = 0
	l.home.leave(l)
}

// connections appends all that the loop watches to dst.
func (l *loop) connections(dst []*socket) []*socket {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.used {
		if c := l.slots[i/slotBlock][i%slotBlock].conn; c != nil {
			dst = append(dst, c)
		}
	}
	return dst
}

// post has c read from, though there is no event.
func (l *loop) post(c *socket) {
	l.mu.Lock()
	l.again = append(l.again, c)
	l.mu.Unlock()
	l.wake()
}

// past is a deadline that is over.
var past = time.Unix(1, 0)

// wake ends the loop's wait: the deadline of what it waits for is moved. That takes no system call.
func (l *loop) wake() {
	if l.asleep.Load() && l.asleep.CompareAndSwap(true, false) {
		_ = l.file.SetReadDeadline(past) // it fails when the loop has ended
	}
}

// run tells connections of their events until the set is closed.
func (l *loop) run(raw syscall.RawConn) {
	var events [256]unix.EpollEvent
	var conns [len(events)]*socket
	n := 0
	look := func(uintptr) bool {
		var err error
		for {
			n, err = unix.EpollWait(l.epoll, events[:], 0)
			if !errors.Is(err, unix.EINTR) {
				return n != 0 || err != nil || l.glance
			}
		}
	}
	for {
		n = 0
		switch err := l.wait(raw, look); {
		case errors.Is(err, os.ErrDeadlineExceeded):
			l.dirty, l.armed, n = true, false, 0
		case err != nil || n < 0:
			return
		}
		l.mu.Lock()
		for i := range n {
			conns[i] = nil
			at := events[i].Fd
			if at == listenerSlot {
				continue
			}
			if c := l.slots[at/slotBlock][at%slotBlock].conn; c != nil && int32(c.generation) == events[i].Pad {
				conns[i] = c
			}
		}
		l.mu.Unlock()
		for i, c := range conns[:n] {
			if c != nil {
				l.event(c, events[i].Events)
				conns[i] = nil
			} else if events[i].Fd == listenerSlot {
				l.accept()
			}
		}
		l.readOn()
		l.sweep()
	}
}

// wait returns when there are events, work that was posted, or a sweep is due.
func (l *loop) wait(raw syscall.RawConn, look func(uintptr) bool) error {
	switch timed := l.timed.Load() > 0 || l.paused > 0; {
	case timed && !l.armed:
		_ = l.file.SetReadDeadline(time.Now().Add(time.Second)) // it fails when the loop has ended, and that shows below
		l.armed = true
	case l.dirty && !timed:
		_ = l.file.SetReadDeadline(time.Time{})
	}
	l.dirty = false
	l.asleep.Store(true)
	defer l.asleep.Store(false)
	l.mu.Lock()
	l.glance = len(l.again) > 0
	l.mu.Unlock()
	return raw.Read(look)
}

// readOn reads from connections that were posted.
func (l *loop) readOn() {
	l.mu.Lock()
	l.ready, l.again = l.again, l.ready[:0]
	l.mu.Unlock()
	for i, c := range l.ready {
		l.ready[i] = nil
		c.mu.Lock()
		mine := c.fd >= 0 && !c.is(busy) && c.loop == l.number
		if mine {
			c.set(busy)
		}
		c.mu.Unlock()
		if mine {
			l.read(c, true)
		}
	}
}

// sweep closes connections whose time is over, once a second.
func (l *loop) sweep() {
	at := now()
	if at == l.swept {
		return
	}
	l.swept = at
	if l.paused > 0 && at >= l.paused {
		l.acceptOn()
	}
	if l.timed.Load() == 0 {
		return
	}
	l.conns = l.connections(l.conns[:0])
	for i, c := range l.conns {
		l.conns[i] = nil
		c.mu.Lock()
		if c.due != 0 && c.due <= at {
			c.shut()
		}
		c.mu.Unlock()
	}
}
