package park

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

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

// copies says for [Copies] that the kernel has a copy of what was sent.
func (*socket) copies() {}

// maxVectors is how many parts go into one call: a batch of the gateway.
const maxVectors = 64

// send writes as much of parts as there is room for, without waiting and without an allocation. Short says that it was not all.
//
// It goes by the calls of sockets: those of files (writev) look up, check and tell more on their way, a tenth of the whole. The
// descriptor does not block, so that the scheduler need not know of the call either.
func send(fd int, parts [][]byte) (taken int, short bool, err error) {
	if len(parts) == 1 {
		return sendOne(fd, parts[0])
	}
	if len(parts) <= fewVectors {
		var vectors [fewVectors]unix.Iovec
		return sendMany(fd, parts, vectors[:])
	}
	var vectors [maxVectors]unix.Iovec
	return sendMany(fd, parts, vectors[:])
}

// fewVectors spares most writes the clearing of a kilobyte.
const fewVectors = 4

// quiet has a broken connection tell by its error alone.
const quiet = unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL

// refused says what an error means that is no interruption: that there is no room, or that the connection is broken.
func refused(errno unix.Errno) (short bool, err error) {
	if errno == unix.EAGAIN {
		return true, nil
	}
	return false, errno
}

func sendOne(fd int, b []byte) (taken int, short bool, err error) {
	for len(b) > 0 {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), quiet, 0, 0)
		if errno != 0 {
			if errno == unix.EINTR {
				continue
			}
			short, err = refused(errno)
			return taken, short, err
		}
		// Only a write that finds no room at all has the socket tell of room.
		taken += int(n)
		b = b[n:]
	}
	return taken, false, nil
}

func sendMany(fd int, parts [][]byte, vectors []unix.Iovec) (taken int, short bool, err error) {
	at := 0 // how much of parts[0] is written
	for {
		n, used, want := 0, 0, 0
		for ; used < len(parts) && n < len(vectors); used++ {
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
			return taken, false, nil
		}
		message := unix.Msghdr{Iov: &vectors[0]}
		message.SetIovlen(n)
		took, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&message)), quiet)
		if errno != 0 {
			if errno == unix.EINTR {
				continue
			}
			short, err = refused(errno)
			return taken, short, err
		}
		taken += int(took)
		if int(took) < want {
			// As above.
			parts, at = skip(parts, at, int(took))
			continue
		}
		parts, at = parts[used:], 0
	}
}

// skip returns what is left of parts, of whose first at bytes are written, after n more bytes.
func skip(parts [][]byte, at, n int) (left [][]byte, from int) {
	n += at
	for len(parts) > 0 && n >= len(parts[0]) {
		n -= len(parts[0])
		parts = parts[1:]
	}
	return parts, n
}

// behind returns a copy of parts without the first n bytes. It is not nil.
func behind(parts [][]byte, n int) [][]byte {
	for len(parts) > 0 && n >= len(parts[0]) {
		n -= len(parts[0])
		parts = parts[1:]
	}
	left := append(make([][]byte, 0, len(parts)), parts...)
	if n > 0 {
		left[0] = left[0][n:]
	}
	return left
}
