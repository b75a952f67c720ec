package park

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// listener is where the connections of an Asker come from.
type listener struct {
	mu   sync.Mutex // guards the rest; taken before that of the Loops
	fd   int        // 0 if there is none
	kept []*Loop    // live until Release; the first watches it
	free []func()   // end what their hosts do
}

// Listen has the loops accept connections of ln until Drain. It returns false for what they cannot watch: ln is still the caller's
// then. After true the caller closes ln, which takes nothing from the loops.
func (ls *Loops) Listen(ln net.Listener) (bool, error) {
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		return false, nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return false, fmt.Errorf("park: listen: %w", err)
	}
	tune(raw)
	keepAlive(raw)
	fd, err := duplicate(raw)
	if err != nil {
		return false, fmt.Errorf("park: listen: %w", err)
	}
	if err := ls.listen(fd); err != nil {
		_ = unix.Close(fd) // the error above is the one to tell
		ls.Release()
		return false, err
	}
	return true, nil
}

// listen makes the loops, and has them accept connections from fd. On an error some may have been made.
func (ls *Loops) listen(fd int) error {
	ls.listener.mu.Lock()
	defer ls.listener.mu.Unlock()
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for len(ls.all) < mostLoops() {
		l, err := ls.add()
		if err != nil {
			return err
		}
		ls.listener.kept = append(ls.listener.kept, l)
		l.place = len(ls.listener.kept)
		var release func()
		if ls.host != nil {
			release = ls.host(l.place-1, l)
		}
		if release != nil {
			ls.listener.free = append(ls.listener.free, release)
		} else {
			go l.run()
		}
	}
	ls.listener.fd = fd
	ls.listener.watch()
	return nil
}

// How long nothing may be said before the other side is asked whether it is there. Heartbeats are more frequent: this is for
// connections that have none.
const (
	probeAfter = 60 // seconds
	probeEvery = 15
)

// keepAlive sets what Go sets for connections that it accepts itself. What is accepted inherits it from the listener, for no system
// call.
func keepAlive(raw syscall.RawConn) {
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, probeAfter)
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, probeEvery)
	})
}

// watch has the loop tell of connections that can be accepted. ln.mu is held.
func (ln *listener) watch() {
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: listenerSlot}
	_ = unix.EpollCtl(ln.kept[0].epoll, unix.EPOLL_CTL_ADD, ln.fd, &event) // both descriptors are ours and fit each other
}

// unwatch ends that. ln.mu is held.
func (ln *listener) unwatch() {
	_ = unix.EpollCtl(ln.kept[0].epoll, unix.EPOLL_CTL_DEL, ln.fd, nil) // it may be out of the set already
}

// accept takes connections of the listener and spreads them over the loops.
func (l *Loop) accept() {
	const slice = 64 // there is other work
	ln := &l.home.listener
	ln.mu.Lock()
	defer ln.mu.Unlock()
	for range slice {
		if ln.fd == 0 {
			return
		}
		fd, err := accept(ln.fd)
		switch {
		case err == nil:
			l.home.adopt(fd)
		case errors.Is(err, unix.EAGAIN):
			return
		case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE), errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.ENOMEM):
			// The listener stays readable: it is left alone until something may have been given back.
			ln.unwatch()
			l.paused = now() + 1
			return
		default: // of a connection that has gone already, or an interrupted call
		}
	}
}

// acceptOn watches a listener again that was left alone.
func (l *Loop) acceptOn() {
	l.paused = 0
	ln := &l.home.listener
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if ln.fd != 0 {
		ln.watch()
	}
}

// accept is accept4(2) without the client's address, which is asked for when it is wanted.
func accept(listening int) (int, error) {
	fd, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(listening), 0, 0, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// adopt watches a connection that was just accepted.
func (ls *Loops) adopt(fd int) {
	l, err := ls.pick()
	if err != nil {
		_ = unix.Close(fd) // no descriptors or memory are left
		return
	}
	c := &socket{fd: int32(fd), phase: asking}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := l.watch(c); err != nil {
		_ = unix.Close(fd)
		c.fd = -1
		return
	}
	c.expire(headTime)
}

// Drain stops accepting, and lets connections end with the answers that are under way.
func (ls *Loops) Drain() {
	ls.draining.Store(true)
	ln := &ls.listener
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if ln.fd == 0 {
		return
	}
	ln.unwatch()
	_ = unix.Close(ln.fd)
	ln.fd = 0
}

// Release drains the loops and gives them back from their hosts. They last until their connections have ended.
func (ls *Loops) Release() {
	ls.Drain()
	ln := &ls.listener
	ln.mu.Lock()
	defer ln.mu.Unlock()
	for _, release := range ln.free {
		release()
	}
	for _, l := range ln.kept {
		ls.leave(l)
	}
	ln.kept, ln.free = nil, nil
}
