// Echo sends every message back: the least that a program with sockets can be. bench/compare loads it.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"tidings/server"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8090", "listen on this `address`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *listen)
	stop()
	if err != nil {
		slog.Error("echo ends", "cause", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, listen string) error {
	s, err := server.New(server.Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Socket("/echo", echo); err != nil {
		return err
	}
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Printf("connect to ws://%s/echo\n", ln.Addr())
	return s.Serve(ctx, ln)
}

// echo serves one socket. When it returns, the socket is closed.
func echo(s *server.Socket) {
	for {
		m, err := s.Receive()
		if err == nil {
			err = s.Send(m.Kind, m.Data)
		}
		if err != nil { // the client has gone
			return
		}
	}
}
