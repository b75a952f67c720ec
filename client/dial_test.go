package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tidings/client"
	"tidings/gateway/socket"
	"tidings/server"
	"tidings/transport"
)

// socketAt serves a socket by a real gateway.
func socketAt(t testing.TB, o server.Options, so socket.Options, between func(http.Handler) http.Handler, handler socket.Handler) string {
	t.Helper()
	if o.PollInterval == 0 {
		o.PollInterval = 5e7
	}
	o.Logger = slog.New(slog.DiscardHandler) // some handlers panic on purpose
	s, url := gatewayAt(t, o, between)
	if err := s.Socket("/chat", handler, so); err != nil {
		t.Fatal(err)
	}
	return url + "/chat"
}

// dial opens a socket that ends with the test.
func dial(t testing.TB, url string, o client.DialOptions) *client.Socket {
	t.Helper()
	own := &http.Transport{}
	o.HTTPClient = &http.Client{Transport: own}
	s, err := client.DialHurried(t.Context(), url, o, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.Close(1000, "")
		<-s.Context().Done()
		own.CloseIdleConnections()
	})
	return s
}

func echo(s *socket.Socket) {
	for {
		m, err := s.Receive()
		if err == nil {
			err = s.Send(m.Kind, m.Data)
		}
		if err != nil {
			return
		}
	}
}

// ways are all transports, and plain RFC 6455.
var ways = append([]string{"plain"}, kindNames()...)

func kindNames() (names []string) {
	for _, kind := range transport.Kinds {
		names = append(names, kind.String())
	}
	return names
}

// by asks for one of the ways.
func by(way string, o client.DialOptions) client.DialOptions {
	if way == "plain" {
		o.Plain = true
		return o
	}
	kind, _ := transport.ParseKind(way)
	o.Transports = []transport.Kind{kind}
	return o
}

// TestSocket talks by each transport.
func TestSocket(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			requests := make(chan *socket.Request, 1)
			ends := make(chan error, 1)
			url := socketAt(t, server.Options{}, socket.Options{Protocols: []string{"b"}}, nil, func(s *socket.Socket) {
				requests <- s.Request()
				echo(s)
				ends <- context.Cause(s.Context())
			})
			s := dial(t, url+"?room=1&x=%20", by(way, client.DialOptions{
				Protocols: []string{"a", "b"}, Header: http.Header{"X-Thing": {"7"}},
			}))
			r := <-requests
			if r.Path != "/chat" || r.Query != "room=1&x=%20" || r.Header.Get("X-Thing") != "7" || fmt.Sprint(r.Protocols) != "[a b]" {
				t.Errorf("the handler sees %+v", r)
			}
			want := way
			if way == "plain" {
				want = "websocket"
			}
			if s.Protocol() != "b" || s.Transport() != want || s.State() != socket.Open {
				t.Errorf("%q over %s", s.Protocol(), s.Transport())
			}
			for _, m := range []socket.Message{
				{Kind: client.Text, Data: []byte("Hello, \"wörld\" <\u2028>\n")},
				{Kind: client.Text},
				{Kind: client.Binary, Data: []byte{0, 1, 255}},
				{Kind: client.Binary},
				{Kind: client.Text, Data: []byte(strings.Repeat("ä", 100_000))},
				{Kind: client.Binary, Data: bytes.Repeat([]byte("abcdefg"), 200_000)},
			} {
				left := make(chan error, 1)
				if err := s.SendThen(m.Kind, m.Data, func(err error) { left <- err }); err != nil {
					t.Fatal(err)
				}
				got, err := s.Receive()
				if err != nil || got.Kind != m.Kind || !bytes.Equal(got.Data, m.Data) {
					t.Fatalf("sent %d bytes of kind %d, got %d of %d, %v", len(m.Data), m.Kind, len(got.Data), got.Kind, err)
				}
				if err := <-left; err != nil {
					t.Error(err)
				}
			}
			if err := s.Close(4123, "bye ü"); err != nil {
				t.Fatal(err)
			}
			_, err := s.Receive()
			closed, ok := errors.AsType[*client.CloseError](err)
			if !ok || closed.Code != 4123 {
				t.Errorf("received %v", err)
			}
			<-s.Context().Done()
			if closed, ok := errors.AsType[*client.CloseError](context.Cause(s.Context())); !ok || closed.Code != 4123 || !closed.Clean || s.State() != socket.Closed {
				t.Errorf("ended with %v", context.Cause(s.Context()))
			}
			if closed, ok := errors.AsType[*socket.CloseError](<-ends); !ok || closed.Code != 4123 || closed.Reason != "bye ü" || !closed.Clean {
				t.Errorf("the handler's has ended with %v", closed)
			}
			if err := s.Send(client.Text, nil); !errors.As(err, &closed) {
				t.Errorf("sent: %v", err)
			}
		})
	}
}

