package websocket

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"tidings/gateway"
)

func TestRaw(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls=%v", secure), func(t *testing.T) {
			r := newRig(t, secure, gateway.Options{})
			r.publish("a", "", "old")
			s := r.dial("topic=a&since=all")
			r.publish("a", "application/json", ` {"x": 1}`)
			r.publish("b", "", "not followed")
			r.publish("a", "image/png", "\x89PNG")
			s.expect("old", ` {"x": 1}`)
			if data, text, err := s.Read(); err != nil || text || string(data) != "\x89PNG" {
				t.Errorf("got %q, %v, %v", data, text, err)
			}
			large := strings.Repeat("x", 300_000)
			for range 10 {
				r.publish("a", "", large)
			}
			for range 10 {
				if got := s.expect("x"); got != large {
					t.Errorf("got %d bytes", len(got))
				}
			}
		})
	}
}

func TestEnveloped(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls=%v", secure), func(t *testing.T) {
			r := newRig(t, secure, gateway.Options{})
			r.publish("news/a", "", "old")
			s := r.envelopes("topic=news/*&topic=weather&since=all")
			s.expect(`{"topic":"news/a","seq":1,"prev":0,`, `{"live":{"topic":"news/*",`, `{"live":{"topic":"weather",`)
			r.publish("weather", "", "rain")
			s.expect(`{"topic":"weather","seq":2,`)
			if _, err := r.gateway.Delete(t.Context(), "weather"); err != nil {
				t.Fatal(err)
			}
			// To a follower that was not done writing, the marker is a gap.
			if got := s.expect(`{`); got != `{"deleted":{"topic":"weather","to":3}}` &&
				got != `{"gap":{"topic":"weather","from":3,"to":3,"reason":"deleted"}}` {
				t.Errorf("got %s", got)
			}

			wrapped := r.dial("topic=news/a&wrap=1&since=latest")
			wrapped.expect(`{"hello":`, `{"topic":"news/a","seq":1,`)
		})
	}
}

// TestManyAtOnce has one shard tell many followers many things: what a connection has taken must stay as it was.
func TestManyAtOnce(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls=%v", secure), func(t *testing.T) {
			r := newRig(t, secure, gateway.Options{Shards: 1})
			sockets := make([]*client, 20)
			for i := range sockets {
				sockets[i] = r.envelopes("")
			}
			const topics = 50
			for i, s := range sockets {
				items := make([]string, topics)
				for j := range items {
					items[j] = fmt.Sprintf(`{"topic":"%d/%d"}`, i, j)
				}
				s.send(`{"follow":[` + strings.Join(items, ",") + `]}`)
			}
			for i, s := range sockets {
				s.expect(`{"ack":{"at":`)
				for j := range topics {
					s.expect(fmt.Sprintf(`{"live":{"topic":"%d/%d",`, i, j))
				}
			}
		})
	}
}

func TestUpstream(t *testing.T) {
	r := newRig(t, false, gateway.Options{FollowTopics: 3})
	r.publish("a", "", "before")
	s := r.envelopes("")
	cases := []struct {
		send string
		want []string
	}{
		{`{"id":1,"ping":true}`, []string{`{"ack":{"id":1}}`}},
		{`{"id":"x\"<y","ping":true}`, []string{`{"ack":{"id":"x\"<y"}}`}},
		{`{"ping":true}`, []string{`{"ack":{}}`}},
		{`{"id":2,"dance":true}`, nil},
		{` {"later":{}, "id":3, "ping":true} `, []string{`{"ack":{"id":3}}`}},
		{
			`{"id":4,"follow":[{"topic":"a","since":"all"}]}`,
			[]string{`{"ack":{"id":4,"at":"` + r.gateway.Epoch() + `-0"}}`, `{"topic":"a","seq":1,`, `{"live":{"topic":"a",`},
		},
		{`{"id":5,"follow":[{"topic":"b"}]}`, []string{`{"ack":{"id":5,"at":"`, `{"live":{"topic":"b",`}},
		{`{"id":6,"follow":[{"topic":"a//b"}]}`, []string{`{"ack":{"id":6,"error":{"code":"invalid_topic","status":400,"detail":`}},
		{`{"id":7,"follow":[{"topic":"c"},{"topic":"d"}]}`, []string{`{"ack":{"id":7,"error":{"code":"too_many_topics","status":400,`}},
		{`{"id":9,"publish":{"topic":"","data":"x"}}`, []string{`{"ack":{"id":9,"error":{"code":"invalid_topic",`}},
		{`{"id":10,"unfollow":["b"]}`, []string{`{"ack":{"id":10}}`}},
		{`{"id":11,"unfollow":[""]}`, []string{`{"ack":{"id":11,"error":{"code":"invalid_topic",`}},
		{`{"id":13,"token":"good"}`, []string{`{"ack":{"id":13}}`}},
		{`{"id":14,"token":"bad"}`, []string{`{"ack":{"id":14,"error":{"code":"unauthorized","status":401,`}},
	}
	for _, c := range cases {
		s.send(c.send)
		s.expect(c.want...)
	}
	// What is published comes back to its follower, before or after the ack.
	s.send(`{"id":15,"publish":{"topic":"a","data":"mine"}}`)
	one, two := s.expect(`{`), s.expect(`{`)
	if one > two {
		one, two = two, one
	}
	if one != `{"ack":{"id":15,"topic":"a","seq":2}}` || !strings.HasPrefix(two, `{"topic":"a","seq":2,`) {
		t.Errorf("got %s and %s", one, two)
	}
	r.publish("b", "", "not followed any more")
	r.publish("a", "", "last")
	s.expect(`{"topic":"a","seq":4,`)
}

