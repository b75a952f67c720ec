package bench

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// newCarrier reads by epoll where bytes come as they are. A goroutine for each follower would cost a second read of each
// message, to find that there is no more, and two switches: half of what a delivery costs the load.
func newCarrier(c *crowd) (carrier, error) {
	if c.follow.tls || c.portable {
		return newThreads(c), nil
	}
	to, err := c.follow.resolve(c.ctx)
	if err != nil {
		return nil, err
	}
	if to.Addr().Zone() != "" {
		return newThreads(c), nil
	}
	ls := &loops{crowd: c, ended: make(chan struct{})}
	// One loop for two processors: the other is the server's, where both are on one machine.
	for range max(1, runtime.GOMAXPROCS(0)/2) {
		l, err := newLoop(c, to)
		if err != nil {
			ls.close()
			return nil, err
		}
		c.books = append(c.books, l.book)
		ls.all = append(ls.all, l)
		ls.running.Go(l.run)
	}
	for _, l := range ls.all {
		l.most = max(1, c.Dialers/len(ls.all))
	}
	ls.running.Go(ls.watch)
	return ls, nil
}

// loops carry connections by a few goroutines, each with an epoll set and one buffer.
type loops struct {
	*crowd
	all     []*loop
	next    int
	running sync.WaitGroup
	ended   chan struct{}
}

func (ls *loops) dial(fs []*follower) {
	for _, f := range fs {
		l := ls.all[ls.next%len(ls.all)]
		ls.next++
		l.post(func() { l.add(f) })
	}
}

// each has all loops do something, and waits until they have.
func (ls *loops) each(do func(*loop)) {
	var done sync.WaitGroup
	for _, l := range ls.all {
		done.Add(1)
		l.post(func() { do(l); done.Done() })
	}
	done.Wait()
}

func (ls *loops) cut() {
	ls.wave.Add(1)
	ls.each(func(l *loop) {
		for _, k := range l.links {
			k.sever()
			k.generation++ // what was to be tried again is not
			k.f.leave()
		}
		l.queue, l.dialling = l.queue[:0], 0
	})
}

func (ls *loops) back() {
	ls.each(func(l *loop) { l.queue = append(l.queue, l.links...) })
}

func (ls *loops) readOn() {
	ls.each(func(l *loop) {
		for _, k := range l.links {
			if k.fd >= 0 && k.f.live {
				k.read(true)
			}
		}
	})
}

// close ends the loops, and with them the connections.
func (ls *loops) close() {
	close(ls.ended)
	for _, l := range ls.all {
		l.post(func() { l.over = true })
	}
	ls.running.Wait()
}

// watch has the loops look once a second for attempts that take too long.
func (ls *loops) watch() {
	for again := time.NewTicker(time.Second); ; {
		select {
		case <-again.C:
			for _, l := range ls.all {
				l.post(l.sweep)
			}
		case <-ls.ended:
			again.Stop()
			return
		}
	}
}

// loop is an epoll set and the goroutine that waits on it, by a thread of its own: Go's poller would wake another one besides.
// The goroutine owns what is not said to be shared.
type loop struct {
	*crowd
	to   netip.AddrPort
	book *book

	epoll    int
	links    []*link // by slot
	queue    []*link // to be dialled
	dialling int     // under way
	most     int     // of these
	buf      []byte  // what is read goes through it
	over     bool

	mu    sync.Mutex
	inbox []func() // guarded by mu
	waker int      // an eventfd; guarded by mu; -1 once the loop has ended
}

// link is one follower's connection.
type link struct {
	*loop
	f          *follower
	fd         int // -1: none
	slot       int32
	generation int32 // events carry it, so that one of an earlier connection is known
	open       bool  // connected
	unsent     []byte
	dials      bool // counts as under way
	since      time.Time
}

// loopBuffer is what one read takes at most.
const loopBuffer = 64 << 10

