package park

import (
	"errors"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attach gives a TCP or Unix connection its outlet and inlet. Only these very types: something that wraps one has its
// reasons to see the bytes.
func (c *conn) attach() bool {
	var raw syscall.RawConn
	var err error
	switch nc := c.net.(type) {
	case *net.TCPConn:
		if raw, err = nc.SyscallConn(); err == nil {
			tune(raw)
		}
	case *net.UnixConn:
		raw, err = nc.SyscallConn()
	}
	if raw == nil || err != nil {
		return false
	}
	v := &vectored{net: c.net, raw: raw, room: c.room}
	v.attempt = v.writev
	p := &polled{raw: raw}
	p.attempt = p.readOnce
	c.out, c.in = v, p
	return true
}

const (
	// userTimeout is how long sent bytes may stay without an acknowledgement before the connection counts as dead. The
	// kernel's own answer is some 15 minutes.
	userTimeout = 30 * time.Second
	// notSent is how much the kernel holds beyond what is under way: what a client cannot take yet stays in the log, which
	// is shared, and not in one buffer per client.
	notSent = 16 << 10
	// sendBuffer bounds what is under way, acknowledged or not; the kernel doubles it for its bookkeeping. Left alone it grows to
	// 4 MiB for each client that has stopped to read. 128 KiB still carry 10 Mbit/s over 100 ms.
	sendBuffer = 128 << 10
)

// tune bounds what a slow or dead client holds in the kernel. A kernel that knows no such option works without.
func tune(raw syscall.RawConn) {
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout.Milliseconds()))
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, notSent)
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer)
	})
}

// vectored is the outlet of a socket: one writev from the caller's goroutine, without an allocation.
type vectored struct {
	net     net.Conn
	raw     syscall.RawConn
	room    func(error)
	waiting atomic.Bool // a goroutine waits for room, and holds raw's lock for writing

	// The arguments and results of attempt, owned by the caller of write and finish.
	attempt func(fd uintptr) bool // is writev; kept, for making it anew would allocate
	parts   [][]byte
	taken   int
	full    bool
	err     error
}

func (v *vectored) write(parts [][]byte) (int, error) {
	if v.waiting.Load() {
		return 0, nil
	}
	n, err := v.try(parts)
	if v.full {
		v.waiting.Store(true)
		go v.wait()
	}
	return n, err
}

func (v *vectored) finish(parts [][]byte, done func(error)) {
	n := 0
	if !v.waiting.Load() {
		var err error
		if n, err = v.try(parts); err != nil || !v.full {
			done(err)
			return
		}
	}
	left := behind(parts, n)
	_ = v.net.SetWriteDeadline(time.Now().Add(FinishTime)) // ends a waiting goroutine too; a failure shows in the write
	go func() { done(writeAll(v.net, left)) }()
}

// behind returns a copy of parts without the first n bytes.
func behind(parts [][]byte, n int) [][]byte {
	for len(parts) > 0 && n >= len(parts[0]) {
		n -= len(parts[0])
		parts = parts[1:]
	}
	left := slices.Clone(parts)
	if n > 0 {
		left[0] = left[0][n:]
	}
	return left
}

// try writes what there is room for now.
func (v *vectored) try(parts [][]byte) (int, error) {
	v.parts, v.taken, v.full, v.err = parts, 0, false, nil
	if err := v.raw.Write(v.attempt); err != nil {
		v.err = err
	}
	v.parts = nil
	return v.taken, v.err
}

// maxVectors is how many parts go into one call: a batch of the gateway.
const maxVectors = 64

// writev never asks the poller to wait: it always returns true.
func (v *vectored) writev(fd uintptr) bool {
	var vectors [maxVectors]unix.Iovec
	at := 0 // how much of parts[0] is written
	for parts := v.parts; ; {
		n, used, want := 0, 0, 0
		for ; used < len(parts) && n < maxVectors; used++ {
			p := parts[used]
			if used == 0 {
				p = p[at:]
			}
			if len(p) == 0 {
				continue
			}
			vectors[n].Base = &p[0]
			vectors[n].SetLen(len(p))
			want += len(p)
			n++
		}
		if n == 0 {
			return true
		}
		took, _, errno := unix.Syscall(unix.SYS_WRITEV, fd, uintptr(unsafe.Pointer(&vectors[0])), uintptr(n))
		switch errno {
		case 0:
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			v.full = true
			return true
		default:
			v.err = errno
			return true
		}
		v.taken += int(took)
		if int(took) < want {
			v.full = true // as the next call would say
			return true
		}
		parts, at = parts[used:], 0
	}
}

// wait tells when there is room again.
func (v *vectored) wait() {
	err := v.raw.Write(writable)
	v.waiting.Store(false)
	v.room(err)
}

// writable asks the socket itself before the poller is waited for: entering raw.Write forgets an edge that came between the full
// write and now, and there would be no other.
func writable(fd uintptr) bool {
	poll := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	n, err := unix.Poll(poll[:], 0)
	return err == nil && n > 0
}

// polled is the inlet of a socket. It takes a buffer only once there is something to read.
type polled struct {
	raw syscall.RawConn

	attempt func(fd uintptr) bool // is readOnce
	buf     *[16 << 10]byte       // from buffers, while its bytes are in use
	n       int
	err     error
}

func (p *polled) read() ([]byte, error) {
	if err := p.raw.Read(p.attempt); err != nil {
		return nil, err
	}
	switch {
	case p.err != nil:
		return nil, p.err
	case p.n == 0:
		return nil, io.EOF
	}
	return p.buf[:p.n], nil
}

func (p *polled) readOnce(fd uintptr) bool {
	p.buf, _ = buffers.Get().(*[16 << 10]byte)
	for {
		p.n, p.err = unix.Read(int(fd), p.buf[:])
		switch {
		case errors.Is(p.err, unix.EINTR):
			continue
		case errors.Is(p.err, unix.EAGAIN):
			p.release()
			return false
		}
		return true
	}
}

func (p *polled) release() {
	if p.buf != nil {
		buffers.Put(p.buf)
		p.buf = nil
	}
}