func TestUpstreamForbidden(t *testing.T) {
	r := newRig(t, false, gateway.Options{})
	r.mute = true
	s := r.envelopes("topic=a")
	s.expect(`{"live":`)
	for i, verb := range []string{`"follow":[{"topic":"b"}]`, `"unfollow":["a"]`, `"publish":{}`, `"token":"good"`} {
		s.send(fmt.Sprintf(`{"id":%d,%s}`, i, verb))
		s.expect(fmt.Sprintf(`{"ack":{"id":%d,"error":{"code":"forbidden","status":403,"detail":`, i))
	}
	s.send(`{"id":5,"ping":true}`)
	s.expect(`{"ack":{"id":5}}`)
}

func TestBadRequest(t *testing.T) {
	r := newRig(t, false, gateway.Options{})
	for _, c := range []struct {
		protocol, send string
		text           bool
	}{
		{Protocol, `{"id":`, true},
		{Protocol, `[]`, true},
		{Protocol, ``, true},
		{Protocol, `{"id":true,"ping":true}`, true},
		{Protocol, `{"id":1,"follow":"news"}`, true},
		{Protocol, `{}`, false},
		{"", `{"id":1,"ping":true}`, true},
		{"", "\xff", false},
	} {
		t.Run(c.protocol+c.send, func(t *testing.T) {
			r := &rig{T: t, gateway: r.gateway, url: r.url}
			var s *client
			if c.protocol == "" {
				s = r.dial("topic=a")
			} else {
				s = r.envelopes("")
			}
			if err := s.Write([]byte(c.send), c.text); err != nil {
				t.Fatal(err)
			}
			if c.protocol != "" {
				s.expect(`{"bye":{"code":4500,"reason":"bad_request"`)
			}
			if reason := s.expectClose(4500); reason != "bad_request" {
				t.Errorf("the reason is %q", reason)
			}
		})
	}
}

func TestDrain(t *testing.T) {
	for _, secure := range []bool{false, true} {
		r := newRig(t, secure, gateway.Options{})
		raw, enveloped := r.dial("topic=a"), r.envelopes("topic=a")
		enveloped.expect(`{"live":`)
		if err := r.gateway.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		enveloped.expect(`{"bye":{"code":4001,"reason":"draining","retry_ms":`)
		if reason := enveloped.expectClose(4001) + raw.expectClose(4001); reason != "drainingdraining" {
			t.Errorf("the reasons are %q", reason)
		}
	}
}

func TestClosedGateway(t *testing.T) {
	r := newRig(t, false, gateway.Options{})
	if err := r.gateway.Close(); err != nil {
		t.Fatal(err)
	}
	s := r.envelopes("topic=a")
	s.expect(`{"bye":{"code":4001,`)
	s.expectClose(4001)
}

func TestGapEndsRaw(t *testing.T) {
	r := newRig(t, false, gateway.Options{Default: gateway.Retention{Messages: 3}})
	begin := r.publish("a", "", "0")
	for i := range 9 {
		r.publish("a", "", fmt.Sprint(i+1))
	}
	s := r.dial("topic=a&since=" + begin.String())
	at := s.expectClose(4005)
	s = r.dial("topic=a&since=" + at)
	s.expect("7", "8", "9")

	enveloped := r.envelopes("topic=a&since=" + begin.String())
	enveloped.expect(`{"gap":{"topic":"a","from":2,"to":7,"reason":"limit"}}`, `{"topic":"a","seq":8,`)
}

// shake makes a handshake by hand and returns what is behind it.
func shake(r *rig, target, protocol string) (net.Conn, *bufio.Reader) {
	r.Helper()
	nc, err := net.Dial("tcp", strings.TrimPrefix(r.url, "ws://"))
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { nc.Close() })
	fmt.Fprintf(nc, "GET %s HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: %s\r\n\r\n", target, protocol)
	in := bufio.NewReader(nc)
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		r.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusSwitchingProtocols || answer.Header.Get("Sec-Websocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" ||
		answer.Header.Get("Access-Control-Allow-Origin") != "*" {
		r.Fatalf("got %d %v", answer.StatusCode, answer.Header)
	}
	return nc, in
}

