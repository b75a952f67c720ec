package websocket

import (
	"encoding/binary"
	"slices"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"tidings/gateway"
	"tidings/transport/wire"
)

const (
	opText   = ws.OpText
	opBinary = ws.OpBinary
	opClose  = ws.OpClose
	opPing   = ws.OpPing
	opPong   = ws.OpPong
)

// Raw is a message as it was published: a text frame for JSON and UTF-8 text, else a binary frame. A marker cannot be said.
var Raw = &gateway.Format{Name: "websocket.raw", Append: func(dst []byte, m *gateway.Message) []byte {
	switch {
	case m.Deleted:
		return dst
	case m.Body == gateway.BodyBytes:
		return appendFrame(dst, opBinary, m.Data)
	}
	return appendFrame(dst, opText, m.Data)
}}

// Enveloped is a message as a text frame around its envelope.
var Enveloped = &gateway.Format{Name: "websocket.envelope", Append: func(dst []byte, m *gateway.Message) []byte {
	// Made without being kept: only what is written stays with the message.
	return appendFrame(dst, opText, wire.Envelope.Append(nil, m))
}}

// appendFrame appends a whole frame as a server sends it: final and not masked.
func appendFrame(dst []byte, op ws.OpCode, payload []byte) []byte {
	h := ws.Header{Fin: true, OpCode: op, Length: int64(len(payload))}
	w := sink(slices.Grow(dst, ws.HeaderSize(h)+len(payload)))
	_ = ws.WriteHeader(&w, h) // a length of memory always fits
	return append(w, payload...)
}

// sink appends what is written to it.
type sink []byte

func (s *sink) Write(b []byte) (int, error) {
	*s = append(*s, b...)
	return len(b), nil
}

// appendClose appends a close frame. The reason is cut to what a control frame holds, between characters.
func appendClose(dst []byte, code uint16, reason string) []byte {
	return appendFrame(dst, opClose, closeBody(code, reason))
}

func closeBody(code uint16, reason string) []byte {
	cut := min(len(reason), ws.MaxControlFramePayloadSize-2)
	for cut > 0 && cut < len(reason) && !utf8.RuneStart(reason[cut]) {
		cut--
	}
	return append(binary.BigEndian.AppendUint16(nil, code), reason[:cut]...)
}
