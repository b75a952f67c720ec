package program

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"tidings/gateway/socket"
)

func TestServe(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 10_000)
	tests := []struct {
		name   string
		script string
		binary bool
		says   []string
		want   string
		close  socket.CloseError
	}{
		{name: "lines", script: `echo one; printf 'two\r\n\nlast'`, want: "one|two||last", close: socket.CloseError{Code: 1000}},
		{name: "input", script: `read a; read b; echo "<$a> <$b>"`, says: []string{"x y", "z"}, want: "<x y> <z>", close: socket.CloseError{Code: 1000}},
		{name: "echo", script: `for i in 1 2 3; do read line; echo "$line"; done`, says: []string{"a", "", "ç"}, want: "a||ç", close: socket.CloseError{Code: 1000}},
		{name: "long input", script: `head -n 1 | wc -c`, says: []string{long}, want: "160001", close: socket.CloseError{Code: 1000}},
		{
			name: "a status", script: `echo x; exit 3`, want: "x",
			close: socket.CloseError{Code: 1011, Reason: "the program has ended: exit status 3"},
		},
		{name: "a signal", script: `kill -9 $$`, close: socket.CloseError{Code: 1011, Reason: "the program has ended: signal: killed"}},
		{name: "binary", script: `printf 'a\n\0b'`, binary: true, want: "binary:a\n\x00b", close: socket.CloseError{Code: 1000}},
		{name: "binary input", script: `head -c 4`, binary: true, says: []string{"ab", "cd"}, want: "binary:abcd", close: socket.CloseError{Code: 1000}},
		{name: "no UTF-8", script: `printf 'a\377b\n'`, want: "a\ufffdb", close: socket.CloseError{Code: 1000}},
		{name: "closed input", script: `exec <&-; echo still here`, says: []string{"a", "b"}, want: "still here", close: socket.CloseError{Code: 1000}},
		{name: "closed output", script: `exec >&-; read x; exit 4`, says: []string{"a"}, close: socket.CloseError{Code: 1011, Reason: "the program has ended: exit status 4"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newTalk(t, test.says...)
			shell(t, test.script, func(o *Options) { o.Binary = test.binary }).serve(c)
			got := c.all()
			if test.binary { // which pieces there are is the system's matter
				got = strings.ReplaceAll(got, "|binary:", "")
			}
			if got != test.want {
				t.Errorf("heard %.200q, want %q", got, test.want)
			}
			if got := c.closed(); got != test.close {
				t.Errorf("closed with %v, want %v", &got, &test.close)
			}
			noChildren(t)
		})
	}
}

func TestServeLongLine(t *testing.T) {
	c := newTalk(t)
	shell(t, `i=0; while [ $i -lt 50000 ]; do printf 'ž%05d' $i; i=$((i+1)); done; printf '\r\nshort\n'`).serve(c)
	var want strings.Builder
	for i := range 50000 {
		fmt.Fprintf(&want, "ž%05d", i)
	}
	got, pieces := "", 0
	for _, piece := range c.heard[:len(c.heard)-1] {
		if !utf8.ValidString(piece) {
			t.Errorf("a character is cut: %q", piece[len(piece)-8:])
		}
		got += strings.TrimPrefix(piece, "+")
		pieces++
	}
	if got != want.String() || pieces < 3 || c.heard[pieces] != "short" {
		t.Errorf("heard %d bytes in %d pieces and %.20q, want %d bytes", len(got), pieces, c.heard[pieces], want.Len())
	}
}

// TestLastWords holds that a program is given all that its client has said before it left, however soon.
func TestLastWords(t *testing.T) {
	out := t.TempDir() + "/out"
	var says []string
	for i := range 2000 {
		says = append(says, fmt.Sprintf("%d %0100d", i, i))
	}
	c := newTalk(t, says...)
	c.end()
	shell(t, `sleep 0.05; cat >"$1"`, func(o *Options) {
		o.Command, o.Grace = append(o.Command, "sh", out), time.Minute
	}).serve(c)
	if got, err := os.ReadFile(out); err != nil || string(got) != strings.Join(says, "\n")+"\n" {
		t.Errorf("it was given %d bytes of %d messages: %v", len(got), len(says), err)
	}
}

// slow is a socket whose client takes nothing before it is let to.
type slow struct {
	*talk

	asked chan struct{} // has an element when something was to be sent
}

func (s *slow) Send(kind socket.Kind, data []byte) error {
	select {
	case s.asked <- struct{}{}:
	default:
	}
	return s.talk.Send(kind, data)
}

// TestSlowClient holds that a client gets all that a program has said, also if it takes it only long after the program's end.
func TestSlowClient(t *testing.T) {
	c := &slow{newTalk(t), make(chan struct{}, 1)}
	c.room, c.says = make(chan struct{}), make(chan socket.Message)
	log := &logged{}
	r := shell(t, `echo 0; read x; seq 9999; sleep 1000 & echo last >&2`, func(o *Options) { o.Grace, o.Logger = time.Nanosecond, log.logger() })
	served := make(chan struct{})
	go func() {
		defer close(served)
		r.serve(c)
	}()
	<-c.asked // whoever sends waits with what is read; the rest stays in the pipe
	c.says <- socket.Message{Kind: socket.Text}
	for r.Stats().Running > 0 {
		runtime.Gosched()
	}
	close(c.room)
	<-served
	if heard := strings.Split(c.all(), "|"); len(heard) != 10000 || heard[9999] != "9999" || c.closed().Code != 1000 {
		t.Errorf("heard %d lines, the last of them %q, closed with %v", len(heard), heard[len(heard)-1], c.closed())
	}
	if !strings.Contains(log.all(), "line=last") {
		t.Error("standard error is not in the log")
	}
	noChildren(t)
}

