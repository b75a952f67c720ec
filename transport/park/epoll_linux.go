package park

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// loops watch the descriptors of parked connections, one loop for each processor. A loop exists while it has connections.
var loops struct {
	mu   sync.Mutex
	all  []*loop // guarded by mu
	next int     // guarded by mu
}

// loop is an epoll set and the goroutine that waits on it.
type loop struct {
	file  *os.File // of the epoll set: Go's own poller waits on it, so that no thread does
	epoll int

	mu    sync.Mutex
	slots []slot // guarded by mu
	free  []int32
	held  int // slots in use; guarded by loops.mu
}

// slot is where an event finds its connection. Events carry slot and generation, never the bare descriptor: that one is
// used again for another connection, perhaps before the last event of this one was taken.
type slot struct {
	conn       *parked
	generation int32
}

// Every event that is ever wanted, told once each time it becomes true.
const interest = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET

// watch has a loop tell c of events from now on, of those that hold already at once.
func watch(c *parked) error {
	l, err := pick()
	if err != nil {
		return err
	}
	l.mu.Lock()
	var at int32
	if n := len(l.free); n > 0 {
		at, l.free = l.free[n-1], l.free[:n-1]
	} else {
		at = int32(len(l.slots))
		l.slots = append(l.slots, slot{})
	}
	l.slots[at].conn = c
	c.loop, c.slot = l, at
	event := unix.EpollEvent{Events: interest, Fd: at, Pad: l.slots[at].generation}
	l.mu.Unlock()
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, c.fd, &event); err != nil {
		l.drop(at)
		c.loop = nil
		return fmt.Errorf("park: watch a connection: %w", err)
	}
	return nil
}

// pick returns the next loop in turn with room made for one more connection.
func pick() (*loop, error) {
	loops.mu.Lock()
	defer loops.mu.Unlock()
	if len(loops.all) < runtime.GOMAXPROCS(0) {
		l, err := newLoop()
		if err != nil {
			return nil, err
		}
		loops.all = append(loops.all, l)
		l.held = 1 // a loop that never held anything would never end
		return l, nil
	}
	loops.next++
	l := loops.all[loops.next%len(loops.all)]
	l.held++
	return l, nil
}

func newLoop() (*loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("park: %w", err)
	}
	if err := unix.SetNonblock(epoll, true); err != nil { // so that os.NewFile gives it to the poller
		_ = unix.Close(epoll) // the error above is the one to tell
		return nil, fmt.Errorf("park: %w", err)
	}
	l := &loop{epoll: epoll, file: os.NewFile(uintptr(epoll), "epoll")}
	raw, err := l.file.SyscallConn()
	if err != nil {
		_ = l.file.Close() // the error above is the one to tell
		return nil, fmt.Errorf("park: %w", err)
	}
	go l.run(raw)
	return l, nil
}

// drop gives a slot back. The last one ends the loop.
func (l *loop) drop(at int32) {
	l.mu.Lock()
	l.slots[at].conn = nil
	l.slots[at].generation++
	l.free = append(l.free, at)
	l.mu.Unlock()

	loops.mu.Lock()
	defer loops.mu.Unlock()
	if l.held--; l.held > 0 {
		return
	}
	for i, have := range loops.all {
		if have == l {
			loops.all = append(loops.all[:i], loops.all[i+1:]...)
			break
		}
	}
	_ = l.file.Close() // wakes its goroutine
}

// run tells connections of their events until the set is closed.
func (l *loop) run(raw syscall.RawConn) {
	var events [256]unix.EpollEvent
	var conns [len(events)]*parked
	n := 0
	wait := func(fd uintptr) bool {
		var err error
		for {
			n, err = unix.EpollWait(int(fd), events[:], 0)
			if !errors.Is(err, unix.EINTR) {
				return n != 0 || err != nil
			}
		}
	}
	for {
		if err := raw.Read(wait); err != nil || n < 0 {
			return
		}
		l.mu.Lock()
		for i := range n {
			conns[i] = nil
			if s := &l.slots[events[i].Fd]; s.generation == events[i].Pad {
				conns[i] = s.conn
			}
		}
		l.mu.Unlock()
		for i, c := range conns[:n] {
			if c != nil {
				c.event(events[i].Events)
				conns[i] = nil
			}
		}
	}
}
