package park

import (
	"slices"
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

// maxVectors is how many parts go into one call: a batch of the gateway.
const maxVectors = 64

// writev writes as much of parts as there is room for, without waiting and without an allocation. Short says that it was not
// all.
func writev(fd int, parts [][]byte) (taken int, short bool, err error) {
	if len(parts) <= fewVectors {
		var vectors [fewVectors]unix.Iovec
		return writevBy(fd, parts, vectors[:])
	}
	var vectors [maxVectors]unix.Iovec
	return writevBy(fd, parts, vectors[:])
}

// fewVectors spares most writes the clearing of a kilobyte.
const fewVectors = 4

func writevBy(fd int, parts [][]byte, vectors []unix.Iovec) (taken int, short bool, err error) {
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
		// The descriptor does not block, so that the scheduler need not know of the call: telling it costs more than the rest of this.
		took, _, errno := unix.RawSyscall(unix.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&vectors[0])), uintptr(n))
		switch errno {
		case 0:
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return taken, true, nil
		default:
			return taken, false, errno
		}
		taken += int(took)
		if int(took) < want {
			// Only a write that finds no room at all has the socket tell of room.
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
