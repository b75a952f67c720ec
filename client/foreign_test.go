package client_test

import (
	"bufio"
	"crypto/sha1" // RFC 6455 section 1.3
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"tidings/client"
)

// foreign is a WebSocket server that has never heard of this project.
func foreign(t *testing.T, talk func(c net.Conn, from *bufio.Reader)) string {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			base64.StdEncoding.EncodeToString(sum[:]))
		talk(c, rw.Reader)
	}))
	t.Cleanup(web.Close)
	return web.URL
}

// read reads one small masked frame.
func read(from *bufio.Reader) (first byte, payload string, err error) {
	var head [6]byte
	for i := range head {
		if head[i], err = from.ReadByte(); err != nil {
			return 0, "", err
		}
	}
	data := make([]byte, head[1]&0x7f)
	for i := range data {
		b, err := from.ReadByte()
		if err != nil {
			return 0, "", err
		}
		data[i] = b ^ head[2+i%4]
	}
	return head[0], string(data), nil
}

// TestForeign holds that a server that knows no more than RFC 6455 can be talked to without saying so.
func TestForeign(t *testing.T) {
	url := foreign(t, func(c net.Conn, from *bufio.Reader) {
		for {
			first, payload, err := read(from)
			if err != nil {
				return
			}
			// In fragments, with a ping between them.
			if first == 0x81 {
				_, _ = fmt.Fprintf(c, "\x01\x01%s\x89\x00\x80%c%s", payload[:1], len(payload)-1, payload[1:])
				continue
			}
			_, _ = c.Write(append([]byte{first, byte(len(payload))}, payload...))
		}
	})
	for _, plain := range []bool{false, true} {
		s := dial(t, url, client.DialOptions{Plain: plain})
		for _, text := range []string{"hello", "é"} {
			if err := s.Send(client.Text, []byte(text)); err != nil {
				t.Fatal(err)
			}
			if m, err := s.Receive(); err != nil || m.Kind != client.Text || string(m.Data) != text {
				t.Errorf("%q, %v", m.Data, err)
			}
		}
		_ = s.Close(3001, "x")
		_, err := s.Receive()
		if closed, ok := errors.AsType[*client.CloseError](err); !ok || closed.Code != 3001 {
			t.Error(err)
		}
	}
}

// TestForeignEnds holds how a plain socket ends where the server does not end it as it should.
func TestForeignEnds(t *testing.T) {
	tests := []struct {
		name  string
		says  string
		want  uint16
		clean bool
	}{
		{"vanishes", "", 1006, false},
		{"vanishes within", "\x81\x05ab", 1006, false},
		{"breaks the protocol", "\xf1\x00", 1002, false},
		{"says no text", "\x81\x01\xff", 1007, false},
		{"closes without a code", "\x88\x00", 1005, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			url := foreign(t, func(c net.Conn, _ *bufio.Reader) { _, _ = c.Write([]byte(test.says)) })
			s, err := client.Dial(t.Context(), url, client.DialOptions{Plain: true})
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Receive()
			if closed, ok := errors.AsType[*client.CloseError](err); !ok || closed.Code != test.want || closed.Clean != test.clean {
				t.Errorf("ended with %+v", err)
			}
		})
	}
}
