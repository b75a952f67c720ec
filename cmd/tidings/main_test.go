package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tidings/metrics"
	"tidings/server"
	"tidings/transport/websocket"
)

var update = flag.Bool("update", false, "write the golden files again")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tidings": main})
}

// TestScripts runs the program as a user does. Each script in testdata/script has a directory of its own; $URL is set by
// `gateway`, which waits until the one that was started in the background says where it listens.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", UpdateScripts: *update, RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"gateway": startGateway, "code": exitsWith, "scrape": scrape, "await": await, "talk": talk, "sockets": startSockets},
	})
}

// startGateway starts `tidings serve` on a free port with further arguments, waits until it listens and sets $URL. It is stopped
// with the script, by the signal that stops it in order; then it has to end with 0.
func startGateway(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("unsupported: ! gateway")
	}
	out := &announced{lines: make(chan string, 1)}
	errs, err := os.Create(ts.MkAbs("gateway.log"))
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan exitCode, 1)
	go func() {
		ended <- run(ctx, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...), strings.NewReader(""), out, errs, env(ts))
	}()
	ts.Defer(func() {
		cancel()
		if code := <-ended; code != exitOK {
			ts.Logf("the gateway ended with %d", code)
		}
		errs.Close()
	})
	select {
	case text := <-out.lines:
		url := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(text)
		ts.Setenv("URL", url)
		ts.Setenv("TIDINGS_GATEWAY", url)
	case code := <-ended:
		ended <- code
		ts.Fatalf("the gateway ended with %d", code)
	}
}

