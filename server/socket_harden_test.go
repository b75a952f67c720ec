package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"tidings/fallback"
	"tidings/gateway/socket"
)

// TestSocketUnderPressure: who opens a plain WebSocket cannot poll, so that it is turned away last; but then it is.
func TestSocketUnderPressure(t *testing.T) {
	s := startPressed(t, Options{})
	if err := s.Socket("/echo", echoes); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		files uint64
		level fallback.Level
		want  int
	}{{80, fallback.Ask, 101}, {98, fallback.Refuse, 503}} {
		s.pressTo(c.files, c.level)
		conn := s.dial("GET /echo HTTP/1.1\r\nHost: localhost\r\n" + upgradeFields + "\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || resp.StatusCode != c.want {
			t.Fatalf("%s: %v %v", c.level, resp, err)
		}
		if c.want == 503 {
			b, _ := io.ReadAll(resp.Body)
			if resp.Header.Get("Retry-After") == "" || !strings.Contains(string(b), `"code":"pressure"`) || strings.Contains(string(b), "offer") {
				t.Errorf("%v %s", resp.Header, b)
			}
		}
		conn.Close()
	}
}

// TestSocketOldBrowser: a browser that names no origin may still name the page, and then that counts.
func TestSocketOldBrowser(t *testing.T) {
	s := socketSite(t, Options{Origins: []string{"https://good.example"}}, nil)
	for referer, want := range map[string]int{
		"":                           200,
		s.url + "/page":              200,
		"https://good.example/a?b":   200,
		"https://evil.example/a?b":   403,
		"https://good.example.evil/": 403,
		"null":                       403,
	} {
		var fields []string
		if referer != "" {
			fields = append(fields, "Referer: "+referer)
		}
		for _, method := range []string{"GET", "POST"} {
			if a := s.ask(method, s.dialog("/echo").url("&transport=poll"), "", fields...); a.status != want {
				t.Errorf("%s from %q: %d %s", method, referer, a.status, a.body)
			}
		}
	}
	if n := s.sockets.Len(); n != 6 {
		t.Errorf("%d sockets were opened, want 6", n)
	}
}

// TestSocketProtocolNames: what is offered in the query is as on a WebSocket: different tokens.
func TestSocketProtocolNames(t *testing.T) {
	s := socketSite(t, Options{}, nil, socket.Options{Accept: func(r *socket.Request) (string, error) {
		return r.Protocols[0], nil
	}})
	for offered, want := range map[string]int{
		"chat,x": 200, "chat": 200, "a%0d%0aSet-Cookie:x": 400, "a%20b": 400, "a%2c%2cb": 400, "%22a%22": 400, "a,a": 400, "%c3%a9": 400,
	} {
		if a := s.ask("GET", s.dialog("/echo").url("&transport=poll&protocols="+offered), ""); a.status != want {
			t.Errorf("%s: %d %s", offered, a.status, a.body)
		}
	}
}

// TestSocketRefusedOddly: a status that HTTP does not have, or that is no refusal, is none that a handler refuses with.
func TestSocketRefusedOddly(t *testing.T) {
	for _, status := range []int{0, -1, 101, 200, 302, 399, 600, 1000} {
		s := socketSite(t, Options{}, nil, socket.Options{Accept: func(*socket.Request) (string, error) {
			return "", &socket.RefusedError{Status: status, Detail: "no"}
		}})
		if a := s.ask("GET", s.dialog("/echo").url("&transport=poll"), ""); a.status != 403 || a.code(t) != "socket_refused" {
			t.Errorf("%d: %d %s", status, a.status, a.body)
		}
		fields := append(strings.Split(upgrade, "\n"), "Origin: "+s.url)
		if a := s.ask("GET", "/echo", "", fields...); a.status != 403 || a.code(t) != "socket_refused" {
			t.Errorf("%d: %d %s", status, a.status, a.body)
		}
	}
}

// TestSocketAtATopic: a socket comes before what is built in, also for a POST that looks like a message.
func TestSocketAtATopic(t *testing.T) {
	s := socketSite(t, Options{}, nil)
	if err := s.Socket("/topics/chat", echoes); err != nil {
		t.Fatal(err)
	}
	d := s.dialog("/topics/chat")
	if ack := d.post(d.text("a")); ack != 1 {
		t.Errorf("taken up to %d", ack)
	}
	if a := s.ask("POST", "/topics/chat", "a message"); a.status != http.StatusOK && a.status != http.StatusCreated {
		t.Errorf("%d %s", a.status, a.body)
	}
	if n := s.Gateway().Stats().Published; n != 1 {
		t.Errorf("%d were published, want the message alone", n)
	}
}

