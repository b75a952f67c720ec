package websocket

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"tidings/gateway/socket"
	"tidings/transport"
	"tidings/transport/park"
)

// plainServer serves sockets of one path to whoever asks.
func plainServer(t testing.TB, secure bool, p *socket.Path) (dial func(extensions string) (net.Conn, *bufio.Reader)) {
	t.Helper()
	set := socket.NewSet()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := transport.HandshakeOf(r)
		asked, err := CheckSocket(&h, true)
		if err != nil {
			t.Error(err)
			return
		}
		o := &socket.Opening{Path: p, Request: &socket.Request{Path: "/", Header: textproto.MIMEHeader(r.Header)}, Transport: "websocket"}
		s, err := set.Open(o)
		if err == nil {
			_, err = asked.Serve(park.HTTP(w, r), s, o)
		}
		if err != nil {
			t.Error(err)
		}
	}))
	if secure {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(func() {
		set.Close()
		server.Close()
	})
	return func(extensions string) (net.Conn, *bufio.Reader) {
		t.Helper()
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if secure {
			roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
			c = tls.Client(c, &tls.Config{RootCAs: roots, ServerName: "example.com", MinVersion: tls.VersionTLS13})
		}
		t.Cleanup(func() { c.Close() })
		head := "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		if extensions != "" {
			head += "Sec-WebSocket-Extensions: " + extensions + "\r\n"
		}
		if _, err := io.WriteString(c, head+"\r\n"); err != nil {
			t.Fatal(err)
		}
		from := bufio.NewReaderSize(c, 1<<10)
		resp, err := http.ReadResponse(from, nil)
		if err != nil || resp.StatusCode != http.StatusSwitchingProtocols || (resp.Header.Get("Sec-Websocket-Extensions") == "") != (extensions == "") {
			t.Fatalf("%v, %v", resp, err)
		}
		return c, from
	}
}

// pipe sends every message back while it arrives.
func pipe(t *testing.T, buffered int) socket.Handler {
	return func(s *socket.Socket) {
		for {
			kind, r, err := s.Reader()
			if err != nil {
				return
			}
			w, err := s.Writer(kind)
			if err == nil {
				_, err = io.Copy(w, r)
			}
			if n := s.Buffered(); n > buffered {
				t.Errorf("%d bytes are buffered", n)
			}
			if err == nil {
				err = w.Close()
			}
			if err != nil {
				return
			}
		}
	}
}

