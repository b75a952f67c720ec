// Upload takes files by socket: each is one binary message, of any length, which is hashed while it arrives and never held whole.
package main

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"tidings/server"
)

//go:embed index.html
var page []byte

func main() {
	listen := flag.String("listen", "127.0.0.1:8092", "listen on this `address`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *listen)
	stop()
	if err != nil {
		slog.Error("upload ends", "cause", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, listen string) error {
	gateway, err := open()
	if err != nil {
		return err
	}
	defer gateway.Close()
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Printf("open http://%s/\n", ln.Addr())
	return gateway.Serve(ctx, ln)
}

// open returns what takes files, with its page at /.
func open() (*server.Server, error) {
	pages := http.NewServeMux()
	pages.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(page) })
	gateway, err := server.New(server.Options{NoBoard: true, Pages: pages})
	if err != nil {
		return nil, err
	}
	// No file is too long for who reads it as it comes.
	return gateway, gateway.Socket("/files", take, server.SocketOptions{MessageBytes: -1})
}

// take answers each file with what it was.
func take(s *server.Socket) {
	for {
		kind, file, err := s.Reader()
		if err != nil {
			return
		}
		if kind != server.Binary {
			_ = s.Close(1003, "a file is binary") // the code and the reason may be sent
			return
		}
		sum := sha256.New()
		n, err := io.Copy(sum, file)
		if err != nil {
			return
		}
		if s.Send(server.Text, fmt.Appendf(nil, `{"bytes":%d,"sha256":"%x"}`, n, sum.Sum(nil))) != nil {
			return
		}
	}
}
