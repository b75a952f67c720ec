// Chat is a room: what one says, all hear, over whatever their networks let through.
package main

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"tidings/server"
)

//go:embed index.html
var page []byte

func main() {
	listen := flag.String("listen", "127.0.0.1:8091", "listen on this `address`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *listen)
	stop()
	if err != nil {
		slog.Error("chat ends", "cause", err)
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

// open returns the room, with its page at /.
func open() (*server.Server, error) {
	pages := http.NewServeMux()
	pages.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(page) })
	gateway, err := server.New(server.Options{NoBoard: true, Pages: pages})
	if err != nil {
		return nil, err
	}
	return gateway, gateway.Socket("/chat", func(s *server.Socket) {
		query, _ := url.ParseQuery(s.Request().Query) // what of it can be read
		tell := func(text string) { gateway.Broadcast("/chat", server.Text, []byte(query.Get("name")+text)) }
		tell(" came in")
		defer tell(" left")
		for {
			said, err := s.Receive()
			if err != nil {
				return
			}
			tell(": " + string(said.Data))
		}
	})
}
