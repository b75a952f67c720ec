// Command bare is the least that a push server can be, in four parts: the yardsticks of docs/benchmarks.md, and nothing to use.
//
//   - It keeps the connections that follow it, WebSockets at /ws and SSE at /sse, and writes one prepared frame to each of them from
//     the request that publishes, a POST to /publish. There is no queue, no history, no resume, no heartbeat, and a follower that
//     does not read stops all.
//   - A POST to /discard reads the body and answers 204: what a request with a body costs in net/http. One to /receipt answers with as
//     much as a gateway's receipt has.
//   - A second listener is an accept loop without net/http (accept.go).
//   - A third takes WebSockets, and sends back what comes (echo.go).
//
// It listens on ports of 127.0.0.1 that it prints. Its goroutines are net/http's, one for each connection to the second
// listener until it is answered, and one for each to the third.
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
	accept := flag.String("accept", "127.0.0.1:0", "address of the accept loop")
	echo := flag.String("echo", "127.0.0.1:0", "address of the echo")
	keep := flag.Int("keep", 3, "messages that the accept loop gives who connects")
	flag.Parse()
	if err := serve(*listen, *accept, *echo, *keep); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

func serve(listen, accept, echo string, keep int) error {
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	quick, err := net.Listen("tcp", accept)
	if err != nil {
		return err
	}
	sockets, err := net.Listen("tcp", echo)
	if err != nil {
		return err
	}
	fmt.Printf("bare listens on http://%s, its accept loop on http://%s, its echo on ws://%s\n", ln.Addr(), quick.Addr(), sockets.Addr())
	door := newDoor(keep)
	ended := make(chan error, 3)
	go func() { ended <- serveEcho(sockets) }()
	go func() { ended <- door.serve(quick) }()
	go func() { ended <- http.Serve(ln, handler(door)) }()
	return <-ended
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

func handler(door *door) http.Handler {
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
		events.write(event(body))
		door.publish(body)
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /receipt", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessage)); err != nil {
			return
		}
		h := w.Header()
		h["Content-Type"], h["X-Content-Type-Options"], h["Tidings-Cursor"] = receiptType, receiptSniff, receiptCursor
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(receipt)
	})
	mux.HandleFunc("POST /discard", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err == nil {
			w.WriteHeader(http.StatusNoContent)
		}
	})
	return mux
}

func event(body []byte) []byte { return slices.Concat([]byte("data: "), body, []byte("\n\n")) }

// A receipt, and its fields, as a gateway writes them.
var (
	receipt = []byte(`{"topic":"bench/0a1b2c3d","cursor":"brfje6sdd4ep-21","seq":21,"prev":20,"durability":"memory","followers":0,"duplicate":false}` +
		"\n")
	receiptType, receiptSniff = []string{"application/json"}, []string{"nosniff"}
	receiptCursor             = []string{"brfje6sdd4ep-21"}
)
