package websocket

import (
	"errors"
	"slices"
	"testing"

	"tidings/transport"
)

// TestHandshakeSocket sees what each part of a socket's request comes to.
func TestHandshakeSocket(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*transport.Handshake)
		want   error
	}{
		{"right", func(*transport.Handshake) {}, nil},
		{"any case, among others", func(h *transport.Handshake) { h.Upgrade, h.Connection = "h2c, WebSocket", "keep-alive, UPGRADE" }, nil},
		{"another method", func(h *transport.Handshake) { h.Get = false }, ErrMethod},
		{"HTTP/1.0", func(h *transport.Handshake) { h.HTTP11 = false }, ErrUpgrade},
		{"no upgrade", func(h *transport.Handshake) { h.Upgrade = "" }, ErrUpgrade},
		{"another upgrade", func(h *transport.Handshake) { h.Upgrade = "websockets" }, ErrUpgrade},
		{"no connection", func(h *transport.Handshake) { h.Connection = "close" }, ErrUpgrade},
		{"no version", func(h *transport.Handshake) { h.Version = "" }, ErrVersion},
		{"an old version", func(h *transport.Handshake) { h.Version = "8" }, ErrVersion},
		{"two versions", func(h *transport.Handshake) { h.Version = "13,8" }, ErrVersion},
		{"no key", func(h *transport.Handshake) { h.Key = "" }, ErrKey},
		{"a short key", func(h *transport.Handshake) { h.Key = "dGhlIHNhbXBsZSBub25j" }, ErrKey},
		{"a long key", func(h *transport.Handshake) { h.Key = "dGhlIHNhbXBsZSBub25jZTEx" }, ErrKey},
		{"no base64", func(h *transport.Handshake) { h.Key = "dGhlIHNhbXBsZSBub25jZ!==" }, ErrKey},
		{"two keys", func(h *transport.Handshake) { h.Key += "," + h.Key }, ErrKey},
		{"extensions", func(h *transport.Handshake) { h.Extensions = ";" }, ErrExtensions},
		{"protocols", func(h *transport.Handshake) { h.Protocols = "a, a" }, ErrProtocols},
	} {
		h := transport.Handshake{
			Get: true, HTTP11: true, Upgrade: "websocket", Connection: "Upgrade", Version: "13", Key: "dGhlIHNhbXBsZSBub25jZQ==",
			Protocols: "chat, superchat", Extensions: "permessage-deflate; server_max_window_bits=10",
		}
		c.change(&h)
		for _, deflates := range []bool{true, false} {
			a, offered, err := handshakeSocket(&h, deflates)
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("%s: %v, want %v", c.name, err, c.want)
			}
			if err != nil {
				continue
			}
			// The key and its answer are those of RFC 6455 section 1.3.
			if a.accept != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" || !slices.Equal(offered, []string{"chat", "superchat"}) ||
				(a.extensions != "") != deflates || a.windowBits != 10 {
				t.Errorf("%s: %+v, %q", c.name, a, offered)
			}
		}
	}
}