func TestBinaryToText(t *testing.T) {
	c := newTalk(t)
	c.says = make(chan socket.Message, 1)
	c.says <- socket.Message{Kind: socket.Binary, Data: []byte("x")}
	shell(t, "cat").serve(c)
	if got := c.closed(); got.Code != 1003 {
		t.Errorf("closed with %v", &got)
	}
}

func TestStandardError(t *testing.T) {
	log := &logged{}
	c := newTalk(t)
	shell(t, `echo trouble >&2; exit 3`, func(o *Options) { o.Logger = log.logger() }).serve(c)
	for _, want := range []string{`msg="a program says" path=/ remote=192.0.2.1:4711 program=sh pid=`, "line=trouble", `msg="a program has failed" path=/ remote=192.0.2.1:4711 program=sh pid=`} {
		if !strings.Contains(log.all(), want) {
			t.Errorf("not %s in:\n%s", want, log.all())
		}
	}
}

func TestNotStarted(t *testing.T) {
	dir := t.TempDir()
	for file, want := range map[string]string{
		write(t, dir, "nobody", "#!/nowhere/interpreter\n", 0o700): "no such file or directory: that is the interpreter which its first line names",
		write(t, dir, "nothing", "echo hello\n", 0o700):            "exec format error: a script begins with #! and its interpreter",
	} {
		log := &logged{}
		r, err := New(Options{Command: []string{file}, Logger: log.logger()})
		if err != nil {
			t.Fatal(err)
		}
		c := newTalk(t)
		r.serve(c)
		if got := c.closed(); got.Code != 1011 || got.Reason != "the program could not be started" || !strings.Contains(log.all(), want) {
			t.Errorf("closed with %v: %s", &got, log.all())
		}
		if got := r.Stats(); got.Failed != 1 || got.Started != 0 || got.Running != 0 {
			t.Errorf("counted %+v", got)
		}
	}
}

func TestMostProcesses(t *testing.T) {
	r := shell(t, "echo ready; cat", func(o *Options) { o.Processes = 1 })
	first := newTalk(t)
	served := make(chan struct{})
	go func() {
		defer close(served)
		r.serve(first)
	}()
	first.until(t, func(heard string) bool { return heard == "ready" })
	_, err := r.Accept(first.request)
	if refused, ok := errors.AsType[*socket.RefusedError](err); !ok || refused.Status != 503 {
		t.Errorf("accepted, or %v", err)
	}
	second := newTalk(t)
	r.serve(second) // both may come at the same time
	if got := second.closed(); got.Code != 1013 {
		t.Errorf("closed with %v", &got)
	}
	first.end()
	<-served
	if _, err := r.Accept(first.request); err != nil {
		t.Error(err)
	}
	want := Stats{Started: 1, Refused: 2, Exits: map[string]uint64{ExitStopped: 1}}
	if diff := cmp.Diff(want, r.Stats()); diff != "" {
		t.Errorf("want (-) and got (+):\n%s", diff)
	}
}

func TestExitsAreCounted(t *testing.T) {
	var sum Stats
	for _, script := range []string{"exit 0", "exit 7", "kill -15 $$", "exit 7"} {
		r := shell(t, script)
		r.serve(newTalk(t))
		sum.Add(r.Stats())
	}
	want := Stats{Started: 4, Exits: map[string]uint64{"0": 1, "7": 2, ExitSignal: 1}}
	if diff := cmp.Diff(want, sum); diff != "" {
		t.Errorf("want (-) and got (+):\n%s", diff)
	}
}

func TestOptionsCheck(t *testing.T) {
	dir := t.TempDir()
	plain := write(t, dir, "plain", "#!/bin/sh\n", 0o600)
	t.Chdir(dir)
	write(t, dir, "here.sh", "#!/bin/sh\n", 0o700)
	tests := []struct {
		name string
		o    Options
		want string
	}{
		{"nothing", Options{}, "there is no program, and no directory of programs"},
		{"both", Options{Command: []string{"cat"}, Dir: dir}, "there is a program and a directory of programs: only one of them can serve"},
		{"no directory", Options{Dir: plain}, plain + " is no directory"},
		{"nowhere", Options{Command: []string{"nowhere-at-all"}}, `there is no program "nowhere-at-all": executable file not found in $PATH`},
		{"no such file", Options{Command: []string{"./nowhere"}}, `there is no program "./nowhere": no such file or directory`},
		{"not executable", Options{Command: []string{plain}}, plain + " cannot be executed: is it chmod +x?"},
		{"not in PATH", Options{Command: []string{"here.sh"}}, `"here.sh" is not in PATH: say ./here.sh for the one in this directory`},
		{"two mistakes", Options{Grace: -1}, "there is no program, and no directory of programs\nthe grace is negative: -1ns"},
		{"well", Options{Command: []string{"./here.sh"}}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			if err := test.o.Check(); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
			if r, err := New(test.o); (err == nil) != (test.want == "") {
				t.Errorf("made %v, %v", r, err)
			}
		})
	}
}
