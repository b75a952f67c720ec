package program

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// adoptOrphans makes this process the parent of those whose parent has ended, as process 1 is. So a test sees whether any is left.
func adoptOrphans() {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		panic(err)
	}
}

// noChildren holds that nothing is left, alive or dead.
func noChildren(t *testing.T) {
	t.Helper()
	var info unix.Siginfo
	err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	if !errors.Is(err, unix.ECHILD) {
		children, _ := os.ReadFile("/proc/thread-self/children")
		t.Errorf("there are children: %v, %s", err, children)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// TestGroupEnds holds that when the client has left, nothing of the program is left, however it is made and whatever it ignores.
func TestGroupEnds(t *testing.T) {
	tests := []struct {
		name   string
		script string // says ready
		status string // how it has ended, as the log has it
	}{
		{"it ends with its input", `echo ready; cat; echo saved >"$OUT"`, "exit status 0"},
		{"it ends with SIGTERM", `echo ready; while :; do sleep 1000; done`, "signal: terminated"},
		{"it cleans up at SIGTERM", `trap 'echo saved >"$OUT"; exit 0' TERM; echo ready; while :; do sleep 1000 & wait; done`, "exit status 0"},
		{"it ignores SIGTERM", `trap "" TERM; echo ready; while :; do sleep 1000; done`, "signal: killed"},
		{"it has children", `sleep 1000 & sleep 1000 & (sleep 1000 & sleep 1000) & echo ready; wait`, "signal: terminated"},
		{"its child ignores SIGTERM", `(trap "" TERM; sleep 1000; sleep 1000) & echo ready; wait`, "signal: terminated"},
		{"it is stopped", `echo ready; kill -STOP $$`, "signal: killed"},
		{"it speaks on", `echo ready; while :; do echo more || exit 9; done`, "signal: terminated"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			log := &logged{}
			out := t.TempDir() + "/out"
			c := newTalk(t)
			r := shell(t, "OUT="+out+"; "+test.script, func(o *Options) {
				o.Logger, o.Grace = log.logger(), 50*time.Millisecond
				if strings.Contains(test.script, "saved") {
					o.Grace = time.Minute
				}
			})
			if strings.HasPrefix(test.script, "trap 'echo") {
				r.options.Grace = time.Second // it is asked only after that
			}
			served := make(chan struct{})
			go func() {
				defer close(served)
				r.serve(c)
			}()
			c.until(t, func(heard string) bool { return strings.HasPrefix(heard, "ready") })
			c.end()
			<-served
			noChildren(t)
			if !strings.Contains(log.all(), `how="`+test.status+`"`) {
				t.Errorf("not %s:\n%s", test.status, log.all())
			}
			if saved, err := os.ReadFile(out); strings.Contains(test.script, "saved") && (err != nil || string(saved) != "saved\n") {
				t.Errorf("it had no time to save: %q %v", saved, err)
			}
		})
	}
}

// TestWhatIsLeft holds that what a program leaves behind when it ends by itself ends, too, and does not hold the socket open.
func TestWhatIsLeft(t *testing.T) {
	for _, script := range []string{
		`sleep 1000 & echo done`,
		`sleep 1000 >/dev/null 2>&1 & echo done`,
		`(trap "" TERM; sleep 1000; sleep 1000) & sleep 0; echo done`,
	} {
		c := newTalk(t)
		shell(t, script, func(o *Options) { o.Grace = 50 * time.Millisecond }).serve(c)
		if got := c.closed(); c.all() != "done" || got.Code != 1000 {
			t.Errorf("%s: heard %q, closed with %v", script, c.all(), &got)
		}
		noChildren(t)
	}
}

// TestEscaped holds that a process which has left the group, and holds the output open, does not hold the socket open.
func TestEscaped(t *testing.T) {
	c := newTalk(t)
	shell(t, `setsid sh -c 'echo $$; exec sleep 1000' & read x`, func(o *Options) { o.Grace = 50 * time.Millisecond }).serve(func() *talk {
		go func() {
			c.until(t, func(heard string) bool { return heard != "" })
			close(c.says)
		}()
		return c
	}())
	pid, err := strconv.Atoi(c.all())
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Wait4(pid, nil, 0, nil); err != nil {
		t.Error(err)
	}
	noChildren(t)
}

// TestOtherGroup holds that a program which has joined another group is ended, too.
func TestOtherGroup(t *testing.T) {
	c := newTalk(t)
	r := shell(t, "", func(o *Options) {
		o.Command = []string{"perl", "-e", `$| = 1; setpgrp(0, getpgrp(getppid())) or die $!; print "ready\n"; sleep 1000 while 1`}
		o.Grace = 10 * time.Millisecond
	})
	served := make(chan struct{})
	go func() {
		defer close(served)
		r.serve(c)
	}()
	c.until(t, func(heard string) bool { return heard == "ready" })
	c.end()
	<-served
	noChildren(t)
}

// TestThousand holds that sockets which come and go quickly leave nothing behind: neither processes nor files (goroutines are looked at by TestMain).
func TestThousand(t *testing.T) {
	shell(t, `echo hello`).serve(newTalk(t)) // what is opened once is opened now
	before := openFiles(t)
	r := shell(t, `echo ready; cat`, func(o *Options) { o.Processes = -1 })
	var wg sync.WaitGroup
	turns := make(chan int)
	for range 20 {
		wg.Go(func() {
			for i := range turns {
				c := newTalk(t, "hello")
				switch i % 3 {
				case 0: // it leaves at once
					c.end()
				case 1: // as soon as it was greeted
					go func() {
						c.until(t, func(heard string) bool { return strings.HasPrefix(heard, "ready") })
						c.end()
					}()
				case 2: // orderly
					go func() {
						c.until(t, func(heard string) bool { return heard == "ready|hello" })
						close(c.says)
					}()
				}
				r.serve(c)
			}
		})
	}
	for i := range 1000 {
		turns <- i
	}
	close(turns)
	wg.Wait()
	noChildren(t)
	if got := openFiles(t); got > before {
		t.Errorf("%d files are open, %d were", got, before)
	}
	if got := r.Stats(); got.Started != 1000 || got.Running != 0 || got.Exits[ExitStopped] != 1000 {
		t.Errorf("counted %+v", got)
	}
}
