package server_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"

	"tidings/server"
)

// conformingServer serves /echo, where whatever comes goes back, until the test ends, and returns its address.
func conformingServer(t *testing.T) string {
	t.Helper()
	s, err := server.New(server.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Socket("/echo", func(s *server.Socket) {
		for {
			m, err := s.Receive()
			if err != nil {
				return
			}
			if err := s.Send(m.Kind, m.Data); err != nil {
				return
			}
		}
	}, server.SocketOptions{MessageBytes: 16 << 20, Protocols: []string{"echo", "chat"}})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ln) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-served, s.Close()); err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}
