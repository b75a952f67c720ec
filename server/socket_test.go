package server

import (
	"bytes"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"tidings/gateway/socket"
	"tidings/transport"
	"tidings/transport/websocket"
)

// echoes sends what it receives.
func echoes(s *Socket) {
	for {
		m, err := s.Receive()
		if err != nil {
			return
		}
		if err := s.Send(m.Kind, m.Data); err != nil {
			return
		}
	}
}

// serveSocketAt is start with a socket.
func startSocket(t *testing.T, o Options, path string, h SocketHandler, options ...SocketOptions) *site {
	t.Helper()
	return startWith(t, o, func(s *Server) {
		if err := s.Socket(path, h, options...); err != nil {
			t.Fatal(err)
		}
	})
}

// dialSocket connects to a socket of the site.
func (s *site) dialSocket(path string, header http.Header, protocols ...string) *websocket.ClientConn {
	s.t.Helper()
	c, err := websocket.Dial(s.t.Context(), "ws"+strings.TrimPrefix(s.url, "http")+path, header, protocols)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close(1000, "") })
	return c
}

func exchange(t *testing.T, c *websocket.ClientConn, data []byte, text bool) {
	t.Helper()
	if err := c.Write(data, text); err != nil {
		t.Fatal(err)
	}
	got, isText, err := c.Read()
	if err != nil || isText != text || !bytes.Equal(got, data) {
		t.Fatalf("%d bytes came back as %d, text %v, %v", len(data), len(got), isText, err)
	}
}

func TestSocketEcho(t *testing.T) {
	s := startSocket(t, Options{}, "/echo", echoes, SocketOptions{Protocols: []string{"b", "a"}})
	c := s.dialSocket("/echo", nil, "x", "a", "b")
	if c.Protocol() != "a" {
		t.Errorf("the protocol is %q, want the first that is offered", c.Protocol())
	}
	exchange(t, c, []byte("hello"), true)
	exchange(t, c, nil, false)
	for _, n := range []int{125, 126, 65535, 65536, 1 << 20, 2 << 20} {
		exchange(t, c, bytes.Repeat([]byte{byte(n), 1}, n/2), false)
	}
	if err := c.Close(4001, "enough"); err != nil {
		t.Error(err)
	}
	var end *websocket.CloseError
	if _, _, err := c.Read(); !errors.As(err, &end) || end.Code != 4001 {
		t.Errorf("%v", err)
	}
}

