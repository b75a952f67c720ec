package websocket

import (
	"crypto/sha1" // RFC 6455 section 1.3 asks for it, and nothing depends on its strength
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"tidings/transport"
	"tidings/transport/park"
)

// Protocol is the subprotocol of the envelope.
const Protocol = "tidings.v1"

// The refusals of a handshake (RFC 6455 section 4.2.1). Nothing was sent when [transport.Transport]'s Serve returns one.
var (
	// ErrMethod: a handshake is a GET; answer with 405.
	ErrMethod = errors.New("a websocket handshake is a GET request")
	// ErrUpgrade: there is no "Upgrade: websocket" with "Connection: upgrade" over HTTP/1.1; answer with 426.
	ErrUpgrade = errors.New("the request does not ask for an upgrade to websocket over HTTP/1.1")
	// ErrVersion: the version is another than 13; answer with 426 and "Sec-WebSocket-Version: 13".
	ErrVersion = errors.New("the version of websocket is not 13")
	// ErrKey: Sec-WebSocket-Key is not the base64 of 16 bytes; answer with 400.
	ErrKey = errors.New("Sec-WebSocket-Key is not the base64 of 16 bytes")
	// ErrProtocols: Sec-WebSocket-Protocol is no list of different tokens; answer with 400.
	ErrProtocols = errors.New("Sec-WebSocket-Protocol is malformed")
)

// guid is a constant of RFC 6455 section 1.3.
const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// Check returns why a request is no handshake: one of this package's errors, or nil.
func Check(h *transport.Handshake) error {
	_, err := handshake(h)
	return err
}

// agreement is what a handshake comes to.
type agreement struct {
	accept     string // Sec-WebSocket-Accept
	protocol   string // [Protocol] or none
	extensions string // permessage-deflate or none
	windowBits int    // that may be used in deflating, 8 to 15, where permessage-deflate was agreed on
}

// handshake checks what a follower's request says.
func handshake(h *transport.Handshake) (a agreement, err error) {
	if a, err = greet(h); err != nil {
		return a, err
	}
	if a.extensions, a.windowBits, err = negotiate(sharedBits, h.Extensions); err != nil {
		return a, err
	}
	for name := range strings.SplitSeq(h.Protocols, ",") {
		if strings.TrimSpace(name) == Protocol {
			a.protocol = Protocol
		}
	}
	return a, nil
}

// handshakeSocket checks what a socket's request says. The subprotocol is chosen by others, of those that are offered.
func handshakeSocket(h *transport.Handshake, deflates bool) (a agreement, offered []string, err error) {
	if a, err = greet(h); err != nil {
		return a, nil, err
	}
	if a.extensions, a.windowBits, err = negotiate(leastBits, h.Extensions); err != nil {
		return a, nil, err
	}
	if !deflates {
		a.extensions = ""
	}
	offered, ok := parseProtocols(h.Protocols)
	if !ok {
		return a, nil, ErrProtocols
	}
	return a, offered, nil
}

// parseProtocols parses Sec-WebSocket-Protocol: tokens, of which none comes twice (RFC 6455 section 4.1).
func parseProtocols(field string) (names []string, ok bool) {
	for s := scanner(field); ; {
		for s.take(',') {
		}
		if s == "" {
			return names, true
		}
		name := s.token()
		if name == "" || slices.Contains(names, name) || (s != "" && s[0] != ',') {
			return nil, false
		}
		names = append(names, name)
	}
}

// greet checks what every handshake says.
func greet(h *transport.Handshake) (a agreement, err error) {
	switch {
	case !h.Get:
		return a, ErrMethod
	case !h.HTTP11 || !has(h.Upgrade, "websocket") || !has(h.Connection, "upgrade"):
		return a, ErrUpgrade
	case h.Version != "13":
		return a, ErrVersion
	}
	var nonce [18]byte // of 24 characters, as the decoder counts
	if n, err := base64.StdEncoding.Decode(nonce[:], []byte(h.Key)); len(h.Key) != 24 || err != nil || n != 16 {
		return a, ErrKey
	}
	var text [24 + len(guid)]byte
	sum := sha1.Sum(append(append(text[:0], h.Key...), guid...))
	a.accept = base64.StdEncoding.EncodeToString(sum[:])
	return a, nil
}

// unsent are the fields that a 101 has its own of, or that speak of a body.
var unsent = map[string]bool{
	"Connection": true, "Upgrade": true, "Content-Length": true, "Content-Type": true, "Transfer-Encoding": true,
	"Sec-Websocket-Accept": true, "Sec-Websocket-Protocol": true, "Sec-Websocket-Extensions": true,
	"Vary": true, // there is nothing that a cache could keep
}

// breaks are what would end a field.
var breaks = strings.NewReplacer("\r", " ", "\n", " ")

// appendHead appends the head of the answer.
func (a *agreement) appendHead(dst []byte, fields []park.Field) []byte {
	dst = append(dst, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	dst = append(dst, a.accept...)
	if a.protocol != "" {
		dst = append(dst, "\r\nSec-WebSocket-Protocol: "...)
		dst = append(dst, a.protocol...)
	}
	if a.extensions != "" {
		dst = append(dst, "\r\nSec-WebSocket-Extensions: "...)
		dst = append(dst, a.extensions...)
	}
	dst = append(dst, "\r\n"...)
	for _, f := range fields {
		if !unsent[f.Name] {
			dst = append(append(append(dst, f.Name...), ": "...), breaks.Replace(f.Value)...)
			dst = append(dst, "\r\n"...)
		}
	}
	return append(dst, "\r\n"...)
}

// has reports whether one of the comma-separated values is token, in any case.
func has(values, token string) bool {
	for one := range strings.SplitSeq(values, ",") {
		if strings.EqualFold(strings.TrimSpace(one), token) {
			return true
		}
	}
	return false
}