// nap is how long a loop lets more come once it has read all. Without it each message is an event of its own, and its sender pays
// for waking this process: no server whose clients are elsewhere does that. It is what latency may be too high by. Who waits for what it
// has sent is not made to wait longer.
var nap = unix.NsecToTimespec(int64(time.Millisecond))

// wakeSlot is in the events of the eventfd.
const wakeSlot = -1

func newLoop(c *crowd, to netip.AddrPort) (*loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	l := &loop{crowd: c, to: to, book: newBook(), buf: make([]byte, loopBuffer), epoll: epoll}
	if l.waker, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		_ = unix.Close(epoll) // the error above is the one to tell
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: wakeSlot}
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, l.waker, &event); err != nil {
		l.free()
		return nil, fmt.Errorf("epoll: %w", err)
	}
	return l, nil
}

func (l *loop) free() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = unix.Close(l.waker)
	l.waker = -1
	_ = unix.Close(l.epoll) // nothing is to be saved
}

// post has the loop call a function soon; not once it has ended.
func (l *loop) post(do func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waker < 0 {
		return
	}
	if l.inbox = append(l.inbox, do); len(l.inbox) == 1 {
		_, _ = unix.Write(l.waker, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // it can only be that it is told already
	}
}

func (l *loop) run() {
	var events [512]unix.EpollEvent
	for !l.over {
		n, err := unix.EpollWait(l.epoll, events[:], -1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			l.fail(fmt.Errorf("epoll: %w", err))
			break
		}
		told := false
		for _, e := range events[:n] {
			if e.Fd == wakeSlot {
				told = true
				continue
			}
			if k := l.links[e.Fd]; k.fd >= 0 && k.generation == e.Pad {
				k.event(e.Events)
			}
		}
		if told {
			l.orders()
		}
		l.dialMore()
		if n < len(events) && l.dialling == 0 && l.echo == nil {
			_ = unix.Nanosleep(&nap, nil) // less of it is as well
		}
	}
	for _, k := range l.links {
		k.sever()
	}
	l.free()
}

func (l *loop) orders() {
	var count [8]byte
	_, _ = unix.Read(l.waker, count[:]) // nothing there is as well
	l.mu.Lock()
	inbox := l.inbox
	l.inbox = nil
	l.mu.Unlock()
	for _, do := range inbox {
		do()
	}
}

func (l *loop) add(f *follower) {
	k := &link{loop: l, f: f, fd: -1, slot: int32(len(l.links))}
	f.wire, f.book = k, l.book
	l.links = append(l.links, k)
	l.queue = append(l.queue, k)
}

func (l *loop) dialMore() {
	n := 0
	for ; n < len(l.queue) && l.dialling < l.most && !l.over; n++ {
		if k := l.queue[n]; k.fd < 0 {
			k.dial()
		}
	}
	l.queue = append(l.queue[:0], l.queue[n:]...)
}

// sweep ends attempts that take too long.
func (l *loop) sweep() {
	if l.dialling == 0 {
		return
	}
	for _, k := range l.links {
		if k.dials && time.Since(k.since) > dialTime {
			k.lost(fmt.Errorf("%w: no answer within %v", ErrUnreachable, dialTime))
		}
	}
}

func (k *link) dial() {
	k.dialling++
	k.dials, k.open, k.since = true, false, time.Now()
	for {
		alias := k.follow.alias.Load()
		err := k.connect(alias)
		if err == nil {
			return
		}
		if again, err := k.follow.failed(alias, err); !again {
			k.lost(err)
			return
		}
		k.sever()
		k.dials = true
		k.dialling++
	}
}

// connect begins to, and goes on at once if that was all: over loopback it mostly is.
func (k *link) connect(alias int32) error {
	family := unix.AF_INET
	if k.to.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	k.fd = fd
	k.generation++
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // requests would only be late
	if k.stalled != nil {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, stalledBuffer); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	if err := unix.Connect(fd, k.address(alias)); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return os.NewSyscallError("connect", err)
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: k.slot, Pad: k.generation}
	if err := unix.EpollCtl(k.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	return nil
}

func (k *link) address(alias int32) unix.Sockaddr {
	if k.to.Addr().Is6() {
		return &unix.SockaddrInet6{Port: int(k.to.Port()), Addr: k.to.Addr().As16()}
	}
	a := &unix.SockaddrInet4{Port: int(k.to.Port()), Addr: k.to.Addr().As4()}
	if k.follow.name == "127.0.0.1" {
		a.Addr[3] = byte(alias)
	}
	return a
}

func (k *link) event(what uint32) {
	if !k.open {
		if what&(unix.EPOLLOUT|unix.EPOLLERR|unix.EPOLLHUP) == 0 {
			return
		}
		number, err := unix.GetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && number != 0 {
			err = syscall.Errno(number)
		}
		if err != nil {
			_, err = k.follow.failed(k.follow.alias.Load(), os.NewSyscallError("connect", err))
			k.lost(err)
			return
		}
		k.open = true
		if !k.after(k.f.connected()) {
			return
		}
	}
	if len(k.unsent) > 0 && what&unix.EPOLLOUT != 0 {
		rest := k.unsent
		k.unsent = nil
		if err := k.write(rest); err != nil {
			k.lost(k.f.gone(err))
			return
		}
	}
	if what&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		k.read(what&^(unix.EPOLLIN|unix.EPOLLOUT) != 0)
	}
}

