package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tidings/gateway"
	"tidings/gateway/journal/memory"
	"tidings/transport"
	"tidings/transport/websocket"
)

// serve runs s on a listener of its own. The returned function stops it and waits for its end.
func serve(t *testing.T, o Options) (s *site, stop func() error) {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	app, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- app.Serve(ctx, ln) }()
	web := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(func() {
		cancel()
		web.CloseIdleConnections()
		if err := app.Close(); err != nil {
			t.Error(err)
		}
	})
	s = &site{Server: app, t: t, url: "http://" + ln.Addr().String(), http: web}
	return s, func() error {
		cancel()
		return <-done
	}
}

// TestStop stops a server with a follower on each transport: each is told to come back, and a publish that is on its way
// is answered.
func TestStop(t *testing.T) {
	s, stop := serve(t, Options{})
	follow := func(target string, fields ...string) *bufio.Reader {
		resp := s.open("GET", target, nil, fields...)
		t.Cleanup(func() { resp.Body.Close() })
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d", target, resp.StatusCode)
		}
		return bufio.NewReader(resp.Body)
	}
	streams := map[string]*bufio.Reader{
		"SSE":       follow("/topics/a", "Accept: text/event-stream"),
		"enveloped": follow("/topics/a?wrap=1", "Accept: text/event-stream"),
		"NDJSON":    follow("/topics/a?transport=stream"),
		"multipart": follow("/topics/a", "Accept: multipart/mixed"),
	}
	byes := map[string]string{
		"SSE": "event: tidings.bye", "enveloped": `{"bye":{"code":4001`, "NDJSON": `{"bye":{"code":4001`, "multipart": "Tidings-Notice: bye",
	}
	socket, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(s.url, "http")+"/topics/a", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	held := make(chan answer, 1)
	go func() { held <- s.ask("GET", "/topics/a?wait=50", "") }()
	for s.Stats().HeldPolls == 0 || s.Stats().Connections["websocket"] == 0 {
		s.ask("GET", "/livez", "") // takes its time
	}
	publish := s.beginPublish()

	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	for name, stream := range streams {
		b, err := io.ReadAll(stream)
		if err != nil || !strings.Contains(string(b), byes[name]) {
			t.Errorf("%s ended with %v after %q", name, err, b)
		}
	}
	if _, _, err := socket.Read(); !isClose(err, 4001) {
		t.Errorf("the WebSocket ended with %v", err)
	}
	socket.Close(1000, "")
	if a := <-held; a.status != http.StatusOK || !strings.Contains(a.body, `"items":[]`) {
		t.Errorf("the held poll was answered %d %s", a.status, a.body)
	}
	select {
	case err := <-stopped:
		t.Errorf("it stopped with %v before the publish was answered", err)
	default:
	}
	if _, err := io.WriteString(publish, "rain"); err != nil {
		t.Fatal(err)
	}
	if a := s.read(publish); a.status != http.StatusCreated {
		t.Errorf("the publish was answered %d %s", a.status, a.body)
	}
	if err := <-stopped; err != nil {
		t.Errorf("it stopped with %v", err)
	}
}

// beginPublish sends a publish up to its body of four bytes, and returns once the handler waits for that: net/http says
// "continue" when it is first read.
func (s *site) beginPublish() net.Conn {
	s.t.Helper()
	c := s.dial("POST /topics/b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
	const want = "HTTP/1.1 100 Continue\r\n\r\n"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		s.t.Fatalf("%q, %v", got, err)
	}
	return c
}

func isClose(err error, code uint16) bool {
	var c *websocket.CloseError
	return errors.As(err, &c) && c.Code == code
}

// TestStopInTime: who does not finish in time is cut off, and Serve says so.
func TestStopInTime(t *testing.T) {
	s, stop := serve(t, Options{DrainTimeout: 50 * time.Millisecond})
	c := s.beginPublish()
	if err := stop(); err == nil {
		t.Error("it says that everything was finished")
	}
	if _, err := io.ReadAll(c); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Error(err)
	}
}

func TestNoNewFollowersWhileStopping(t *testing.T) {
	s := start(t, Options{})
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := s.ask("GET", "/topics/a?wait=9", ""); a.code(t) != "draining" || a.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.ask("GET", "/topics/a", "", "Accept: text/event-stream"); a.status != http.StatusOK || !strings.Contains(a.body, "retry:") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.ask("POST", "/topics/a", "x"); a.status != http.StatusCreated {
		t.Errorf("what is published is still taken: %d %s", a.status, a.body)
	}
}