// TestSocketsOfOneConnection: whoever opens sockets one after the other, and holds no connection, is bounded too.
func TestSocketsOfOneConnection(t *testing.T) {
	s := socketSite(t, Options{Connections: 2}, nil)
	for i := range 6 {
		a := s.ask("POST", s.dialog("/echo").url(""), "")
		if i < 4 && a.status != 200 || i >= 4 && (a.status != 503 || a.code(t) != "limit") {
			t.Errorf("the %d. socket: %d %s", i+1, a.status, a.body)
		}
	}
}

// TestCloseWithDeafHandlers: a handler that does not heed its context cannot hold up the end.
func TestCloseWithDeafHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Options{DrainTimeout: time.Second})
		leave := make(chan struct{})
		p := &socket.Path{Name: "/", Handler: func(*Socket) { <-leave }}
		o := &socket.Opening{Path: p, ID: "0123456789abcdef", Request: &socket.Request{}, Transport: "sse"}
		to, err := s.sockets.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := to.Attach(deafLink{}, o); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); !errors.Is(err, ErrHandlers) {
			t.Error(err)
		}
		close(leave)
	})
}

// deafLink is a link that does nothing.
type deafLink struct{}

func (deafLink) Carry(socket.Load) (int, bool) { return 0, false }
func (deafLink) Heard() bool                   { return true }
func (deafLink) Resume()                       {}
func (deafLink) End(socket.End)                {}

// TestSocketBodyTrickles: a body that brings a byte now and then does not hold its connection for ever.
func TestSocketBodyTrickles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Options{BodyTimeout: time.Minute})
		defer s.Close()
		to, err := s.sockets.Open(&socket.Opening{Path: &socket.Path{Name: "/", Handler: echoes}, ID: "0123456789abcdef", Request: &socket.Request{}})
		if err != nil {
			t.Fatal(err)
		}
		defer to.Drop()
		line := `{"seq":1,"data":"a"}` + "\n"
		w := &deadlines{inProcess: inProcess{header: http.Header{}}}
		c := bodyCall(t, w, trickle{iotest.OneByteReader(strings.NewReader(line))}, int64(len(line)))
		s.guardBody(c.w, c.r)
		if whole, err := s.takeUp(c, to); !whole || err != nil {
			t.Fatal(whole, err)
		}
		if more := w.set[len(w.set)-1].Sub(w.set[0]); more > time.Second {
			t.Errorf("%d bytes may take %v beyond the grace", len(line), more)
		}
		if n := to.Taken(); n != 1 {
			t.Errorf("%d frames were taken", n)
		}
	})
}

// trickle lets a second pass before each read.
type trickle struct{ io.Reader }

func (r trickle) Read(b []byte) (int, error) {
	time.Sleep(time.Second)
	return r.Reader.Read(b)
}

// TestSocketBothFull: a handler that waits for its client's acks, and a client whose request waits for the handler, do not wait for each other: the
// request ends soon, and the next one brings the acks.
func TestSocketBothFull(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *site) {
		err := s.Socket("/flood", func(to *Socket) {
			for range 3 {
				if to.Send(socket.Binary, make([]byte, 1000)) != nil {
					return
				}
			}
			for {
				if _, err := to.Receive(); err != nil {
					return
				}
			}
		}, socket.Options{ReceiveBytes: 1000, BufferBytes: 1000})
		if err != nil {
			t.Fatal(err)
		}
		d := s.dialog("/flood")
		h := d.listen("stream")
		lines := make([]string, 5)
		for i := range lines {
			lines[i] = d.text(strings.Repeat("x", 600))
		}
		began := time.Now()
		sent := d.post(lines...)
		if took := time.Since(began); sent == 0 || sent >= 5 || took > time.Second {
			t.Fatalf("%d frames are taken after %s", sent, took)
		}
		for range 2 {
			h.heard()
			d.post(fmt.Sprintf(`{"ack":{"seq":%d}}`, d.has))
		}
		if sent = d.post(lines[sent:]...); sent != 5 {
			t.Errorf("%d frames are taken in the end", sent)
		}
		h.leave()
	})
}
