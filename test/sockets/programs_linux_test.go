package sockets

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"tidings/program"
	"tidings/server"
)

// processes counts those whose command line has a word, and all children of this one.
func processes(t *testing.T, word string) (n int) {
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		if line, err := os.ReadFile(path); err == nil && bytes.Contains(line, []byte(word)) { // it may have ended meanwhile
			n++
		}
	}
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range tasks {
		children, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has ended
		}
		n += len(strings.Fields(string(children)))
	}
	return n
}

// TestProgramsVanishWithTheirClients has clients leave in all the ways whose sockets are served by a program that has started another. None of them
// may be left, and nothing that led to them.
func TestProgramsVanishWithTheirClients(t *testing.T) {
	n := 40
	if soaks {
		n = 1000
	}
	// In seconds: long, and nobody else's.
	word := fmt.Sprintf("86400.%d", os.Getpid())
	r, err := program.New(program.Options{
		Command: []string{"sh", "-c", `sleep "$0" & cat`, word}, Path: "/cat", Binary: true, Processes: -1,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s, address := serve(t)
	if err := s.Socket("/cat", r.Serve, server.SocketOptions{Accept: r.Accept, Ping: 300 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	first := gather(t, address)
	first.told(fmt.Sprintf("/cat %d %d", ways, ways))
	first.told("")
	first.end()
	eventually(t, func() error {
		if have, n := r.Stats().Running, processes(t, word); have+n > 0 {
			return fmt.Errorf("of the first, %d programs and %d processes are left", have, n)
		}
		return nil
	})
	goroutines, open := runtime.NumGoroutine(), files(t)

	g := gather(t, address)
	g.told(fmt.Sprintf("/cat %d %d", n, ways))
	if have := r.Stats().Running; have != n || processes(t, word) < 2*n {
		t.Fatalf("%d programs run, in %d processes", have, processes(t, word))
	}
	t.Logf("%d sockets open: %d goroutines, %d files, %d processes", n, runtime.NumGoroutine(), files(t), processes(t, word))
	began := time.Now()
	g.told("")
	eventually(t, func() error {
		if have := r.Stats().Running; have > 0 {
			return fmt.Errorf("%d programs run on", have)
		}
		return nil
	})
	t.Logf("no program runs any more after %v", time.Since(began).Round(time.Millisecond))
	g.end()
	eventually(t, func() error {
		a, b, c := runtime.NumGoroutine(), files(t), processes(t, word)
		if a > goroutines || b > open || c > 0 {
			return fmt.Errorf("%d goroutines, %d files and %d processes are left, not %d, %d and 0", a, b, c, goroutines, open)
		}
		return nil
	})
	if got := r.Stats(); got.Running != 0 || got.Failed != 0 {
		t.Errorf("programs: %+v", got)
	}
}