// TestSocketRequest: what a handler is told of who asks.
func TestSocketRequest(t *testing.T) {
	got := make(chan *SocketRequest, 1)
	s := startSocket(t, Options{Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, "/a b/", func(s *Socket) { got <- s.Request() })
	s.dialSocket("/a%20b/c%2Fd?x=1&y=%20&tidings=abcdefghijklmnop&n=1", http.Header{
		"X-Forwarded-For": {"192.0.2.7"}, "X-Other": {"1", "2"},
	}, websocket.SocketProtocol, "p", "q")
	r := <-got
	if r.Path != "/a b/c/d" || r.Query != "x=1&y=%20" || r.Remote != "192.0.2.7" || r.Secure || strings.Join(r.Protocols, " ") != "p q" ||
		strings.Join(r.Header["X-Other"], " ") != "1 2" || r.Host != strings.TrimPrefix(s.url, "http://") {
		t.Errorf("%+v", r)
	}
	s.dialSocket("/a%20b/", nil)
	if r = <-got; r.Path != "/a b/" || r.Query != "" || !strings.HasPrefix(r.Remote, "127.0.0.1:") {
		t.Errorf("%+v", r)
	}
}

// TestSocketRefusals: every refusal of a handshake.
func TestSocketRefusals(t *testing.T) {
	s := startSocket(t, Options{}, "/s", echoes, SocketOptions{Accept: func(r *SocketRequest) (string, error) {
		switch r.Query {
		case "teapot":
			return "", &SocketRefusedError{Status: http.StatusTeapot, Detail: "short and stout"}
		case "no":
			return "", errors.New("no")
		}
		return "", nil
	}})
	if err := s.Socket("/tree/", echoes); err != nil {
		t.Fatal(err)
	}
	good := strings.Split(upgrade, "\n")
	without := func(name string, more ...string) []string {
		var fields []string
		for _, f := range good {
			if !strings.HasPrefix(f, name+":") {
				fields = append(fields, f)
			}
		}
		return append(fields, more...)
	}
	for name, try := range map[string]struct {
		method, path string
		fields       []string
		status       int
		code         string
		field        string
	}{
		"no upgrade":      {"GET", "/s", nil, 426, "upgrade_required", "Upgrade: websocket"},
		"post":            {"POST", "/s", nil, 405, "method_not_allowed", "Allow: GET"},
		"upgrade by post": {"POST", "/s", good, 405, "method_not_allowed", "Allow: GET"},
		"no connection":   {"GET", "/s", without("Connection"), 426, "upgrade_required", "Upgrade: websocket"},
		"no version":      {"GET", "/s", without("Sec-WebSocket-Version"), 426, "upgrade_required", "Sec-WebSocket-Version: 13"},
		"old version":     {"GET", "/s", without("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"), 426, "upgrade_required", "Sec-WebSocket-Version: 13"},
		"no key":          {"GET", "/s", without("Sec-WebSocket-Key"), 400, "bad_request", ""},
		"short key":       {"GET", "/s", without("Sec-WebSocket-Key", "Sec-WebSocket-Key: AAAA"), 400, "bad_request", ""},
		"protocols":       {"GET", "/s", append(without(""), "Sec-WebSocket-Protocol: a,a"), 400, "bad_request", ""},
		"extensions":      {"GET", "/s", append(without(""), "Sec-WebSocket-Extensions: ;"), 400, "bad_request", ""},
		"origin":          {"GET", "/s", append(without(""), "Origin: https://evil.example"), 403, "forbidden_origin", ""},
		"another site":    {"GET", "/s", append(without(""), "Sec-Fetch-Site: cross-site"), 403, "forbidden_origin", ""},
		"host":            {"GET", "/s", append(without(""), "Host: evil.example"), 421, "forbidden_host", ""},
		"its own":         {"GET", "/s?teapot", good, 418, "socket_refused", ""},
		"its own error":   {"GET", "/s?no", good, 403, "socket_refused", ""},
		"nowhere":         {"GET", "/other", good, 404, "not_found", ""},
		"below":           {"GET", "/s/x", good, 404, "not_found", ""},
		"plain below":     {"GET", "/tree/x", nil, 404, "not_found", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.ask(try.method, try.path, "", try.fields...)
			if a.status != try.status || a.code(t) != try.code {
				t.Fatalf("%d %s", a.status, a.body)
			}
			field, value, _ := strings.Cut(try.field, ": ")
			if try.field != "" && a.header.Get(field) != value {
				t.Errorf("%s: %q", field, a.header.Get(field))
			}
		})
	}
}

