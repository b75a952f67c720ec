package main

import (
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tidings/client"
	"tidings/transport"
)

// gate lets one transport through at a time.
type gate struct {
	net.Listener

	only atomic.Int32 // the transport's kind

	mu   sync.Mutex
	open []net.Conn // guarded by mu
}

// Accept implements [net.Listener].
func (g *gate) Accept() (net.Conn, error) {
	c, err := g.Listener.Accept()
	if err == nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.open = append(g.open, c)
	}
	return c, err
}

// let has only one transport get through from now on; what there is is cut.
func (g *gate) let(kind transport.Kind) {
	g.only.Store(int32(kind))
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.open {
		c.Close()
	}
	g.open = nil
}

// startGate starts one in front of a server. It returns the address of the gate.
func startGate(t *testing.T, host string) (g *gate, address string) {
	t.Helper()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: host})
	proxy.FlushInterval, proxy.ErrorLog = -1, slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug) // it is meant to fail
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		by := r.URL.Query().Get("transport")
		if by == "" && r.Method == http.MethodGet {
			by = transport.WebSocket.String()
		}
		if by != "" && by != transport.Kind(g.only.Load()).String() {
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	}))
	g = &gate{Listener: front.Listener}
	front.Listener = g
	front.Start()
	t.Cleanup(front.Close)
	return g, front.Listener.Addr().String()
}

// TestExecMoves holds that a program stays with its client, whatever carries the socket, and is given each message once.
func TestExecMoves(t *testing.T) {
	t.Parallel() // clients do not come back at once
	s := startExec(t, "sh", "-c", `while read x; do n=$((n+1)); echo "$n $x"; done; exit 7`)
	g, address := startGate(t, s.host)
	g.let(transport.WebSocket)
	kinds := []transport.Kind{transport.WebSocket, transport.SSE, transport.LongPoll}
	c, err := client.Dial(t.Context(), "ws://"+address+"/a?b=c", client.DialOptions{Transports: kinds})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, kind := range kinds {
		said := func() {
			n++
			if err := c.Send(client.Text, []byte("by "+kind.String())); err != nil {
				t.Fatal(err)
			}
		}
		said()
		g.let(kind)
		said()
		for i := n - 1; i <= n; i++ {
			m, err := c.Receive()
			if want := strconv.Itoa(i) + " by " + kind.String(); err != nil || string(m.Data) != want {
				t.Fatalf("heard %q %v, want %q", m.Data, err, want)
			}
		}
		if by := c.Transport(); by != kind.String() {
			t.Errorf("carried by %q, while only %s gets through", by, kind)
		}
	}
	if err := c.Close(1000, ""); err != nil {
		t.Fatal(err)
	}
	<-c.Context().Done()
	if _, body := s.get("/metrics"); !strings.Contains(body, "tidings_programs_started_total 1\n") {
		t.Error("it was not one program")
	}
}
