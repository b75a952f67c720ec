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
	return servingSockets(t, server.Options{}, server.SocketOptions{MessageBytes: 16 << 20, Protocols: []string{"echo", "chat"}}, echoing)
}

// echoing sends back whatever comes.
func echoing(s *server.Socket) {
	for {
		m, err := s.Receive()
		if err != nil {
			return
		}
		if err := s.Send(m.Kind, m.Data); err != nil {
			return
		}
	}
}

// servingSockets serves /echo by a handler.
func servingSockets(t *testing.T, o server.Options, of server.SocketOptions, handler server.SocketHandler) string {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	s, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Socket("/echo", handler, of); err != nil {
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