// startSockets serves sockets as a Go program does and sets $URL: /shout, /count (which closes with the code that it is asked for), /asked
// (which tells what it was asked with) and /no (which refuses).
func startSockets(ts *testscript.TestScript, _ bool, _ []string) {
	s, err := server.New(server.Options{PollInterval: 50 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	ts.Check(err)
	ts.Check(s.Socket("/shout", func(socket *server.Socket) {
		for m, err := socket.Receive(); err == nil; m, err = socket.Receive() {
			_ = socket.Send(m.Kind, bytes.ToUpper(m.Data)) // then the next Receive fails too
		}
	}))
	ts.Check(s.Socket("/count", func(socket *server.Socket) {
		for i := range 3 {
			_ = socket.Send(server.Text, fmt.Append(nil, i+1))
		}
		if code, ok := strings.CutPrefix(socket.Request().Query, "code="); ok {
			n, _ := strconv.Atoi(code)
			_ = socket.Close(uint16(n), "enough")
		}
	}))
	ts.Check(s.Socket("/asked", func(socket *server.Socket) {
		_ = socket.Send(server.Text, []byte(socket.Protocol()+" "+socket.Request().Header.Get("X-Name")))
	}, server.SocketOptions{Protocols: []string{"chat"}}))
	ts.Check(s.Socket("/no", func(*server.Socket) {}, server.SocketOptions{Accept: func(*server.SocketRequest) (string, error) {
		return "", &server.SocketRefusedError{Status: http.StatusTeapot, Detail: "not today"}
	}}))
	web := httptest.NewServer(s)
	ts.Defer(func() {
		ts.Check(s.Close())
		web.Close()
	})
	ts.Setenv("URL", web.URL)
}

func env(ts *testscript.TestScript) []string {
	var out []string
	for _, name := range []string{"TIDINGS_CONFIG", "TIDINGS_PUBLISH_KEY"} {
		if value := ts.Getenv(name); value != "" {
			out = append(out, name+"="+value)
		}
	}
	return out
}

// announced passes on the first thing that is written.
type announced struct {
	lines chan string
	said  bool
}

func (a *announced) Write(text []byte) (int, error) {
	if !a.said {
		a.said = true
		a.lines <- string(text)
	}
	return len(text), nil
}

// exitsWith runs a command that has to end with a code: code 2 tidings publish.
func exitsWith(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command arguments…")
	}
	err := ts.Exec(args[1], args[2:]...)
	var code int
	if exit, ok := err.(interface{ ExitCode() int }); ok {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("ended with %d", code)
	}
}

// await waits until a metric is above 0, for as long as the test may run: await name.
func await(ts *testscript.TestScript, _ bool, args []string) {
	moved := regexp.MustCompile(`(?m)^` + args[0] + ` [1-9]`)
	for body := ""; !moved.MatchString(body); body = fetchMetrics(ts) {
		runtime.Gosched()
	}
}

func fetchMetrics(ts *testscript.TestScript) string {
	resp, err := http.Get(ts.Getenv("URL") + "/metrics")
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	return string(body)
}

// talk says a text to a program that says it again and ends, once over a WebSocket and once over polls: talk path text.
func talk(ts *testscript.TestScript, _ bool, args []string) {
	url := ts.Getenv("URL") + args[0]
	c, err := websocket.Dial(context.Background(), "ws"+strings.TrimPrefix(url, "http"), nil, nil)
	ts.Check(err)
	ts.Check(c.Write([]byte(args[1]), true))
	if data, _, err := c.Read(); err != nil || string(data) != args[1] {
		ts.Fatalf("heard %q, %v", data, err)
	}
	ts.Check(c.Close(1000, ""))

	url += "?tidings=0123456789abcdef&transport=longpoll&wait=55"
	heard, cursor, body := "", "", `{"seq":1,"data":"`+args[1]+`"}`
	for !strings.Contains(heard, `"close"`) {
		resp, err := http.Post(url+cursor, "text/plain", strings.NewReader(body))
		ts.Check(err)
		text, err := io.ReadAll(resp.Body)
		ts.Check(err)
		ts.Check(resp.Body.Close())
		at := regexp.MustCompile(`"cursor":"([^"]+)"`).FindSubmatch(text)
		if at == nil {
			ts.Fatalf("%s: %s", resp.Status, text)
		}
		heard += string(text)
		cursor, body = "&since="+string(at[1]), ""
	}
	if !strings.Contains(heard, `"data":"`+args[1]+`"`) || !strings.Contains(heard, `"code":1000`) {
		ts.Fatalf("heard %s", heard)
	}
}

// scrape holds what /metrics shows against the documented table: scrape moved name… checks that they are above 0.
func scrape(ts *testscript.TestScript, neg bool, args []string) {
	body := fetchMetrics(ts)
	for _, m := range regexp.MustCompile("(?m)^\\| `(tidings_[a-z_]+)`").FindAllStringSubmatch(metrics.Page(), -1) {
		if !strings.Contains(body, "\n# TYPE "+m[1]+" ") {
			ts.Fatalf("%s is documented and not shown", m[1])
		}
	}
	for _, name := range args {
		if moved := regexp.MustCompile(`(?m)^` + name + ` [1-9]`).MatchString(body); moved == neg {
			ts.Fatalf("%s: moved is %v in\n%s", name, moved, body)
		}
	}
}

// TestExitCodes holds docs/command-line.md against the table.
func TestExitCodes(t *testing.T) {
	page, err := os.ReadFile(filepath.FromSlash("../../docs/command-line.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range exitCodes {
		if row := fmt.Sprintf("| %d | %s |", e.code, strings.ToUpper(e.meaning[:1])+e.meaning[1:]+"."); !strings.Contains(string(page), row) {
			t.Errorf("docs/command-line.md has no row %s", row)
		}
	}
}

// TestSignal holds that a follow and a gateway end in order when they are told to.
func TestSignal(t *testing.T) {
	ctx, stop := signal.NotifyContext(t.Context(), syscall.SIGUSR1)
	defer stop()
	out := &announced{lines: make(chan string, 1)}
	ended := make(chan exitCode)
	go func() {
		ended <- run(ctx, []string{"--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"}, nil, out, io.Discard, nil)
	}()
	text := <-out.lines
	url := regexp.MustCompile(`http://\S+`).FindString(text)
	messages := &announced{lines: make(chan string, 1)}
	go func() {
		ended <- run(ctx, []string{"follow", "a", "--since", "all", "--gateway", url}, nil, messages, io.Discard, nil)
	}()
	if code := run(t.Context(), []string{"publish", "a", "hello", "--gateway", url}, nil, io.Discard, os.Stderr, nil); code != exitOK {
		t.Fatalf("publish ended with %d", code)
	}
	if got := <-messages.lines; got != "hello\n" {
		t.Errorf("followed %q", got)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		select {
		case code := <-ended:
			if code != exitOK {
				t.Errorf("ended with %d", code)
			}
		case <-time.After(time.Minute):
			t.Fatal("did not end")
		}
	}
}