// TestSocketClosed holds what a program sees of a close by the handler: everything that was sent before it first.
func TestSocketClosed(t *testing.T) {
	tests := []struct {
		name    string
		handler socket.Handler
		want    uint16
	}{
		{"close", func(s *socket.Socket) { _ = s.Close(3000, "enough") }, 3000},
		{"no code", func(s *socket.Socket) { _ = s.Close(0, "") }, 1005},
		{"return", func(*socket.Socket) {}, 1000},
		{"panic", func(*socket.Socket) { panic("a handler's") }, 1011},
	}
	for _, way := range ways {
		for _, test := range tests {
			t.Run(way+" "+test.name, func(t *testing.T) {
				url := socketAt(t, server.Options{}, socket.Options{}, nil, func(s *socket.Socket) {
					for i := range 100 {
						if err := s.Send(socket.Text, fmt.Append(nil, i)); err != nil {
							t.Error(err)
						}
					}
					test.handler(s)
				})
				s := dial(t, url, by(way, client.DialOptions{}))
				for i := range 100 {
					m, err := s.Receive()
					if err != nil || string(m.Data) != fmt.Sprint(i) {
						t.Fatalf("%d: %q, %v", i, m.Data, err)
					}
				}
				_, err := s.Receive()
				<-s.Context().Done()
				for _, err := range []error{err, context.Cause(s.Context())} {
					if closed, ok := errors.AsType[*client.CloseError](err); !ok || closed.Code != test.want {
						t.Errorf("ended with %v, want %d", err, test.want)
					}
				}
			})
		}
	}
}

// TestSocketStreams sends a message in pieces and reads it while it arrives, larger than any buffer: neither side holds it whole.
func TestSocketStreams(t *testing.T) {
	const size = 3 << 20
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			url := socketAt(t, server.Options{}, socket.Options{MessageBytes: -1}, nil, func(s *socket.Socket) {
				kind, r, err := s.Reader()
				if err != nil {
					t.Error(err)
					return
				}
				w, err := s.Writer(kind)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := io.Copy(w, r); err != nil {
					t.Error(err)
				}
				if err := w.Close(); err != nil {
					t.Error(err)
				}
				_, _ = s.Receive()
			})
			s := dial(t, url, by(way, client.DialOptions{MessageBytes: -1}))
			sent := make(chan error, 1)
			go func() {
				w, err := s.Writer(client.Binary)
				if err == nil {
					_, err = io.CopyBuffer(onlyWriter{w}, io.LimitReader(&counting{}, size), make([]byte, 10_007))
				}
				if err == nil {
					err = w.Close()
				}
				sent <- err
			}()
			_, r, err := s.Reader()
			if err != nil {
				t.Fatal(err)
			}
			n, buf, want := 0, make([]byte, 32<<10), make([]byte, 32<<10)
			expect := &counting{}
			for err == nil {
				var k int
				k, err = r.Read(buf)
				_, _ = expect.Read(want[:k])
				if !bytes.Equal(buf[:k], want[:k]) {
					t.Fatalf("other bytes came behind %d", n)
				}
				if n += k; s.Buffered() > 2<<20 || client.Waiting(s) > 6<<20 {
					t.Fatalf("%d bytes have not left, %d were not read", s.Buffered(), client.Waiting(s))
				}
			}
			if !errors.Is(err, io.EOF) || n != size {
				t.Errorf("%d bytes came, then %v", n, err)
			}
			if err := <-sent; err != nil {
				t.Error(err)
			}
		})
	}
}

type onlyWriter struct{ io.Writer }

// counting is bytes without an end that say where they are.
type counting struct{ at int }

func (c *counting) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(c.at) ^ byte(c.at>>8) ^ byte(c.at>>16)
		c.at++
	}
	return len(p), nil
}

