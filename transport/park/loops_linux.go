package park

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Loops watch connections by epoll, one loop for each processor. Those of an Asker read requests too.
type Loops struct {
	asker Asker // nil: every connection was read by somebody else first

	mu   sync.Mutex
	all  []*Loop // guarded by mu; each ends with its last connection
	next int     // guarded by mu

	listener listener
	host     Host
	draining atomic.Bool // answers are the last on their connections
}

// common watch connections that were taken from a server which has no loops of its own.
var common Loops

// Host may have somebody wait on the n-th loop of a listener, counted from 0: then it returns what ends that. If it returns nil, the loop
// has a goroutine of its own.
type Host func(n int, l *Loop) (release func())

// NewLoops returns loops that read requests for a. host may be nil.
func NewLoops(a Asker, host Host) *Loops { return &Loops{asker: a, host: host} }

// numbered finds a loop by the number that its connections know it by: one byte in each of them, where a pointer would be eight.
var numbered struct {
	mu  sync.Mutex
	all [256]atomic.Pointer[Loop] // set under mu; 0 is nobody's number
}

// enlist gives l a number.
func enlist(l *Loop) error {
	numbered.mu.Lock()
	defer numbered.mu.Unlock()
	for i := 1; i < len(numbered.all); i++ {
		if numbered.all[i].Load() == nil {
			l.number = uint8(i)
			numbered.all[i].Store(l)
			return nil
		}
	}
	return errors.New("park: there are 255 loops")
}

// mostLoops is how many loops of one kind there are. On a machine of many processors they are fewer than those: numbers are few, and
// a loop is seldom busy.
func mostLoops() int { return min(runtime.GOMAXPROCS(0), 32) }

// pick returns the next loop in turn with room made for one more connection.
func (ls *Loops) pick() (*Loop, error) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if len(ls.all) < mostLoops() {
		l, err := ls.add()
		if err == nil {
			go l.run()
		}
		return l, err
	}
	ls.next++
	l := ls.all[ls.next%len(ls.all)]
	l.held++
	return l, nil
}

// add makes another loop, on which nobody waits yet. ls.mu is held.
func (ls *Loops) add() (*Loop, error) {
	l, err := newLoop(ls)
	if err != nil {
		return nil, err
	}
	ls.all = append(ls.all, l)
	l.held = 1 // a loop that never held anything would never end
	return l, nil
}

// leave takes one off from what l holds. The last one ends it.
func (ls *Loops) leave(l *Loop) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if l.held--; l.held > 0 {
		return
	}
	for i, have := range ls.all {
		if have == l {
			ls.all = append(ls.all[:i], ls.all[i+1:]...)
			break
		}
	}
	numbered.all[l.number].Store(nil)
	_ = l.file.Close() // wakes its goroutine
}

// Quiet closes the connections on which nothing is asked and nothing is under way.
func (ls *Loops) Quiet() {
	ls.each(func(c *socket) {
		if c.phase == asking {
			c.shut()
		}
	})
}

// Close cuts every connection.
func (ls *Loops) Close() {
	ls.Release()
	ls.each((*socket).shut)
}

// each calls fn with every connection, its lock held.
func (ls *Loops) each(fn func(*socket)) {
	ls.mu.Lock()
	all := append([]*Loop(nil), ls.all...)
	ls.mu.Unlock()
	for _, l := range all {
		l.each(fn)
	}
}

// duplicate returns a descriptor of its own for what raw is.
func duplicate(raw syscall.RawConn) (fd int, err error) {
	fd = -1
	if failed := raw.Control(func(own uintptr) { fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) }); failed != nil {
		return -1, failed
	}
	return fd, err
}

// began is the zero of the loops' clock.
var began = time.Now()

// now is in seconds, from 1: 0 is never.
func now() uint32 { return uint32(time.Since(began)/time.Second) + 1 }
