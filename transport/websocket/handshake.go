package websocket

import (
	"bytes"
	"crypto/sha1" // RFC 6455 section 1.3 asks for it, and nothing depends on its strength
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
)

// Protocol is the subprotocol of the envelope.
const Protocol = "tidings.v1"

// The refusals of a handshake (RFC 6455 section 4.2.1). Nothing was sent when [transport.Transport]'s Serve returns one.
var (
	// ErrMethod: a handshake is a GET; answer with 405.
	ErrMethod = errors.New("a websocket handshake is a GET request")
	// ErrUpgrade: there is no "Upgrade: websocket" with "Connection: upgrade" over HTTP/1.1; answer with 426.
	ErrUpgrade = errors.New("the request does not ask for an upgrade to websocket over HTTP/1.1")
	// ErrVersion: the version is another than 13; answer with 426. "Sec-WebSocket-Version: 13" is set.
	ErrVersion = errors.New("the version of websocket is not 13")
	// ErrKey: Sec-WebSocket-Key is not the base64 of 16 bytes; answer with 400.
	ErrKey = errors.New("Sec-WebSocket-Key is not the base64 of 16 bytes")
)

// guid is a constant of RFC 6455 section 1.3.
const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// unsent are the fields that a 101 has its own of, or that speak of a body.
var unsent = map[string]bool{
	"Connection": true, "Upgrade": true, "Content-Length": true, "Content-Type": true, "Transfer-Encoding": true,
	"Sec-Websocket-Accept": true, "Sec-Websocket-Protocol": true, "Sec-Websocket-Extensions": true,
}

// handshake checks r and returns the head of the answer, with what is in fields already, and the protocol that was agreed
// on: [Protocol] or none.
func handshake(fields http.Header, r *http.Request) (head []byte, protocol string, err error) {
	key := r.Header.Get("Sec-Websocket-Key")
	switch {
	case r.Method != http.MethodGet:
		return nil, "", ErrMethod
	case r.ProtoMajor != 1 || r.ProtoMinor < 1 || !has(r.Header["Upgrade"], "websocket") || !has(r.Header["Connection"], "upgrade"):
		return nil, "", ErrUpgrade
	case r.Header.Get("Sec-Websocket-Version") != "13":
		fields.Set("Sec-Websocket-Version", "13")
		return nil, "", ErrVersion
	}
	if nonce, err := base64.StdEncoding.DecodeString(key); err != nil || len(nonce) != 16 {
		return nil, "", ErrKey
	}
	for _, offered := range r.Header["Sec-Websocket-Protocol"] {
		for name := range strings.SplitSeq(offered, ",") {
			if strings.TrimSpace(name) == Protocol {
				protocol = Protocol
			}
		}
	}
	accept := sha1.Sum([]byte(key + guid))
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ")
	b.WriteString(base64.StdEncoding.EncodeToString(accept[:]))
	if protocol != "" {
		b.WriteString("\r\nSec-WebSocket-Protocol: " + protocol)
	}
	b.WriteString("\r\n")
	_ = fields.WriteSubset(&b, unsent) // writing to a buffer cannot fail
	b.WriteString("\r\n")
	return b.Bytes(), protocol, nil
}

// has reports whether one of the comma-separated values is token, in any case.
func has(values []string, token string) bool {
	for _, value := range values {
		for one := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(one), token) {
				return true
			}
		}
	}
	return false
}
