package commands

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long anything may take, a build of everything from nothing on a busy machine included.
const patience = 2 * time.Minute

// tools is a directory to put first in PATH.
type tools struct{ dir string }

// makeTools builds the program and stands before it and what else needs it.
func makeTools(t *testing.T) tools {
	t.Helper()
	d := tools{dir: t.TempDir()}
	program := filepath.Join(d.dir, "program", "tidings")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/tidings")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	for name, script := range map[string]string{
		// The status with which the program ends is written down, also in the middle of a pipe. Ctrl-C reaches the program by itself.
		"tidings": "trap : INT TERM\n" + program + ` "$@"; status=$?; echo $status >>"$STATUSES"; exit $status`,
		// An answer that is an error fails.
		"curl": "exec " + look(t, "curl") + ` --fail --silent --show-error "$@"`,
		// It writes line by line to a terminal only.
		"jq": "exec " + look(t, "jq") + ` --unbuffered "$@"`,
	} {
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte("#!/bin/bash\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func look(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: scripts/install-test-deps.sh installs it", err)
	}
	return path
}

// environ is the environment of a command: nothing of a make around the test, no proxy on the way to this machine, and no
// settings of the gateway but the given.
func (d tools) environ(more ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return strings.HasPrefix(name, "TIDINGS") || name == "MAKEFLAGS" || name == "MFLAGS" || name == "MAKELEVEL"
	})
	env = append(env, "PATH="+d.dir+":"+os.Getenv("PATH"), "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1")
	return append(env, more...)
}

// process is a command under way, as a shell runs it.
type process struct {
	t        *testing.T
	cmd      *exec.Cmd
	out      output
	statuses string // file with those of the program
	feeds    bool   // the program writes to another's input
	ended    chan struct{}
	err      error // valid after ended
}

// start runs a command in a process group of its own, as a terminal does.
func (d tools) start(t *testing.T, dir, text string, env ...string) *process {
	t.Helper()
	p := &process{
		t: t, statuses: filepath.Join(t.TempDir(), "statuses"), ended: make(chan struct{}),
		feeds: regexp.MustCompile(`\btidings [^|]*\|`).MatchString(text),
	}
	p.cmd = exec.Command("bash", "-o", "pipefail", "-c", text)
	p.cmd.Dir, p.cmd.Env = dir, d.environ(append(env, "STATUSES="+p.statuses)...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = patience / 4 // for what is left once the shell has ended: it holds the shell's output open
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // if any is left
		<-p.ended
	})
	return p
}

// until waits for a condition, as long as the process runs.
func (p *process) until(what string, holds func() bool) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	for again := time.NewTicker(50 * time.Millisecond); ; {
		if holds() {
			again.Stop()
			return
		}
		select {
		case <-again.C:
		case <-p.ended:
			p.t.Fatalf("ended before %s: %v\n%s", what, p.err, p.out.text())
		case <-ctx.Done():
			p.t.Fatalf("in vain waited for %s\n%s", what, p.out.text())
		}
	}
}

// finish waits until the command has ended, with 0, and returns what it printed.
func (p *process) finish() string {
	p.t.Helper()
	p.await()
	if p.err != nil {
		p.t.Fatalf("%v\n%s", p.err, p.out.text())
	}
	p.statusesAreZero()
	return p.out.text()
}

func (p *process) await() {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatalf("does not end\n%s", p.out.text())
	}
}

// interrupt does what Ctrl-C does, waits until all of the command is gone, and holds that the program itself ended with 0.
func (p *process) interrupt() {
	p.t.Helper()
	select {
	case <-p.ended:
		p.t.Fatalf("ended by itself: %v\n%s", p.err, p.out.text())
	default:
	}
	if err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGINT); err != nil {
		p.t.Fatal(err)
	}
	p.await()
	if errors.Is(p.err, exec.ErrWaitDelay) {
		p.t.Errorf("something of it runs on after Ctrl-C\n%s", p.out.text())
	}
	p.statusesAreZero()
}

func (p *process) statusesAreZero() {
	p.t.Helper()
	statuses, err := os.ReadFile(p.statuses)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		p.t.Fatal(err)
	}
	for status := range strings.FieldsSeq(string(statuses)) {
		if status == "141" && p.feeds {
			continue // SIGPIPE: Ctrl-C ended its reader first
		}
		if status != "0" {
			p.t.Errorf("tidings ended with %s\n%s", status, p.out.text())
		}
	}
}

// output is what a process has printed so far.
type output struct {
	mu   sync.Mutex
	have bytes.Buffer // guarded by mu
}

func (o *output) Write(text []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.have.Write(text)
}

func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.have.String()
}

// free is a loopback address with a port that nobody listens on, for programs that do not say which one they got.
func free(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}
