package program

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// awaitExit waits until a child has ended, without taking it away: its id stays its own. No thread waits meanwhile. It returns false at once
// where the system cannot tell (before Linux 5.10).
func awaitExit(pid int) bool {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return false
	}
	f := os.NewFile(uintptr(fd), "pidfd") // as it does not block, the runtime's poller waits for it
	defer f.Close()
	conn, err := f.SyscallConn()
	if err != nil {
		return false
	}
	var failed error
	err = conn.Read(func(fd uintptr) bool {
		for {
			failed = unix.Waitid(unix.P_PIDFD, int(fd), nil, unix.WEXITED|unix.WNOWAIT, nil) // EAGAIN: not yet
			if !errors.Is(failed, unix.EINTR) {
				return !errors.Is(failed, unix.EAGAIN)
			}
		}
	})
	return err == nil && failed == nil
}
