package program

import (
	"os"
	"os/exec"
	"sync"
	"time"
)

// process is a program that runs in a process group of its own, and our ends of its pipes.
type process struct {
	cmd                   *exec.Cmd
	stdin, stdout, stderr *os.File

	// exited is closed when the program has ended. As far as the system allows it was not waited for until [process.wait]: so long its id is no other's.
	exited chan struct{}
	logged chan struct{} // to be closed when its standard error has come to an end
	wait   func() error  // the program's end as [exec.Cmd.Wait] has it; any number of times
}

// start starts a program. Its standard streams are set here.
func start(cmd *exec.Cmd) (p *process, err error) {
	var files []*os.File // ours and the program's in turn
	defer func() {
		for i, f := range files {
			if err != nil || i%2 == 1 {
				f.Close()
			}
		}
	}()
	for i := range 3 {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		if i == 0 {
			r, w = w, r
		}
		files = append(files, r, w)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = files[1], files[3], files[5]
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p = &process{
		cmd: cmd, stdin: files[0], stdout: files[2], stderr: files[4], exited: make(chan struct{}), logged: make(chan struct{}),
		wait: sync.OnceValue(cmd.Wait),
	}
	go func() {
		if !awaitExit(cmd.Process.Pid) {
			_ = p.wait() // said again to whoever asks
		}
		close(p.exited)
	}()
	return p, nil
}

// stop has the program end: its input ends, a grace later its group is sent SIGTERM, and another later SIGKILL.
func (p *process) stop(grace time.Duration) {
	p.stdin.Close()
	for _, kill := range []bool{false, true} {
		timer := time.NewTimer(grace)
		select {
		case <-p.exited:
			timer.Stop()
			return
		case <-timer.C:
			p.signal(kill)
		}
	}
	<-p.exited
}

// finish ends what a program that has exited leaves behind in its group, in the same way, and returns how the program ended.
func (p *process) finish(grace time.Duration) error {
	<-p.exited
	p.stdin.Close()
	p.signal(false)
	err := p.wait()
	// From here on the id is the group's only as long as something is in it. The system gives ids away in a circle: it does not come round meanwhile.
	if !p.emptied(grace) {
		p.signal(true)
		p.emptied(killTime)
	}
	// What has left the group may hold the output open for ever; what is in the pipes is read, but nothing is waited for.
	late := time.Now().Add(grace)
	_ = p.stdout.SetReadDeadline(late) // a pipe that cannot have one is read to its end
	_ = p.stderr.SetReadDeadline(late)
	return err
}

// killTime bounds how long is waited for what was killed: it ends at once unless the system keeps it, or nobody waits for its end.
const killTime = time.Second

// emptied waits until nothing is left in the group, within a time.
func (p *process) emptied(within time.Duration) bool {
	for end, pause := time.Now().Add(within), time.Millisecond; p.left(); pause = min(2*pause, 50*time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
		time.Sleep(pause)
	}
	return true
}
