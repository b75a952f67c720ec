package proxies

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long anything may take that does happen, on a busy machine too.
const patience = 30 * time.Second

// program is a proxy that can be started.
type program struct {
	name string // of its binary
	// files are what it reads, by name, for a proxy that listens at one address, has the gateway at another, and a directory of its own.
	files func(listen, gateway, dir string) map[string]string
	args  func(listen, dir string) []string
}

var nginx = program{
	name: "nginx",
	args: func(_, dir string) []string {
		return []string{"-p", dir, "-c", filepath.Join(dir, "nginx.conf"), "-e", "stderr"}
	},
}

var haproxy = program{
	name: "haproxy",
	args: func(_, dir string) []string { return []string{"-db", "-f", filepath.Join(dir, "haproxy.cfg")} },
}

var varnish = program{
	name: "varnishd",
	args: func(listen, dir string) []string {
		return []string{
			"-F", "-j", "none", "-n", filepath.Join(dir, "work"), "-a", listen, "-f", filepath.Join(dir, "varnish.vcl"), "-s", "malloc,16m",
		}
	},
}

// start runs the proxy until the test ends, and returns the address at which it listens.
func (p program) start(t *testing.T, gateway string) string {
	t.Helper()
	path, err := exec.LookPath(p.name)
	if err != nil {
		// Where a user's PATH leaves out what only root usually runs.
		if path, err = exec.LookPath("/usr/sbin/" + p.name); err != nil {
			t.Fatalf("%v: scripts/install-test-deps.sh installs it", err)
		}
	}
	var failures []error
	for range 3 { // a port that was free may have been taken since
		listen := free(t)
		dir := t.TempDir()
		for name, text := range p.files(listen, gateway, dir) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c := run(t, path, p.args(listen, dir)...)
		if err := c.listens(listen); err != nil {
			failures = append(failures, err)
			continue
		}
		return listen
	}
	t.Fatal(errors.Join(failures...))
	return ""
}

// child is a program under way.
type child struct {
	cmd   *exec.Cmd
	out   output
	ended chan struct{}
	err   error // valid after ended
}

// run starts a program and ends it with the test.
func run(t *testing.T, path string, args ...string) *child {
	t.Helper()
	c := &child{cmd: exec.Command(path, args...), ended: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.out
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.cmd.WaitDelay = patience // for children of its own that hold the output open
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.ended)
	}()
	t.Cleanup(func() {
		_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-c.ended:
		case <-time.After(patience):
			t.Errorf("%s does not end\n%s", path, c.out.text())
		}
		_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL) // if any of its children is left
		<-c.ended
		if t.Failed() {
			t.Logf("%s said:\n%s", path, c.out.text())
		}
	})
	return c
}

// listens waits until the program takes connections.
func (c *child) listens(address string) error {
	for deadline := time.Now().Add(patience); ; {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s does not listen: %w\n%s", c.cmd, err, c.out.text())
		}
		select {
		case <-c.ended:
			return fmt.Errorf("%s: %w\n%s", c.cmd, c.err, c.out.text())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// output is what a program has printed so far.
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
	return strings.TrimSpace(o.have.String())
}

// free is a loopback address with a port that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}
