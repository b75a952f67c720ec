// Command bare is the least that a push server can be: it keeps the connections that follow it, WebSockets at /ws and SSE at /sse,
// and writes one prepared frame to each of them from the request that publishes, a POST to /publish. There is no queue, no history, no
// resume, no heartbeat, and a follower that does not read stops all: the yardstick of docs/benchmarks.md, and nothing to use.
//
// It listens on a port of 127.0.0.1 that it prints. Its only goroutines are net/http's.
package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"

	"github.com/gobwas/ws"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	flag.Parse()
	if err := serve(*listen); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

func serve(listen string) error {
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Printf("bare listens on http://%s\n", ln.Addr())
	return http.Serve(ln, handler())
}

// loop is everybody who follows in one way.
type loop struct {
	mu    sync.Mutex
	conns []net.Conn // guarded by mu
}

func (l *loop) add(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, c)
}

// write gives everyone the same bytes. Who cannot take them is gone.
func (l *loop) write(b []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.conns) == 0 {
		return
	}
	l.conns = slices.DeleteFunc(l.conns, func(c net.Conn) bool {
		_, err := c.Write(b)
		if err != nil {
			c.Close()
		}
		return err != nil
	})
}

const maxMessage = 1 << 20

func handler() http.Handler {
	var sockets, events loop
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ws", func(w http.ResponseWriter, r *http.Request) {
		if c, _, _, err := ws.UpgradeHTTP(r, w); err == nil {
			sockets.add(c)
		}
	})
	mux.HandleFunc("GET /sse", func(w http.ResponseWriter, r *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"); err == nil {
			events.add(c)
		}
	})
	mux.HandleFunc("POST /publish", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessage))
		if err != nil {
			return
		}
		if frame, err := ws.CompileFrame(ws.NewTextFrame(body)); err == nil {
			sockets.write(frame)
		}
		events.write(slices.Concat([]byte("data: "), body, []byte("\n\n")))
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}
