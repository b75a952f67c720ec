package server_test

import (
	"fmt"
	"strings"
	"testing"
)

// safari agrees on permessage-deflate and then fails on what is deflated.
const safari = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15"

// TestConformanceOpening sees what the suite does not: what each part of a handshake is answered with (RFC 6455 section 4.2.2).
func TestConformanceOpening(t *testing.T) {
	address := conformingServer(t)
	right := handshake("/echo", "")
	change := func(old, with string) string {
		if !strings.Contains(right, old) {
			t.Fatalf("%q is not in the handshake", old)
		}
		return strings.Replace(right, old, with, 1)
	}
	type answer struct {
		status  int
		name    string // of a field
		value   string // its value, "" where it is not there
		request string
	}
	for name, c := range map[string]answer{
		"right":              {101, "Sec-Websocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", right},
		"upgrade":            {101, "Upgrade", "websocket", change("Upgrade: websocket", "upgrade: WebSocket")},
		"connection":         {101, "Connection", "Upgrade", change("Connection: Upgrade", "Connection: keep-alive, upgrade")},
		"no protocol":        {101, "Sec-Websocket-Protocol", "", right},
		"protocols":          {101, "Sec-Websocket-Protocol", "chat", handshake("/echo", "Sec-WebSocket-Protocol: superchat, chat\r\n")},
		"protocols in lines": {101, "Sec-Websocket-Protocol", "chat", handshake("/echo", "Sec-WebSocket-Protocol: superchat\r\nSec-WebSocket-Protocol: chat\r\n")},
		"unknown protocols":  {101, "Sec-Websocket-Protocol", "", handshake("/echo", "Sec-WebSocket-Protocol: superchat\r\n")},
		"no extension":       {101, "Sec-Websocket-Extensions", "", right},
		"unknown extensions": {101, "Sec-Websocket-Extensions", "", handshake("/echo", "Sec-WebSocket-Extensions: x-webkit-deflate-frame, bzip\r\n")},
		"deflate": {
			101, "Sec-Websocket-Extensions", "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
			handshake("/echo", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"),
		},
		"deflate in a window": {
			101, "Sec-Websocket-Extensions", "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8",
			handshake("/echo", "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=8\r\n"),
		},
		"deflate, second offer": {
			101, "Sec-Websocket-Extensions", "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12",
			handshake("/echo", "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=7, permessage-deflate; server_max_window_bits=12\r\n"),
		},

		"deflate in Safari": {
			101, "Sec-Websocket-Extensions", "",
			handshake("/echo", "Sec-WebSocket-Extensions: permessage-deflate\r\nUser-Agent: "+safari+"\r\n"),
		},

		"POST":                 {405, "Allow", "GET", change("GET", "POST")},
		"HTTP/1.0":             {426, "Upgrade", "websocket", change("HTTP/1.1", "HTTP/1.0")},
		"no upgrade":           {426, "Upgrade", "websocket", change("Upgrade: websocket\r\n", "")},
		"another upgrade":      {426, "Upgrade", "websocket", change("Upgrade: websocket", "Upgrade: h2c")},
		"no connection":        {426, "Upgrade", "websocket", change("Connection: Upgrade\r\n", "")},
		"no version":           {426, "Sec-Websocket-Version", "13", change("Sec-WebSocket-Version: 13\r\n", "")},
		"version 8":            {426, "Sec-Websocket-Version", "13", change("Version: 13", "Version: 8")},
		"version 14":           {426, "Sec-Websocket-Version", "13", change("Version: 13", "Version: 14")},
		"no key":               {400, "Sec-Websocket-Accept", "", change("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "")},
		"a key of 15 bytes":    {400, "Sec-Websocket-Accept", "", change("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j")},
		"no base64":            {400, "Sec-Websocket-Accept", "", change("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZ???")},
		"no host":              {400, "Sec-Websocket-Accept", "", change("Host: 127.0.0.1\r\n", "")},
		"another host":         {421, "Sec-Websocket-Accept", "", change("Host: 127.0.0.1", "Host: evil.example")},
		"another origin":       {403, "Sec-Websocket-Accept", "", handshake("/echo", "Origin: https://evil.example\r\n")},
		"the same origin":      {101, "Upgrade", "websocket", handshake("/echo", "Origin: http://127.0.0.1\r\n")},
		"malformed extensions": {400, "Sec-Websocket-Accept", "", handshake("/echo", "Sec-WebSocket-Extensions: permessage-deflate;\r\n")},
		"malformed protocols":  {400, "Sec-Websocket-Accept", "", handshake("/echo", "Sec-WebSocket-Protocol: chat, chat\r\n")},
	} {
		t.Run(name, func(t *testing.T) {
			_, response := askRaw(t, address, c.request)
			if got := response.Header.Get(c.name); response.StatusCode != c.status || got != c.value {
				t.Errorf("%d, %s: %q; want %d, %q", response.StatusCode, c.name, got, c.status, c.value)
			}
		})
	}
}

// TestConformanceFrames sees what the suite does not of RFC 6455 section 5.
func TestConformanceFrames(t *testing.T) {
	address := conformingServer(t)
	tooBig := new("1009")
	const announced = 16<<20 + 1 // a byte more than is taken
	head := func(f frame, size int) []step { return []step{{writes: [][]byte{f.bytes()[:size]}}} }
	for _, p := range []published{
		{number: "not masked", steps: together(frame{op: 1, payload: hello, bare: true}), end: broken},
		{number: "not masked, empty", steps: together(frame{op: 9, bare: true}), end: broken},
		{number: "125 in two bytes", steps: together(frame{op: 2, payload: times("x", 125), wide: 2}), end: broken},
		{number: "125 in eight bytes", steps: together(frame{op: 2, payload: times("x", 125), wide: 8}), end: broken},
		{number: "65535 in eight bytes", steps: together(frame{op: 2, payload: times("x", 65535), wide: 8}), end: broken},
		{number: "a ping's length in two bytes", steps: together(frame{op: 9, payload: hello, wide: 2}), end: broken},
		{number: "a length below zero", steps: []step{{writes: [][]byte{[]byte("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00")}}}, end: broken},
		{number: "too long, by its head", steps: head(octets(times("x", announced)), 14), end: tooBig},
		{number: "too long together", steps: []step{{writes: [][]byte{joined(split(2, times("x", announced), 1<<20)[:16]), ends("xx").bytes()[:6]}}}, end: tooBig},
		{number: "reserved bits that deflate has not", steps: together(frame{op: 1, payload: hello, rsv: 4}), end: broken},
		{number: "a ping within a message, octet by octet", steps: chopped(1, begun("a"), ping("p"), ends("b")), want: []event{{"pong", "p"}, {"text", "ab"}}},
		{number: "a close within a message", steps: together(begun("a"), closing(1000, "")), end: new("1000")},
	} {
		t.Run(p.number, func(t *testing.T) { p.run(dialRaw(t, address, "")) })
	}
	const offer = "permessage-deflate"
	packed := func(f frame) frame {
		f.rsv = 4
		return f
	}
	for _, p := range []published{
		// The examples of RFC 7692 section 7.2.3.
		{number: "deflated", steps: together(packed(text("\xf2\x48\xcd\xc9\xc9\x07\x00"))), want: []event{{"text", "Hello"}}},
		{number: "deflated, fragments", steps: together(packed(begun("\xf2\x48\xcd")), ends("\xc9\xc9\x07\x00")), want: []event{{"text", "Hello"}}},
		{number: "deflated, not compressed", steps: together(packed(text("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"))), want: []event{{"text", "Hello"}}},
		{number: "deflated, a last block", steps: together(packed(text("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"))), want: []event{{"text", "Hello"}}},
		{number: "deflated, two blocks", steps: together(packed(text("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"))), want: []event{{"text", "Hello"}}},
		{number: "deflated, empty", steps: together(packed(text("\x00"))), want: []event{{"text", ""}}},
		{number: "not deflated though agreed", steps: together(text("Hello")), want: []event{{"text", "Hello"}}},
		{number: "no deflate", steps: together(packed(text("\x07"))), end: notUTF8},
		{number: "deflated, no UTF-8", steps: together(packed(text("\x00\x01\x00\xfe\xff\xff\x00"))), end: notUTF8},
		{number: "RSV1 on a continuation", steps: together(packed(begun("\xf2\x48\xcd")), packed(ends("\xc9\xc9\x07\x00"))), end: broken},
		{number: "RSV1 on a ping", steps: together(packed(ping(""))), end: broken},
		{number: "RSV2", steps: together(frame{op: 1, payload: hello, rsv: 2}), end: broken},
	} {
		t.Run(p.number, func(t *testing.T) { p.run(dialRaw(t, address, offer)) })
	}
}

// TestConformanceCodes sees every kind of code that a close frame may hold, with a reason.
func TestConformanceCodes(t *testing.T) {
	address := conformingServer(t)
	sent := func(code int) bool {
		return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999
	}
	for _, code := range []int{
		0, 1, 999, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 1015, 1016,
		1100, 1999, 2000, 2999, 3000, 3001, 3999, 4000, 4506, 4999, 5000, 9999, 65535,
	} {
		p := published{number: fmt.Sprint(code), steps: together(closing(uint16(code), "because")), end: broken}
		if sent(code) {
			p.end = new(p.number)
		}
		t.Run(p.number, func(t *testing.T) { p.run(dialRaw(t, address, "")) })
	}
}
