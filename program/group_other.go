//go:build !unix

package program

import "os/exec"

// ownGroup does nothing where there are no process groups.
func ownGroup(*exec.Cmd) {}

// signal ends the program at once: it cannot be asked to.
func (p *process) signal(bool) { _ = p.cmd.Process.Kill() } // it may be gone

// left reports that nothing is known to be left.
func (p *process) left() bool { return false }
