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

// Loop is an epoll set and whoever waits on it, reads from its connections and calls their handlers: a goroutine of its own, or a host
// that calls Wait. There is one at a time.
type Loop struct {
	home   *Loops
	file   *os.File // of the epoll set: Go's own poller waits on it, so that no thread does
	raw    syscall.RawConn
	look   func(uintptr) bool // made once, for raw
	epoll  int
	number uint8
	place  int // among the loops of a listener, from 1; 0 if it is none of them
	held   int // slots in use, and the listener; guarded by home.mu

	mu         sync.Mutex
	slots      []*[slotBlock]slot // guarded by mu: blocks, so that nothing is copied as they grow
	free       []int32            // guarded by mu
	used       int32              // slots that were ever in use; guarded by mu
	generation uint8              // of the connection that was watched last; guarded by mu
	again      []*socket          // to be read from, though no event says so; guarded by mu

	sleeping atomic.Bool   // it waits for events, or is about to
	woken    atomic.Bool   // it is not to wait: Wake was called
	due      atomic.Uint32 // by the loops' clock: no connection is due earlier; 0 if none is at all

	// What follows is of whoever waits.
	buffer [readBytes]byte
	events [256]unix.EpollEvent
	told   [256]*socket  // whom the events are for
	n      int           // of events, or below 0 after an error
	glance bool          // it is not to wait: there is work
	dirty  bool          // the deadline of file is in the past
	armed  time.Duration // the deadline of file by the loops' clock; 0 if there is none
	ready  []*socket     // the last again
	swept  uint32
	crowd  crowd
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

// newLoop makes a loop on which nobody waits yet. home.mu is held.
func newLoop(home *Loops) (*Loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("park: %w", err)
	}
	if err := unix.SetNonblock(epoll, true); err != nil { // so that os.NewFile gives it to the poller
		_ = unix.Close(epoll) // the error above is the one to tell
		return nil, fmt.Errorf("park: %w", err)
	}
	l := &Loop{home: home, epoll: epoll, file: os.NewFile(uintptr(epoll), "epoll")}
	l.look = l.lookAt
	if l.raw, err = l.file.SyscallConn(); err == nil {
		err = enlist(l)
	}
	if err != nil {
		_ = l.file.Close() // the error above is the one to tell
		return nil, fmt.Errorf("park: %w", err)
	}
	return l, nil
}

// watch has the loop tell c of events from now on, of those that hold already at once. There must be room for it (see pick), which
// is given back on an error.
func (l *Loop) watch(c *socket) error {
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
func (l *Loop) drop(c *socket) {
	l.mu.Lock()
	l.slots[c.slot/slotBlock][c.slot%slotBlock].conn = nil
	l.free = append(l.free, c.slot)
	l.mu.Unlock()
	c.loop = 0
	l.home.leave(l)
}

// each calls fn with every connection, its lock held. It takes a few at a time, so that it needs no room for all.
func (l *Loop) each(fn func(*socket)) {
	var some [64]*socket
	for from := int32(0); ; {
		n := 0
		l.mu.Lock()
		for ; from < l.used && n < len(some); from++ {
			if c := l.slots[from/slotBlock][from%slotBlock].conn; c != nil {
				some[n] = c
				n++
			}
		}
		done := from >= l.used
		l.mu.Unlock()
		for _, c := range some[:n] {
			c.mu.Lock()
			fn(c)
			c.mu.Unlock()
		}
		if done {
			return
		}
	}
}

// post has c read from, though there is no event.
func (l *Loop) post(c *socket) {
	l.mu.Lock()
	l.again = append(l.again, c)
	l.mu.Unlock()
	l.Wake()
}

// past is a deadline that is over.
var past = time.Unix(1, 0)

// Wake ends a Wait, or the next one. It moves the deadline of what is waited for, which takes no system call.
func (l *Loop) Wake() {
	l.woken.Store(true)
	if l.sleeping.Load() && l.sleeping.CompareAndSwap(true, false) {
		_ = l.file.SetReadDeadline(past) // it fails when the loop has ended
	}
}

// Left has a goroutine of the loop's own wait where a host did.
func (l *Loop) Left() { go l.run() }

// run waits until the loop has ended.
func (l *Loop) run() {
	for l.wait(time.Hour) {
	}
}

// Wait tells connections of their events, for d or until Wake, or until there were some; with 0 it looks for them once.
func (l *Loop) Wait(d time.Duration) { l.wait(d) }

// wait is Wait; it returns false when the loop has ended.
func (l *Loop) wait(d time.Duration) bool {
	l.n = 0
	l.arm(d)
	l.sleeping.Store(true)
	l.glance = l.woken.Swap(false) || d == 0
	err := l.raw.Read(l.look)
	l.sleeping.Store(false)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		l.dirty, l.armed, l.n = true, 0, 0
	case err != nil || l.n < 0:
		return false
	}
	if l.n > 0 {
		l.tell()
	}
	l.readOn()
	l.sweep()
	if d > 0 && l.n > 0 { // else it was woken, and somebody waits for that
		l.crowd.gather()
	}
	return true
}

