package transport

import (
	"net/http"
	"strings"
)

// Handshake is what a WebSocket's request says (RFC 6455 section 4.1). Fields that came several times are joined by commas.
type Handshake struct {
	Get        bool // the method is GET
	HTTP11     bool // the version is HTTP/1.1
	Upgrade    string
	Connection string
	Key        string // Sec-WebSocket-Key
	Version    string // Sec-WebSocket-Version
	Protocols  string // Sec-WebSocket-Protocol
	Extensions string // Sec-WebSocket-Extensions
}

// HandshakeOf returns what a request says that net/http has read.
func HandshakeOf(r *http.Request) Handshake {
	joined := func(name string) string { return strings.Join(r.Header[name], ",") }
	return Handshake{
		Get: r.Method == http.MethodGet, HTTP11: r.ProtoMajor == 1 && r.ProtoMinor >= 1,
		Upgrade: joined("Upgrade"), Connection: joined("Connection"),
		Key: joined("Sec-Websocket-Key"), Version: joined("Sec-Websocket-Version"),
		Protocols: joined("Sec-Websocket-Protocol"), Extensions: joined("Sec-Websocket-Extensions"),
	}
}
