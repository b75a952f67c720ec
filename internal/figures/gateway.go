package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// gateway is the program under load, in a process of its own.
type gateway struct {
	cmd  *exec.Cmd
	host string // host:port
}

var listens = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// start runs the program and waits until it says where it listens.
func start(program string, args ...string) (*gateway, error) {
	g := &gateway{cmd: exec.Command(program, args...)}
	out, err := g.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	g.cmd.Stderr = os.Stderr
	if err := g.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if found := listens.FindString(lines.Text()); found != "" {
			u, err := url.Parse(found)
			if err != nil {
				return nil, err
			}
			g.host = u.Host
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return g, nil
		}
	}
	g.stop()
	return nil, errors.New("the program ended without saying where it listens")
}

func (g *gateway) stop() {
	_ = g.cmd.Process.Kill()
	_ = g.cmd.Wait()
}

// rss returns the process's resident memory in bytes.
func (g *gateway) rss() (int64, error) {
	status, err := os.ReadFile(g.proc("status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if kib, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(kib), " kB"), 10, 64)
			return n << 10, err
		}
	}
	return 0, errors.New("no VmRSS in /proc status")
}

// cpu returns the processor time that the process has used, user and system.
func (g *gateway) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(g.proc("stat"))
	if err != nil {
		return 0, err
	}
	// The second field is the program's name in brackets; utime and stime are the 14th and 15th, in ticks of 10 ms (proc(5)).
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("short /proc stat: %q", stat)
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond, err
}

func (g *gateway) proc(file string) string {
	return filepath.Join("/proc", strconv.Itoa(g.cmd.Process.Pid), file)
}
