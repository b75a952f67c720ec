package sockets

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"tidings/server"
)

// floodPath is where the handler sends more than its client reads.
const floodPath = "/flood"

// tally counts how sockets end.
type tally struct {
	mu    sync.Mutex
	codes map[uint16]int // guarded by mu
}

func (t *tally) note(err error) {
	code := uint16(0)
	if end, ok := errors.AsType[*server.SocketCloseError](err); ok {
		code = end.Code
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.codes[code]++
}

func (t *tally) is(want map[uint16]int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !maps.Equal(t.codes, want) {
		return fmt.Errorf("sockets ended with %v, want %v", t.codes, want)
	}
	return nil
}

// files counts what the process has open.
func files(t *testing.T) int {
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// gathering is a crowd as its test sees it.
type gathering struct {
	t    *testing.T
	cmd  *exec.Cmd
	to   io.WriteCloser
	from *bufio.Reader
}

func gather(t *testing.T, address string) *gathering {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crowdAt+"="+address)
	cmd.Stderr = os.Stderr
	to, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	from, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return &gathering{t, cmd, to, bufio.NewReader(from)}
}

// told has the crowd do something, and returns when it has.
func (g *gathering) told(line string) {
	g.t.Helper()
	if _, err := fmt.Fprintln(g.to, line); err != nil {
		g.t.Fatal(err)
	}
	if _, err := g.from.ReadString('\n'); err != nil {
		g.t.Fatalf("the crowd has ended: %v", err)
	}
}

func (g *gathering) end() {
	g.t.Helper()
	g.to.Close()
	if err := g.cmd.Wait(); err != nil {
		g.t.Error(err)
	}
}

// TestTenThousandVanish opens sockets, of which each tenth is sent more than it reads, and has a quarter close, a quarter hang up, a quarter reset their
// connections, and a quarter freeze. Every handler has to end and to be told how, and nothing may be left: no goroutine and no file.
func TestTenThousandVanish(t *testing.T) {
	// Who freezes while there is something for it is found out by the system, after half a minute.
	echoes, floods, floodWays := 360, 39, freezes
	if soaks {
		echoes, floods, floodWays = 9000, 1000, ways
	}
	s, address := serve(t)
	ended := tally{codes: make(map[uint16]int)}
	o := server.SocketOptions{Ping: 300 * time.Millisecond, BufferBytes: 16 << 10, NoDeflate: true}
	err := errors.Join(
		s.Socket("/echo", func(s *server.Socket) {
			for {
				m, err := s.Receive()
				if err == nil {
					err = s.Send(m.Kind, m.Data)
				}
				if err != nil {
					ended.note(err)
					return
				}
			}
		}, o),
		s.Socket(floodPath, func(s *server.Socket) {
			for noise := make([]byte, 16<<10); ; {
				if err := s.Send(server.Binary, noise); err != nil {
					ended.note(err)
					return
				}
			}
		}, o))
	if err != nil {
		t.Fatal(err)
	}
	first := gather(t, address) // what the first sockets start stays
	first.told(fmt.Sprintf("/echo %d %d", ways, ways))
	first.told("")
	want := map[uint16]int{1000: 1, 1006: 3}
	eventually(t, func() error { return ended.is(want) })
	first.end()
	goroutines, open := runtime.NumGoroutine(), files(t)

	g := gather(t, address)
	began := time.Now()
	g.told(fmt.Sprintf("/echo %d %d", echoes, ways))
	g.told(fmt.Sprintf("%s %d %d", floodPath, floods, floodWays))
	t.Logf("%d sockets open after %v: %d goroutines, %d files, %.0f MiB", echoes+floods, time.Since(began).Round(time.Millisecond),
		runtime.NumGoroutine(), files(t), float64(held())/(1<<20))
	began = time.Now()
	g.told("")
	clean := echoes/ways + floods/floodWays
	want[1000] += clean
	want[1006] += echoes + floods - clean
	eventually(t, func() error { return ended.is(want) })
	t.Logf("all handlers have ended after %v", time.Since(began).Round(time.Millisecond))
	g.end()
	eventually(t, func() error {
		if n, m := runtime.NumGoroutine(), files(t); n > goroutines || m > open {
			return fmt.Errorf("%d goroutines and %d files are left, not %d and %d", n, m, goroutines, open)
		}
		return nil
	})
	debug.FreeOSMemory()
	t.Logf("left are %d goroutines, %d files, %.0f MiB", runtime.NumGoroutine(), files(t), float64(held())/(1<<20))
}
