package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"tidings/gateway/socket"
)

// Runner runs the programs of one path. Its methods may be called from several goroutines.
type Runner struct {
	options Options
	file    string     // the program's, where it is one
	dir     *directory // else
	counts  counts
}

// New makes a runner. It fails as [Options.Check] does.
func New(o Options) (*Runner, error) {
	r := &Runner{options: o.withDefaults()}
	if err := o.Check(); err != nil {
		return nil, fmt.Errorf("program: %w", err)
	}
	var err error
	if o.Dir != "" {
		r.dir, err = openDirectory(o.Dir, r.options.Logger)
	} else {
		r.file, err = find(o.Command[0])
	}
	if err != nil {
		return nil, fmt.Errorf("program: %w", err)
	}
	return r, nil
}

// Close lets go of what New has opened. Programs that run go on.
func (r *Runner) Close() {
	if r.dir != nil {
		r.dir.close()
	}
}

// Accept refuses sockets for which there is no program, and those that come while as many programs run as may. It is to be [socket.Options.Accept].
func (r *Runner) Accept(req *socket.Request) (protocol string, err error) {
	if _, ok := r.target(req.Path); !ok {
		return "", &socket.RefusedError{Status: http.StatusNotFound, Detail: "there is no program here"}
	}
	if r.counts.full(r.options.Processes) {
		r.counts.refused.Add(1)
		return "", &socket.RefusedError{Status: http.StatusServiceUnavailable, Detail: "as many programs run as may"}
	}
	return "", nil
}

// target says which program a path is for.
func (r *Runner) target(path string) (at target, ok bool) {
	mount := strings.TrimSuffix(r.options.Path, "/")
	rest, ok := strings.CutPrefix(path, mount)
	switch {
	case !ok:
		return target{}, false
	case r.dir == nil && mount == "":
		return target{file: r.file, scriptName: "/", pathInfo: path}, true // as websocketd has it
	case r.dir == nil:
		return target{file: r.file, scriptName: mount, pathInfo: rest}, true
	}
	at, ok = r.dir.find(rest)
	at.scriptName = mount + at.scriptName
	return at, ok
}

// conversation is what a program needs of its socket. A [socket.Socket] is one.
type conversation interface {
	Request() *socket.Request
	Context() context.Context
	Send(kind socket.Kind, data []byte) error
	Writer(kind socket.Kind) (io.WriteCloser, error)
	Reader() (socket.Kind, io.Reader, error)
	Close(code uint16, reason string) error
}

var _ conversation = (*socket.Socket)(nil)

// The codes with which sockets are closed (RFC 6455 section 7.4.1, and its registry).
const (
	codeDone     = 1000
	codeKind     = 1003 // binary where there is text
	codeFailed   = 1011
	codeTryLater = 1013
)

// Serve runs a program for a socket until either ends. It returns when the program and all that it has started are gone. It is a [socket.Handler].
func (r *Runner) Serve(s *socket.Socket) { r.serve(s) }

func (r *Runner) serve(c conversation) {
	if !r.counts.begin(r.options.Processes) {
		_ = c.Close(codeTryLater, "as many programs run as may") // in vain where the client has left
		return
	}
	code, reason, p := r.converse(c)
	r.counts.running.Add(-1)
	if p != nil {
		<-p.output // what the program has said goes before the close
	}
	_ = c.Close(code, reason)
	if p != nil {
		<-p.input
	}
}

// pumps are closed when the goroutines have ended that move what is said between a socket and its program.
type pumps struct{ input, output chan struct{} }

// converse runs a program to its end, and says with what the socket is to be closed.
func (r *Runner) converse(c conversation) (code uint16, reason string, p *pumps) {
	req := c.Request()
	log := r.options.Logger.With("path", req.Path, "remote", req.Remote)
	at, ok := r.target(req.Path)
	if !ok {
		return codeFailed, "there is no program here", nil // it was removed meanwhile
	}
	proc, err := r.launch(at.file, r.requestEnv(c.Context(), req, at), log)
	if err != nil {
		return codeFailed, "the program could not be started", nil
	}
	left := make(chan struct{}, 2) // the client has
	p = &pumps{input: make(chan struct{}), output: make(chan struct{})}
	go func() {
		defer close(p.input)
		input(c, proc.stdin, r.options.Binary)
		left <- struct{}{}
	}()
	go func() {
		defer close(p.output)
		defer proc.stdout.Close()
		if err := output(proc.stdout, c, r.options.Binary); err != nil {
			left <- struct{}{}
			_, _ = io.Copy(io.Discard, proc.stdout) // so that the program comes to its end and does not wait for a reader
		}
	}()
	stopped := true
	select {
	case <-proc.exited:
		stopped = false
	case <-left:
	case <-c.Context().Done():
	}
	if stopped {
		r.passOn(p.input, proc)
	}
	if err := r.await(proc, stopped); err != nil && !stopped {
		return codeFailed, "the program has ended: " + proc.cmd.ProcessState.String(), p
	}
	return codeDone, "", p
}

// passOn gives a program the time to take what its client has said before it left: that is behind the end of the context.
func (r *Runner) passOn(input <-chan struct{}, proc *process) {
	timer := time.NewTimer(r.options.Grace)
	defer timer.Stop()
	select {
	case <-input:
	case <-proc.exited:
	case <-timer.C:
	}
}

// launch starts a program, whose standard error goes to the log.
func (r *Runner) launch(file string, env []string, log *slog.Logger) (*process, error) {
	cmd := &exec.Cmd{Path: file, Args: []string{file}, Env: env}
	if r.dir == nil {
		cmd.Args = r.options.Command
	}
	proc, err := start(cmd)
	if err != nil {
		r.counts.failed.Add(1)
		log.Error("a program could not be started", "program", file, "cause", explain(err, file))
		return nil, err
	}
	r.counts.started.Add(1)
	proc.log = log.With("program", filepath.Base(file), "pid", cmd.Process.Pid)
	proc.log.Debug("a program has begun")
	go func() {
		defer close(proc.logged)
		defer proc.stderr.Close()
		logLines(proc.stderr, proc.log)
	}()
	return proc, nil
}

// explain says what the system means where that is not what it says.
func explain(err error, file string) error {
	_, statErr := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && statErr == nil:
		return fmt.Errorf("%w: that is the interpreter which its first line names", err)
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Errorf("%w: a script begins with #! and its interpreter", err)
	}
	return err
}

// await sees a program to its end: at once where it is stopped, which then is no failure.
func (r *Runner) await(proc *process, stopped bool) error {
	if stopped {
		proc.stop(r.options.Grace)
	}
	err := proc.finish(r.options.Grace)
	<-proc.logged
	r.counts.ended(proc.cmd.ProcessState, stopped)
	how := proc.cmd.ProcessState
	switch {
	case stopped:
		proc.log.Debug("a program was ended", "how", how)
	case err != nil:
		proc.log.Warn("a program has failed", "how", how)
	default:
		proc.log.Debug("a program has ended")
	}
	return err
}