// read takes all that there is. A read that does not fill the buffer was the last, unless the connection may be at its end:
// what comes from then on is another event.
func (k *link) read(toEnd bool) {
	for !k.held() {
		n, err := unix.Read(k.fd, k.buf)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			k.lost(k.f.gone(os.NewSyscallError("read", err)))
			return
		case n == 0:
			k.lost(k.f.gone(io.EOF))
			return
		}
		if !k.after(k.f.arrived(k.buf[:n])) || n < len(k.buf) && !toEnd {
			return
		}
	}
}

// held reports whether the follower is to stall.
func (k *link) held() bool {
	if k.stalled == nil || !k.f.live {
		return false
	}
	select {
	case <-k.stalled:
		return false
	default:
		return true
	}
}

// after goes on with what a follower's method came to. It returns false if the connection has ended.
func (k *link) after(err error) bool {
	if err != nil {
		k.lost(err)
		return false
	}
	if k.dials && k.f.live {
		k.dials = false
		k.dialling--
	}
	if pause := k.f.pause; pause > 0 {
		k.f.pause = 0
		k.later(pause, func() { k.after(k.f.ask()) })
	}
	return true
}

// later calls a function after a while, if the connection is the same then.
func (k *link) later(pause time.Duration, do func()) {
	l, generation := k.loop, k.generation
	time.AfterFunc(pause, func() {
		l.post(func() {
			if k.generation == generation {
				do()
			}
		})
	})
}

// lost ends the connection, and makes another where that is wanted.
func (k *link) lost(err error) {
	k.sever()
	pause, again := k.f.lost(err)
	switch {
	case !again:
	case pause == 0:
		k.queue = append(k.queue, k)
	default:
		k.later(pause, func() { k.queue = append(k.queue, k) })
	}
}

// sever ends the connection without a goodbye, so that its port is free at once.
func (k *link) sever() {
	if k.dials {
		k.dials = false
		k.dialling--
	}
	if k.fd < 0 {
		return
	}
	_ = unix.SetsockoptLinger(k.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}) // if not, the port is free in a minute
	_ = unix.Close(k.fd)
	k.fd, k.unsent = -1, nil
	k.generation++
}

// write sends, and keeps what the connection does not take now.
func (k *link) write(b []byte) error {
	if len(k.unsent) > 0 {
		k.unsent = append(k.unsent, b...)
		return nil
	}
	n, err := unix.Write(k.fd, b)
	if errors.Is(err, unix.EAGAIN) {
		n, err = 0, nil
	}
	if err == nil && n < len(b) {
		k.unsent = slices.Clone(b[n:])
	}
	return os.NewSyscallError("write", err)
}
