package websocket

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"tidings/gateway"
	"tidings/transport"
)

// dialDeflated connects as a client that speaks permessage-deflate, and returns what was agreed on.
func (r *rig) dialDeflated(query, extensions string) (*deflatedSocket, string) {
	r.Helper()
	c, err := new(net.Dialer).DialContext(r.Context(), "tcp", strings.TrimPrefix(r.url, "ws://"))
	if err != nil {
		r.Fatal(err)
	}
	_, err = io.WriteString(c, "GET /?"+query+" HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: "+extensions+"\r\n\r\n")
	if err != nil {
		r.Fatal(err)
	}
	from := bufio.NewReader(c)
	resp, err := http.ReadResponse(from, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		r.Fatalf("%v, %v", resp, err)
	}
	agreed := resp.Header.Get("Sec-Websocket-Extensions")
	cc := &ClientConn{net: c, from: struct{ io.Reader }{from}, buf: make([]byte, 4<<10)}
	s := &deflatedSocket{client: &client{r, cc}}
	cc.frames = messages{
		frames: frames{state: ws.StateClientSide, limit: ClientMessageBytes, deflates: agreed != ""}, hear: cc.hear,
		hearPacked: func(op ws.OpCode, payload []byte) error {
			s.deflated++
			text, err := inflate(payload, ClientMessageBytes)
			if err != nil {
				return err
			}
			return cc.hear(op, text)
		},
	}
	r.Cleanup(func() { _ = cc.Close(1000, "") })
	return s, agreed
}

// deflatedSocket counts the messages that were deflated.
type deflatedSocket struct {
	*client
	deflated int
}

// TestDeflatedToClient: who agreed on it gets the same messages, of which the large ones are deflated, as one who did not.
func TestDeflatedToClient(t *testing.T) {
	for wrap, want := range map[string]int{"": 3, "&wrap=1": 4} {
		r := newRig(t, false, gateway.Options{})
		sizes := []int{10, 511, 600, 5000, 100_000}
		for _, n := range sizes {
			r.publish("a", "text/plain", strings.Repeat("rain and wind ", n)[:n])
		}
		plain := r.dial("topic=a&since=all&compress=1" + wrap)
		packed, agreed := r.dialDeflated("topic=a&since=all&compress=1"+wrap, "permessage-deflate; client_max_window_bits")
		if agreed != "permessage-deflate; server_no_context_takeover; client_no_context_takeover" {
			t.Fatalf("agreed on %q", agreed)
		}
		if wrap != "" {
			plain.expect(`{"hello":`)
			packed.expect(`{"hello":`)
		}
		for _, n := range sizes {
			want, _, err := plain.Read()
			if err != nil {
				t.Fatal(err)
			}
			got, text, err := packed.Read()
			if err != nil || !text || string(got) != string(want) {
				t.Errorf("%d bytes: %v, %.100q, want %.100q", n, err, got, want)
			}
		}
		if packed.deflated != want {
			t.Errorf("%d were deflated", packed.deflated)
		}
	}
}

// TestDeflatedDeclined: what is not agreed on is not done.
func TestDeflatedDeclined(t *testing.T) {
	r := newRig(t, false, gateway.Options{})
	r.publish("a", "text/plain", strings.Repeat("rain ", 1000))
	for query, extensions := range map[string]string{
		"":            "permessage-deflate",
		"&compress=1": "permessage-deflate; server_max_window_bits=10",
	} {
		s, agreed := r.dialDeflated("topic=a&since=all"+query, extensions)
		if agreed != "" {
			t.Errorf("%q: agreed on %q", query, agreed)
		}
		s.expect("rain rain ")
	}
}

// TestDeflatedFromClient: deflated requests are obeyed in order with plain ones, and bounded by what they come to.
func TestDeflatedFromClient(t *testing.T) {
	up := func(text string) []byte { return rsv(rsv1, masked(opText, true, packed(text))) }
	const query, offer = "topic=a&since=all&compress=1&wrap=1", "permessage-deflate"
	for _, c := range []struct {
		name  string
		frame []byte
		code  uint16
	}{
		{"too big", up(`{"id":"` + strings.Repeat("x", 1000) + `"}`), 1009},
		{"not deflated", rsv(rsv1, masked(opText, true, "\x07")), 1007},
		{"no UTF-8", up("{\"id\":\"\xff\"}"), 1007},
		{"no request", up("rain"), 4500},
		{"binary", rsv(rsv1, masked(opBinary, true, packed("rain"))), 4500},
		{"RSV2", rsv(2, masked(opText, true, packed("rain"))), 1002},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := newRig(t, false, gateway.Options{}).dialDeflated(query, offer)
			s.expect(`{"hello":`, `{"live":`)
			for i := range 4 {
				text := fmt.Sprintf(`{"id":%d,"ping":true}`, i)
				frame := up(text)
				if i%2 > 0 {
					frame = masked(opText, true, text)
				}
				if _, err := s.net.Write(frame); err != nil {
					t.Fatal(err)
				}
			}
			for i := range 4 {
				s.expect(fmt.Sprintf(`{"ack":{"id":%d}}`, i))
			}
			if _, err := s.net.Write(c.frame); err != nil {
				t.Fatal(err)
			}
			if c.code == 4500 {
				s.expect(`{"bye":{"code":4500`)
			}
			s.expectClose(c.code)
		})
	}
}

// TestDeflateFrom: the size from which messages are deflated is the transport's.
func TestDeflateFrom(t *testing.T) {
	for _, from := range []int{0, 20} {
		s := New(0, from).(*sockets)
		f := &transport.Request{}
		for _, enveloped := range []bool{false, true} {
			plain, packed := s.termsOf(f, enveloped, false), s.termsOf(f, enveloped, true)
			m := published("text/plain", []byte(strings.Repeat("rain ", 60)))
			smaller := len(m.Encoded(packed.Format)) < len(m.Encoded(plain.Format))
			if smaller != (from == 20) || plain.deflates || !packed.deflates || packed.Live != enveloped {
				t.Errorf("from %d, enveloped %v: smaller %v", from, enveloped, smaller)
			}
		}
	}
}

func TestCheckExtensions(t *testing.T) {
	h := transport.Handshake{
		Get: true, HTTP11: true, Upgrade: "websocket", Connection: "upgrade", Version: "13", Key: "dGhlIHNhbXBsZSBub25jZQ==",
	}
	for extensions, want := range map[string]error{"": nil, "permessage-deflate": nil, "x-else; a=1": nil, "permessage-deflate;": ErrExtensions} {
		h.Extensions = extensions
		if got := Check(&h); got != want { //nolint:errorlint // it is returned as it is
			t.Errorf("%q: %v", extensions, got)
		}
	}
}

// BenchmarkPeerWrite measures a delivery without the connection's part in it.
func BenchmarkPeerWrite(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		for _, f := range []*gateway.Format{Enveloped, EnvelopedDeflated} {
			b.Run(fmt.Sprintf("%s/%d", f.Name, n), func(b *testing.B) {
				m := published("text/plain", []byte(strings.Repeat("rain and wind ", n)[:n]))
				p := &peer{conn: &fakeConn{room: 1 << 60}, Follower: onTerms(f).Follower()}
				one := &gateway.Batch{Parts: [][]byte{m.Encoded(f)}}
				b.ReportAllocs()
				for b.Loop() {
					if _, err := p.Write(one); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(len(one.Parts[0])), "bytes")
			})
		}
	}
}