// arm sets the deadline of a wait of d. One that is earlier than need be is left: that costs a wait for nothing, and to move it costs
// each.
func (l *Loop) arm(d time.Duration) {
	at := time.Since(began)
	if due := l.due.Load(); due != 0 {
		d = min(d, max(0, time.Duration(due)*time.Second-at)+time.Millisecond)
	}
	if l.paused > 0 {
		d = min(d, time.Second)
	}
	if !l.dirty && (d == 0 || l.armed > at && l.armed <= at+d) {
		return
	}
	l.armed = at + max(d, time.Millisecond)
	_ = l.file.SetReadDeadline(began.Add(l.armed)) // it fails when the loop has ended, and that shows when it is waited for
	l.dirty = false
}

// lookAt takes the events that there are. It returns false if there is to be waited for some.
func (l *Loop) lookAt(uintptr) bool {
	var err error
	for {
		l.n, err = unix.EpollWait(l.epoll, l.events[:], 0)
		if !errors.Is(err, unix.EINTR) {
			return l.n != 0 || err != nil || l.glance
		}
	}
}

// tell tells connections of their events.
func (l *Loop) tell() {
	l.mu.Lock()
	for i := range l.n {
		l.told[i] = nil
		at := l.events[i].Fd
		if at == listenerSlot {
			continue
		}
		if c := l.slots[at/slotBlock][at%slotBlock].conn; c != nil && int32(c.generation) == l.events[i].Pad {
			l.told[i] = c
		}
	}
	l.mu.Unlock()
	for i, c := range l.told[:l.n] {
		if c != nil {
			l.event(c, l.events[i].Events)
			l.told[i] = nil
		} else if l.events[i].Fd == listenerSlot {
			l.accept()
		}
	}
}

// readOn reads from connections that were posted.
func (l *Loop) readOn() {
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

// sweep closes connections whose time is over. It looks at them all, but only when the earliest may be due.
func (l *Loop) sweep() {
	at := now()
	if at == l.swept {
		return
	}
	l.swept = at
	if l.paused > 0 && at >= l.paused {
		l.acceptOn()
	}
	if due := l.due.Load(); due == 0 || at < due {
		return
	}
	l.due.Store(0) // whoever comes meanwhile says so again
	l.each(func(c *socket) {
		switch {
		case c.due == 0:
		case c.due <= at:
			c.shut()
		default:
			l.dueAt(c.due)
		}
	})
}

// dueAt notes that a connection is due at a time. It returns true if none was as early.
func (l *Loop) dueAt(at uint32) (sooner bool) {
	for {
		due := l.due.Load()
		if due != 0 && due <= at {
			return false
		}
		if l.due.CompareAndSwap(due, at) {
			return true
		}
	}
}