// TestSocketOff: where WebSockets are switched off, sockets have none.
func TestSocketOff(t *testing.T) {
	s := startSocket(t, Options{Off: []transport.Kind{transport.WebSocket}}, "/s", echoes)
	a := s.ask("GET", "/s", "", strings.Split(upgrade, "\n")...)
	if a.code(t) != "transport_off" || strings.Contains(a.body, `"websocket"`) || !strings.Contains(a.body, `"sse"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestSocketPaths: which of the socket's and the gateway's own paths wins.
func TestSocketPaths(t *testing.T) {
	named := func(name string) SocketHandler {
		return func(s *Socket) { _ = s.Send(Text, []byte(name)); <-s.Context().Done() }
	}
	s := start(t, Options{})
	for _, path := range []string{"/", "/topics/chat", "/deep/", "/deep/er/", "/deep/er/x"} {
		if err := s.Socket(path, named(path)); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"/": "/", "/any": "/", "/topics/chat": "/topics/chat", "/deep": "/", "/deep/": "/deep/", "/deep/z": "/deep/", "/deep/er/": "/deep/er/",
		"/deep/er/y": "/deep/er/", "/deep/er/x": "/deep/er/x",
	} {
		c := s.dialSocket(path, nil)
		if got, _, err := c.Read(); err != nil || string(got) != want {
			t.Errorf("%s is served by %q, %v; want %s", path, got, err, want)
		}
	}
	if a := s.ask("GET", "/", ""); a.status != http.StatusOK || !strings.Contains(a.body, "<html") {
		t.Errorf("the page is %d", a.status)
	}
	if a := s.ask("GET", "/livez", ""); a.status != http.StatusOK {
		t.Errorf("livez is %d", a.status)
	}
	follow := s.dialSocket("/topics/other?since=all", nil)
	if a := s.ask("POST", "/topics/other", "news"); a.status != http.StatusCreated {
		t.Fatalf("%d", a.status)
	}
	if got, _, err := follow.Read(); err != nil || string(got) != "news" {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []struct {
		path    string
		handler SocketHandler
		options []SocketOptions
	}{
		{"/deep/", echoes, nil},
		{"x", echoes, nil},
		{"/x", nil, nil},
		{"/x", echoes, make([]SocketOptions, 2)},
		{"/x", echoes, []SocketOptions{{MessageBytes: -2}}},
		{"/x", echoes, []SocketOptions{{Protocols: []string{"a b"}}}},
	} {
		if err := s.Socket(bad.path, bad.handler, bad.options...); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

// TestSocketLimits: what is over a bound is refused, and again admitted when there is room.
func TestSocketLimits(t *testing.T) {
	s := startSocket(t, Options{}, "/s", echoes, SocketOptions{Sockets: 2})
	a, b := s.dialSocket("/s", nil), s.dialSocket("/s", nil)
	if a := s.ask("GET", "/s", "", strings.Split(upgrade, "\n")...); a.code(t) != "limit" || a.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", a.status, a.body)
	}
	_ = a.Close(1000, "")
	s.await(func() bool { return s.sockets.Len() == 1 })
	exchange(t, s.dialSocket("/s", nil), []byte("x"), true)
	exchange(t, b, []byte("x"), true)
}

// TestSocketsAreDrained: a gateway that stops closes its sockets with 1001, lets their handlers end, and opens none any more.
func TestSocketsAreDrained(t *testing.T) {
	ended := make(chan error, 1)
	s := startSocket(t, Options{}, "/s", func(s *Socket) {
		_, err := s.Receive()
		ended <- err
	})
	c := s.dialSocket("/s", nil)
	s.await(func() bool { return s.sockets.Len() == 1 })
	drained := make(chan error, 1)
	go func() { drained <- s.Drain(t.Context()) }()
	var end *websocket.CloseError
	if _, _, err := c.Read(); !errors.As(err, &end) || end.Code != 1001 {
		t.Errorf("%v", err)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
	var said *socket.CloseError
	if err := <-ended; !errors.As(err, &said) || said.Code != 1001 || !said.Clean {
		t.Errorf("%v", err)
	}
	if a := s.ask("GET", "/s", "", strings.Split(upgrade, "\n")...); a.code(t) != "draining" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestSocketMetrics: what sockets do is counted.
func TestSocketMetrics(t *testing.T) {
	s := startSocket(t, Options{}, "/s", func(s *Socket) {
		if m, err := s.Receive(); err == nil && string(m.Data) == "panic" {
			panic(string(m.Data))
		}
		_ = s.Send(Text, []byte("four"))
		_, _ = s.Receive()
	})
	if a := s.ask("GET", "/metrics", ""); !strings.Contains(a.body, `tidings_sockets_opened_total{path="/s"} 0`) {
		t.Error("a path has no figures before its first socket")
	}
	failing := s.dialSocket("/s", nil)
	if err := failing.Write([]byte("panic"), true); err != nil {
		t.Fatal(err)
	}
	var end *websocket.CloseError
	if _, _, err := failing.Read(); !errors.As(err, &end) || end.Code != 1011 {
		t.Fatalf("%v", err)
	}
	c := s.dialSocket("/s", nil)
	if err := c.Write([]byte("one"), true); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Read(); err != nil {
		t.Fatal(err)
	}
	s.await(func() bool { return s.sockets.Len() == 1 })
	a := s.ask("GET", "/metrics", "")
	for _, line := range []string{
		`tidings_sockets{path="/s"} 1`, `tidings_socket_links{path="/s",transport="websocket"} 1`, `tidings_sockets_opened_total{path="/s"} 2`,
		`tidings_sockets_closed_total{code="1011",path="/s"} 1`, `tidings_socket_panics_total{path="/s"} 1`,
		`tidings_socket_messages_total{direction="in",path="/s"} 2`, `tidings_socket_messages_total{direction="out",path="/s"} 1`,
		`tidings_socket_bytes_total{direction="in",path="/s"} 8`, `tidings_socket_bytes_total{direction="out",path="/s"} 4`,
	} {
		if !strings.Contains(a.body, line+"\n") {
			t.Errorf("no %s", line)
		}
	}
}