func TestPublishAfterClose(t *testing.T) {
	s := start(t, Options{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if a := s.ask("POST", "/topics/a", "x"); a.code(t) != "draining" || a.status != http.StatusServiceUnavailable {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestServeRefusesPublicAddress: an address that others reach needs a key, or to be told aloud.
func TestServeRefusesPublicAddress(t *testing.T) {
	listen := func() net.Listener {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return elsewhere{ln}
	}
	begin := func(o Options) error {
		o.Logger = slog.New(slog.DiscardHandler)
		s, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		return s.Serve(ctx, listen())
	}
	if err := begin(Options{}); err == nil || !strings.Contains(err.Error(), "publish key") || !strings.Contains(err.Error(), "203.0.113.7:80") {
		t.Errorf("without a key: %v", err)
	}
	if err := begin(Options{PublishKeys: []string{"k1"}}); err != nil {
		t.Errorf("with a key: %v", err)
	}
	if err := begin(Options{Insecure: true}); err != nil {
		t.Errorf("told to be insecure: %v", err)
	}
}

// elsewhere is a listener that says it is at an address that others reach.
type elsewhere struct{ net.Listener }

func (elsewhere) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(203, 0, 113, 7), Port: 80} }

func TestServeTellsOfItsListener(t *testing.T) {
	s, err := New(Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	if err := s.Serve(t.Context(), ln); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
}

// TestListenerClosedByTheCaller: whoever closes the listener ends Serve.
func TestListenerClosedByTheCaller(t *testing.T) {
	s := newServer(t, Options{})
	defer s.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(t.Context(), ln) }()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET /topics/a HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
		t.Fatal(err)
	}
	ln.Close()
	if err := <-served; !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
	if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		t.Error("it still listens")
	}
}

// TestHeadTooLarge: the head of a request is bounded.
func TestHeadTooLarge(t *testing.T) {
	s, stop := serve(t, Options{})
	c := s.dial("GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n")
	if a := s.read(c); a.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%d", a.status)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestGatewayOfTheCaller: a gateway that is handed in is served, and not closed with the server.
func TestGatewayOfTheCaller(t *testing.T) {
	small, err := gateway.New(gateway.Options{Journal: memory.New()})
	if err != nil {
		t.Fatal(err)
	}
	defer small.Close()
	if _, err := New(Options{Gateway: small}); err == nil || !strings.Contains(err.Error(), "Classes") {
		t.Errorf("a gateway that cannot tell transports apart: %v", err)
	}
	g, err := gateway.New(gateway.Options{Journal: memory.New(), Classes: transport.Classes})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	s, err := New(Options{Gateway: g})
	if err != nil {
		t.Fatal(err)
	}
	if s.Gateway() != g {
		t.Error("another gateway is served")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Publish(t.Context(), gateway.Draft{Topic: "a"}); err != nil {
		t.Errorf("it was closed: %v", err)
	}
}

// TestStopWithUnusedConnection holds that a connection which has sent nothing, as browsers keep ready, does not use up the
// time of a stop.
func TestStopWithUnusedConnection(t *testing.T) {
	s, stop := serve(t, Options{DrainTimeout: 4 * time.Second}) // less than what net/http waits for such a connection
	unused, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer unused.Close()
	// Connections are accepted in order: when this one is answered, the server knows the other.
	if resp := s.open("GET", "/livez", nil); resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	} else {
		resp.Body.Close()
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestOtherListeners: where loops do not accept the connections, a poll's connection still takes whatever is asked on it next.
func TestOtherListeners(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	unix, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	for _, ln := range []net.Listener{unix, wrapping{tcp}} {
		s := newServer(t, Options{Insecure: true})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Serve(ctx, ln) }()
		c, err := net.Dial(ln.Addr().Network(), ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		r := &reader{c, bufio.NewReader(c), t}
		r.send("POST /topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx")
		r.answer()
		r.send(atLoops("/topics/a?wait=9&since=all", ""))
		if resp, body := r.answer(); resp.StatusCode != http.StatusOK || !strings.Contains(body, `"data":"x"`) {
			t.Errorf("%s: %d %s", ln.Addr(), resp.StatusCode, body)
		}
		r.send("POST /topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\ny")
		if resp, body := r.answer(); resp.StatusCode != http.StatusCreated {
			t.Errorf("%s: %d %s", ln.Addr(), resp.StatusCode, body)
		}
		c.Close()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// wrapping hides the type of its connections.
type wrapping struct{ net.Listener }

func (l wrapping) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return struct{ net.Conn }{c}, err
}