// TestSocketPressure holds that a sender is held back while the other side takes nothing, and that both hold a bounded number of bytes.
func TestSocketPressure(t *testing.T) {
	const size = 40_000
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			n := 120
			if way == "plain" {
				n = 500 // the system holds much of it
			}
			var handlers atomic.Pointer[socket.Socket]
			hold := make(chan struct{})
			url := socketAt(t, server.Options{}, socket.Options{}, nil, func(s *socket.Socket) {
				handlers.Store(s)
				sent := make(chan struct{})
				go func() {
					defer close(sent)
					for i := range n {
						if s.Send(socket.Binary, bytes.Repeat([]byte{byte(i)}, size)) != nil {
							return
						}
					}
				}()
				<-hold
				for i := range n {
					m, err := s.Receive()
					if err != nil || len(m.Data) != size || m.Data[0] != byte(i) {
						t.Errorf("%d: %d bytes, %v", i, len(m.Data), err)
						return
					}
				}
				<-sent
				_ = s.Send(socket.Text, []byte("all"))
				_, _ = s.Receive()
			})
			s := dial(t, url, by(way, client.DialOptions{BufferBytes: 300_000}))
			var sent atomic.Int32
			go func() {
				for i := range n {
					if s.Send(client.Binary, bytes.Repeat([]byte{byte(i)}, size)) != nil {
						return
					}
					sent.Add(1)
				}
			}()
			for s.Buffered() < 300_000 || handlers.Load() == nil || handlers.Load().Buffered() < 1<<20 {
				runtime.Gosched()
			}
			if int(sent.Load()) == n || s.Buffered() > 300_000+2*64<<10 || client.Waiting(s) > 6<<20 {
				t.Errorf("%d were sent, %d bytes have not left, %d are not received", sent.Load(), s.Buffered(), client.Waiting(s))
			}
			close(hold)
			for i := range n {
				m, err := s.Receive()
				if err != nil || len(m.Data) != size || m.Data[0] != byte(i) {
					t.Fatalf("%d: %d bytes, %v", i, len(m.Data), err)
				}
			}
			if m, err := s.Receive(); err != nil || string(m.Data) != "all" {
				t.Errorf("%q, %v", m.Data, err)
			}
		})
	}
}

// TestSocketTooBig holds that a message over the bound closes the socket with 1009.
func TestSocketTooBig(t *testing.T) {
	for _, way := range ways {
		ends := make(chan error, 1)
		url := socketAt(t, server.Options{}, socket.Options{}, nil, func(s *socket.Socket) {
			_ = s.Send(socket.Text, []byte("small"))
			_ = s.Send(socket.Text, make([]byte, 1001))
			_, err := s.Receive()
			ends <- err
		})
		s := dial(t, url, by(way, client.DialOptions{MessageBytes: 1000}))
		if m, err := s.Receive(); err != nil || string(m.Data) != "small" {
			t.Errorf("%s: %q, %v", way, m.Data, err)
		}
		_, err := s.Receive()
		for _, err := range []error{err, <-ends} {
			if closed, ok := errors.AsType[*client.CloseError](err); !ok || closed.Code != 1009 {
				t.Errorf("%s: %v", way, err)
			}
		}
	}
}

// TestSocketStepsDown holds that a socket is opened by the transport that gets through.
func TestSocketStepsDown(t *testing.T) {
	streams := func(next func(http.ResponseWriter, *http.Request)) func(http.Handler) http.Handler {
		return func(all http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				q := r.URL.Query().Get("transport")
				if r.Method == http.MethodGet && (q == "" || q == "sse" || q == "stream") {
					next(w, r)
					return
				}
				all.ServeHTTP(w, r)
			})
		}
	}
	tests := []struct {
		name    string
		off     []transport.Kind
		between func(http.Handler) http.Handler
		want    string
	}{
		{name: "all well", want: "websocket"},
		{name: "switched off", off: []transport.Kind{transport.WebSocket, transport.SSE}, want: "stream"},
		{
			name: "no upgrade gets through", want: "sse",
			between: func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Header.Get("Upgrade") != "" {
						http.Error(w, "no", http.StatusForbidden)
						return
					}
					next.ServeHTTP(w, r)
				})
			},
		},
		{name: "held back", want: "longpoll", between: streams(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })},
		{name: "cut", want: "longpoll", between: streams(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })},
		{name: "a page instead", want: "longpoll", between: streams(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") })},
		{
			name: "busy", want: "longpoll",
			between: streams(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", http.StatusBadGateway) }),
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			url := socketAt(t, server.Options{Off: test.off}, socket.Options{}, test.between, echo)
			s := dial(t, url, client.DialOptions{})
			if s.Transport() != test.want {
				t.Errorf("came by %s, want %s", s.Transport(), test.want)
			}
			if err := s.Send(client.Text, []byte("a")); err != nil {
				t.Fatal(err)
			}
			if m, err := s.Receive(); err != nil || string(m.Data) != "a" {
				t.Errorf("%q, %v", m.Data, err)
			}
		})
	}
}
