package program

import (
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"time"
)

// process is a program that runs in a process group of its own, and our ends of its pipes.
type process struct {
	cmd            *exec.Cmd
	stdin          *os.File
	stdout, stderr *outlet
	log            *slog.Logger // knows which program it is, and for whom

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
		cmd: cmd, stdin: files[0], stdout: &outlet{File: files[2]}, stderr: &outlet{File: files[4]}, exited: make(chan struct{}), logged: make(chan struct{}),
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

const (
	// lateTime is how long is waited for what is in a pipe already.
	lateTime = 10 * time.Millisecond
	// lateBytes bounds what is read after the deadline: a pipe holds no more (fs.pipe-max-size, see pipe(7)).
	lateBytes = 1 << 20
)

// outlet is our end of a pipe that a program writes to. One goroutine reads it.
type outlet struct {
	*os.File

	late int // bytes that were read after the deadline
}

// Read reads also after the deadline what is in the pipe: a deadline fails whoever comes late, and a slow client is late, whatever there is to read.
func (o *outlet) Read(b []byte) (int, error) {
	n, err := o.File.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) && o.late < lateBytes {
		_ = o.File.SetReadDeadline(time.Now().Add(lateTime)) // there was one
		n, err = o.File.Read(b)
		o.late += n
	}
	return n, err
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