// TestPlainPipes: a message of any size goes through a handler that keeps nothing of it, over a connection of any sort, and back to a client that
// reads slower than it writes; pings meanwhile are answered.
func TestPlainPipes(t *testing.T) {
	const size = 4 << 20
	for name, try := range map[string]struct {
		secure     bool
		extensions string
	}{
		"tcp": {}, "tls": {secure: true}, "tcp deflated": {extensions: "permessage-deflate; server_max_window_bits=10"},
		"tls deflated": {true, "permessage-deflate"},
	} {
		t.Run(name, func(t *testing.T) {
			dial := plainServer(t, try.secure, &socket.Path{Name: "/", Handler: pipe(t, 300<<10), Options: socket.Options{
				MessageBytes: -1, BufferBytes: 100 << 10, ReceiveBytes: 100 << 10, FragmentBytes: 100 << 10,
			}})
			c, from := dial(try.extensions)
			payload := bytes.Repeat([]byte("0123456789abcdef-"), size/17)
			go upload(t, c, payload, try.extensions != "")
			var got []byte
			pongs, ended := 0, false
			parser := messages{frames: frames{state: ws.StateClientSide, limit: -1, deflates: try.extensions != ""}}
			parser.hear = func(op ws.OpCode, data []byte) error {
				switch op {
				case opPong:
					pongs++
				case opClose:
					ended = true
				default:
					got = bytes.Clone(data)
				}
				return nil
			}
			buf := make([]byte, 8<<10)
			for !ended {
				n, err := from.Read(buf)
				if err != nil {
					t.Fatal(err)
				}
				if err := parser.feed(buf[:n]); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(got, payload) {
				t.Errorf("%d bytes came back of %d, or others", len(got), len(payload))
			}
			if pongs == 0 {
				t.Error("no ping was answered")
			}
		})
	}
}

// upload sends a message in frames, with pings between them, and a close behind it.
func upload(t *testing.T, c net.Conn, payload []byte, packs bool) {
	send := func(h ws.Header, data []byte) bool {
		h.Length = int64(len(data))
		f := ws.MaskFrame(ws.Frame{Header: h, Payload: bytes.Clone(data)})
		_, err := c.Write(ws.MustCompileFrame(f))
		if err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		return err == nil
	}
	h := ws.Header{OpCode: opBinary}
	if packs {
		h.Rsv = rsv1
	}
	for len(payload) > 0 {
		n := min(len(payload), 150_000)
		data := payload[:n]
		payload = payload[n:]
		h.Fin = len(payload) == 0
		if packs {
			data = appendPacked(nil, data, 15, h.Fin)
		}
		if !send(h, data) || !send(ws.Header{Fin: true, OpCode: opPing}, []byte("still there?")) {
			return
		}
		h = ws.Header{OpCode: ws.OpContinuation}
	}
	send(ws.Header{Fin: true, OpCode: opClose}, closeBody(1000, ""))
}

// TestPlainTooBig: a message over the bound is refused by its size after inflating too.
func TestPlainTooBig(t *testing.T) {
	handler := func(s *socket.Socket) {
		for {
			if _, err := s.Receive(); err != nil {
				return
			}
		}
	}
	dial := plainServer(t, false, &socket.Path{Name: "/", Handler: handler, Options: socket.Options{MessageBytes: 1000}})
	for extensions, frame := range map[string]ws.Frame{
		"":                   {Header: ws.Header{Fin: true, OpCode: opText}, Payload: []byte(strings.Repeat("x", 1001))},
		"permessage-deflate": {Header: ws.Header{Fin: true, OpCode: opText, Rsv: rsv1}, Payload: appendPacked(nil, bytes.Repeat([]byte("x"), 1001), 15, true)},
	} {
		c, from := dial(extensions)
		frame.Header.Length = int64(len(frame.Payload))
		if _, err := c.Write(ws.MustCompileFrame(ws.MaskFrame(frame))); err != nil {
			t.Fatal(err)
		}
		h, err := ws.ReadHeader(from)
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(from, payload); err != nil {
			t.Fatal(err)
		}
		if err != nil || h.OpCode != opClose || parseClose(payload).Code != 1009 {
			t.Errorf("%q: %v %q %v", extensions, h.OpCode, payload, err)
		}
	}
}

// TestPlainBroadcasts: a message for all is deflated once.
func TestPlainBroadcasts(t *testing.T) {
	set := socket.NewSet()
	defer set.Close()
	path := &socket.Path{Name: "/", Handler: func(s *socket.Socket) { <-s.Context().Done() }}
	var conns []*narrow
	for range 3 {
		o := &socket.Opening{Path: path, Request: &socket.Request{Path: "/", Header: textproto.MIMEHeader{}}, Transport: "websocket"}
		s, err := set.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		conn := &narrow{room: 1 << 20}
		l := newPlain(s, conn)
		l.deflate(15)
		if _, err := s.Attach(l, o); err != nil {
			t.Fatal(err)
		}
		s.Ready(l)
		conns = append(conns, conn)
	}
	if n := set.Broadcast("/", socket.Text, bytes.Repeat([]byte("news "), 1000)); n != 3 {
		t.Fatalf("it went to %d", n)
	}
	if len(conns[0].kept) != 1 || len(conns[0].kept[0]) > 200 {
		t.Fatal("it is not deflated")
	}
	for _, c := range conns[1:] {
		if &c.kept[0][0] != &conns[0].kept[0][0] {
			t.Error("it was deflated again")
		}
	}
}
