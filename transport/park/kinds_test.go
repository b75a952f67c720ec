package park

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// kinds are the ways in which a client may be connected. Every test of the suite runs over each.
var kinds = []kind{
	{"tcp", true, func(t *testing.T, answer func(Exchange)) (string, *http.Client) {
		return serve(t, byHTTP(answer), listen(t, "tcp", "127.0.0.1:0"), nil)
	}},
	{"unix", true, func(t *testing.T, answer func(Exchange)) (string, *http.Client) {
		return serve(t, byHTTP(answer), listen(t, "unix", filepath.Join(t.TempDir(), "s")), nil)
	}},
	{"wrapped", true, func(t *testing.T, answer func(Exchange)) (string, *http.Client) {
		return serve(t, byHTTP(answer), wrapping{listen(t, "tcp", "127.0.0.1:0")}, nil)
	}},
	{"pipe", true, func(t *testing.T, answer func(Exchange)) (string, *http.Client) {
		l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		return serve(t, byHTTP(answer), l, l.dial)
	}},
	{"tls", true, func(t *testing.T, answer func(Exchange)) (string, *http.Client) {
		return secure(t, byHTTP(answer), false)
	}},
	{"handler", false, func(t *testing.T, answer func(Exchange)) (string, *http.Client) {
		kept := func(w http.ResponseWriter, r *http.Request) {
			byHTTP(answer).ServeHTTP(unhijackable{w, http.NewResponseController(w)}, r)
		}
		return serve(t, http.HandlerFunc(kept), listen(t, "tcp", "127.0.0.1:0"), nil)
	}},
	{"http2", false, func(t *testing.T, answer func(Exchange)) (string, *http.Client) {
		return secure(t, byHTTP(answer), true)
	}},
}

type kind struct {
	name  string
	taken bool // out of the handler
	start func(t *testing.T, answer func(Exchange)) (url string, client *http.Client)
}

// byHTTP answers requests that net/http has read.
func byHTTP(answer func(Exchange)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Vary", "Origin")
		answer(HTTP(w, r))
	})
}

// unhijackable is a ResponseWriter whose connection cannot be taken.
type unhijackable struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (w unhijackable) FlushError() error                  { return w.control.Flush() }
func (w unhijackable) SetReadDeadline(t time.Time) error  { return w.control.SetReadDeadline(t) }
func (w unhijackable) SetWriteDeadline(t time.Time) error { return w.control.SetWriteDeadline(t) }

func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func serve(t *testing.T, h http.Handler, l net.Listener, dial func() (net.Conn, error)) (string, *http.Client) {
	t.Helper()
	return serveBy(t, &http.Server{Handler: h}, l, dial)
}

func serveBy(t *testing.T, server *http.Server, l net.Listener, dial func() (net.Conn, error)) (string, *http.Client) {
	t.Helper()
	var done sync.WaitGroup
	done.Go(func() { _ = server.Serve(l) })
	if dial == nil {
		dial = func() (net.Conn, error) { return net.Dial(l.Addr().Network(), l.Addr().String()) }
	}
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return dial() }}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
		done.Wait()
	})
	return "http://parked.test/", &http.Client{Transport: transport}
}

func secure(t *testing.T, h http.Handler, http2 bool) (string, *http.Client) {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.EnableHTTP2 = http2
	server.StartTLS()
	client := server.Client()
	t.Cleanup(func() {
		client.CloseIdleConnections()
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL, client
}

// wrapping hides the type of its connections.
type wrapping struct{ net.Listener }

func (l wrapping) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	return struct{ net.Conn }{nc}, err
}

// pipes is a listener for connections without a network.
type pipes struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case nc := <-l.conns:
		return nc, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (l *pipes) dial() (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
