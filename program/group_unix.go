//go:build unix

package program

import (
	"errors"
	"os/exec"

	"golang.org/x/sys/unix"
)

// ownGroup has a program begin a process group, in which all are that it starts unless they leave it.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true} }

// signal sends the group SIGTERM, or SIGKILL, and the program itself where it has joined another group.
func (p *process) signal(kill bool) {
	sig := unix.SIGTERM
	if kill {
		sig = unix.SIGKILL
	}
	pid := p.cmd.Process.Pid
	if group, err := unix.Getpgid(pid); err == nil && group != pid {
		_ = p.cmd.Process.Signal(sig) // it may be gone
	}
	_ = unix.Kill(-pid, sig) // so may all of them
}

// left reports whether anything is left in the group of a program that was waited for.
func (p *process) left() bool {
	group := -p.cmd.Process.Pid
	for { // orphans are ours to wait for where we are process 1, as in a container
		if pid, err := unix.Wait4(group, nil, unix.WNOHANG, nil); pid <= 0 && !errors.Is(err, unix.EINTR) {
			break
		}
	}
	return !errors.Is(unix.Kill(group, 0), unix.ESRCH)
}