func TestControlFrames(t *testing.T) {
	r := newRig(t, false, gateway.Options{})
	closing := func(code uint16) []byte { return masked(opClose, true, string(closeBody(code, ""))) }
	for _, c := range []struct {
		name string
		send []byte
		want []byte // then the end
	}{
		{"close", closing(1000), appendFrame(nil, opClose, []byte{3, 232})},
		{"close without a code", masked(opClose, true, ""), appendFrame(nil, opClose, nil)},
		{"close with a code of its own", closing(4321), appendFrame(nil, opClose, []byte{0x10, 0xe1})},
		{
			"ping, pong, close",
			bytes.Join([][]byte{masked(opPing, true, "hi"), masked(opPong, true, ""), closing(1001)}, nil),
			appendFrame(appendFrame(nil, opPong, []byte("hi")), opClose, []byte{3, 233}),
		},
		{"not masked", appendFrame(nil, opPing, nil), appendClose(nil, 1002, ws.ErrProtocolMaskRequired.Error())},
		{"no UTF-8", masked(opText, true, "\xff"), appendClose(nil, 1007, "a text is not valid UTF-8")},
		{"too long", masked(opText, true, strings.Repeat("x", 1001)), appendClose(nil, 1009, "a message has at most 1000 bytes")},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &rig{T: t, gateway: r.gateway, url: r.url}
			nc, in := shake(r, "/?topic=a", "none")
			for _, b := range c.send { // one at a time
				if _, err := nc.Write([]byte{b}); err != nil {
					break
				}
			}
			if got, err := io.ReadAll(in); err != nil || !bytes.HasSuffix(got, c.want) {
				t.Errorf("got %x and %v, want %x", got, err, c.want)
			}
		})
	}
}

func TestHeartbeat(t *testing.T) {
	r := newRig(t, false, gateway.Options{})
	r.ping = 2 * time.Millisecond
	_, in := shake(r, "/?topic=a", "none")
	for range 3 {
		got := make([]byte, 2)
		if _, err := io.ReadFull(in, got); err != nil || !bytes.Equal(got, []byte{0x89, 0}) {
			t.Fatalf("got %x, %v", got, err)
		}
	}
	s := r.envelopes("topic=a")
	s.expect(`{"live":`, `{"ping":{"cursor":"`, `{"ping":{"cursor":"`)
}

func TestHandshakeRefusals(t *testing.T) {
	r := newRig(t, false, gateway.Options{})
	for _, c := range []struct {
		name, field, value string
		status             int
	}{
		{"no upgrade", "Upgrade", "", 426},
		{"another upgrade", "Upgrade", "h2c", 426},
		{"no connection", "Connection", "keep-alive", 426},
		{"no version", "Sec-WebSocket-Version", "", 426},
		{"version 8", "Sec-WebSocket-Version", "8", 426},
		{"no key", "Sec-WebSocket-Key", "", 400},
		{"short key", "Sec-WebSocket-Key", "c2hvcnQ=", 400},
		{"POST", "method", "POST", 405},
	} {
		t.Run(c.name, func(t *testing.T) {
			method := http.MethodGet
			header := http.Header{
				"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
				"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
			}
			if c.field == "method" {
				method = c.value
			} else {
				header.Set(c.field, c.value)
			}
			request, err := http.NewRequestWithContext(t.Context(), method, "http"+strings.TrimPrefix(r.url, "ws")+"/?topic=a", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			request.Header = header
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			answer, err := transport.RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != c.status {
				t.Errorf("the status is %d", answer.StatusCode)
			}
			if version := answer.Header.Get("Sec-Websocket-Version"); (version == "13") != strings.Contains(c.name, "version") {
				t.Errorf("the version is %q", version)
			}
		})
	}
}

func TestDialRefused(t *testing.T) {
	r := newRig(t, false, gateway.Options{})
	_, err := Dial(t.Context(), r.url+"/?topic=a//b", nil, nil)
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Status != 400 || !strings.Contains(string(refused.Body), "invalid topic") {
		t.Errorf("got %v", err)
	}
}

func TestClientLimits(t *testing.T) {
	r := newRig(t, false, gateway.Options{})
	r.publish("a", "", strings.Repeat("x", 101))
	d := Dialer{MessageBytes: 100}
	c, err := d.Dial(t.Context(), r.url+"/?topic=a&since=all")
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = c.Read()
	var end *CloseError
	if !errors.As(err, &end) || end.Code != 1009 {
		t.Errorf("got %v", err)
	}
	if _, _, again := c.Read(); !errors.Is(again, err) {
		t.Errorf("got %v, then %v", err, again)
	}
	if err := c.Close(1000, ""); err != nil {
		t.Error(err)
	}

	s := r.dial("topic=b")
	if err := s.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if _, _, err := s.Read(); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("got %v", err)
	}
	if err := s.Write([]byte("x"), true); err == nil {
		t.Error("a failed connection takes a message")
	}
}
