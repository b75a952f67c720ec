package websocket

import (
	"encoding/binary"
	"math"
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
	lent := framePairs.Get().(*framePair)
	defer lent.back()
	lent.plain = wire.Envelope.Append(lent.plain[:0], m)
	return appendFrame(dst, opText, lent.plain)
}}

// appendFrame appends a whole frame as a server sends it: final and not masked.
func appendFrame(dst []byte, op ws.OpCode, payload []byte) []byte {
	return appendHeaded(dst, ws.Header{Fin: true, OpCode: op, Length: int64(len(payload))}, payload)
}

// appendHeaded appends a frame with the marks of h, not masked.
func appendHeaded(dst []byte, h ws.Header, payload []byte) []byte {
	dst = slices.Grow(dst, ws.HeaderSize(h)+len(payload))
	return append(appendHead(dst, h, len(payload)), payload...)
}

// appendHead appends the head of a frame with the marks of h whose payload has n bytes, not masked.
func appendHead(dst []byte, h ws.Header, n int) []byte {
	first := h.Rsv<<4 | byte(h.OpCode)
	if h.Fin {
		first |= 0x80
	}
	switch {
	case n < 126:
		return append(dst, first, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, first, 126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, first, 127), uint64(n))
	}
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
