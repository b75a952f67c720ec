package park

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
)

func init() {
	kinds = append(
		kinds,
		kind{"loops", true, func(t *testing.T, answer func(Exchange)) (string, *http.Client) {
			return loopsBefore(t, answer, func(*Fresh, string) bool { return true })
		}},
		kind{"passed on", true, func(t *testing.T, answer func(Exchange)) (string, *http.Client) {
			return loopsBefore(t, answer, func(*Fresh, string) bool { return false })
		}},
	)
}

// front answers what it takes, and lets an http.Server have the rest.
type front struct {
	net.Listener
	t      *testing.T
	takes  func(*Fresh, string) bool
	answer func(Exchange)
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (f *front) Ask(x *Fresh, head string) bool {
	if !f.takes(x, head) {
		return false
	}
	x.Fields = []Field{{"Access-Control-Allow-Origin", "*"}, {"Vary", "Origin"}}
	f.answer(x)
	return true
}

func (f *front) Pass(nc net.Conn) {
	select {
	case f.conns <- nc:
	case <-f.closed:
		_ = nc.Close()
	}
}

func (f *front) Accept() (net.Conn, error) {
	select {
	case nc := <-f.conns:
		return nc, nil
	case <-f.closed:
		return nil, net.ErrClosed
	}
}

func (f *front) Close() error {
	f.once.Do(func() { close(f.closed) })
	return f.Listener.Close()
}

func loopsBefore(t *testing.T, answer func(Exchange), takes func(*Fresh, string) bool) (string, *http.Client) {
	t.Helper()
	f := &front{Listener: listen(t, "tcp", "127.0.0.1:0"), t: t, takes: takes, answer: answer, conns: make(chan net.Conn, 8), closed: make(chan struct{})}
	loops := NewLoops(f, nil)
	if ok, err := loops.Listen(f.Listener); !ok || err != nil {
		t.Fatal(ok, err)
	}
	t.Cleanup(loops.Close)
	server := &http.Server{Handler: byHTTP(answer), BaseContext: func(net.Listener) context.Context {
		return WithLoops(t.Context(), loops)
	}}
	return serveBy(t, server, f, nil)
}
