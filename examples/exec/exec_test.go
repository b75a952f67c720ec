package exec_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"strings"
	"testing"

	"tidings/program"
	"tidings/server"
	"tidings/transport/websocket"
)

// TestPrograms holds what each program of this directory says. The Java one needs more than this repository asks for, and is not run.
func TestPrograms(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Fatalf("%v: scripts/install-test-deps.sh installs it", err)
	}
	r, err := program.New(program.Options{Dir: ".", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s, err := server.New(server.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Socket("/", r.Serve, server.SocketOptions{Accept: r.Accept}); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ln) }()
	defer func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	for _, test := range []struct{ at, says, want string }{
		{"/count.sh?to=2", "", "1|2|"},
		{"/greeter.py", "Ada|Žofie|bye", "Who is there?|Hello, Ada from 127.0.0.1!|Hello, Žofie from 127.0.0.1!|"},
	} {
		c, err := websocket.Dial(t.Context(), fmt.Sprintf("ws://%s%s", ln.Addr(), test.at), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for says := range strings.FieldsFuncSeq(test.says, func(r rune) bool { return r == '|' }) {
			if err := c.Write([]byte(says), true); err != nil {
				t.Fatal(err)
			}
		}
		got := ""
		for {
			data, _, err := c.Read()
			if err != nil {
				if closed, ok := errors.AsType[*websocket.CloseError](err); !ok || closed.Code != 1000 {
					t.Errorf("%s: %v", test.at, err)
				}
				break
			}
			got += string(data) + "|"
		}
		if got != test.want {
			t.Errorf("%s: heard %q, want %q", test.at, got, test.want)
		}
		_ = c.Close(1000, "") // it is closed
	}
}
