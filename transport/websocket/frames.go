package websocket

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// CloseError is the end of a WebSocket: what a close frame says (RFC 6455 section 7.1.5 and 7.1.6), or what is to be said
// about a broken protocol.
type CloseError struct {
	Code   uint16 // 1005 where the peer gave none
	Reason string
}

// Error says code and reason.
func (e *CloseError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("websocket closed with %d", e.Code)
	}
	return fmt.Sprintf("websocket closed with %d: %s", e.Code, e.Reason)
}

func violation(what string) error {
	return &CloseError{Code: uint16(ws.StatusProtocolError), Reason: what}
}

// hearer is told what a parser finds. What is lent must not be kept. An error ends the parser and is what feed returns.
type hearer interface {
	// hearPiece takes the next piece of a message. Those of a text that is not deflated are, so far, valid UTF-8.
	hearPiece(p piece) error
	// hearControl takes a control frame: no close frame that may not be sent.
	hearControl(op ws.OpCode, payload []byte) error
}

// piece is what has arrived of a message, wherever frames and reads begin. It is empty only at a message's end.
type piece struct {
	kind        ws.OpCode // opText or opBinary: that of its message
	packed      bool      // the message is deflated: data is as it came
	first, last bool      // of its message
	data        []byte    // lent
}

// frames parses what arrives, in whatever pieces, into pieces of messages and control frames. It keeps what is not complete of
// a head, of a control frame and of a character, and nothing else.
type frames struct {
	state ws.State // which side reads, and whether a message is incomplete
	limit int      // of a message's bytes; none if it is below zero
	// deflates says that permessage-deflate was agreed on.
	deflates bool

	head    [ws.MaxHeaderSize]byte
	had     int // bytes of head that have arrived
	within  bool
	frame   ws.Header // while within it
	got     int64     // payload bytes of frame that have arrived
	kind    ws.OpCode // of the message
	packed  bool      // the message is deflated
	begun   bool      // a piece of the message was told
	size    int64     // bytes of the message that have arrived
	text    textCheck // of the message, if it is a text that is not deflated
	control []byte    // the beginning of an incomplete control frame's payload
	ended   bool
}

// feed parses b, which it changes, and tells to. A [*CloseError] says how to close. What follows an error or a close frame is
// dropped.
func (f *frames) feed(b []byte, to hearer) error {
	for len(b) > 0 && !f.ended {
		if !f.within {
			n := copy(f.head[f.had:], b)
			size, err := parseHead(f.head[:f.had+n], &f.frame)
			if err != nil {
				return f.end(err)
			}
			if size == 0 {
				f.had += n
				return nil
			}
			b = b[size-f.had:]
			if err := f.begin(); err != nil {
				return f.end(err)
			}
		}
		got := b[:min(f.frame.Length-f.got, int64(len(b)))]
		b = b[len(got):]
		if f.frame.Masked {
			ws.Cipher(got, f.frame.Mask, int(f.got%4))
		}
		f.got += int64(len(got))
		if err := f.take(got, to); err != nil {
			return f.end(err)
		}
	}
	return nil
}

// atRest reports whether nothing has begun that is not complete, and nothing has ended.
func (f *frames) atRest() bool {
	return !f.ended && !f.within && f.had == 0 && f.control == nil && !f.state.Fragmented()
}

func (f *frames) end(err error) error {
	f.ended, f.control = true, nil
	return err
}

// parseHead parses a frame's head (RFC 6455 section 5.2) at the start of b into h and returns its size, 0 if b is too
// short for it.
func parseHead(b []byte, h *ws.Header) (size int, err error) {
	if len(b) < 2 {
		return 0, nil
	}
	*h = ws.Header{Fin: b[0]&0x80 != 0, Rsv: b[0] >> 4 & 7, OpCode: ws.OpCode(b[0] & 15), Masked: b[1]&0x80 != 0}
	size = 2
	length := uint64(b[1] & 0x7f)
	switch {
	case length == 126:
		if size += 2; len(b) < size {
			return 0, nil
		}
		if length = uint64(binary.BigEndian.Uint16(b[2:])); length < 126 {
			return 0, violation("a length is not written in the shortest way")
		}
	case length == 127:
		if size += 8; len(b) < size {
			return 0, nil
		}
		if length = binary.BigEndian.Uint64(b[2:]); length <= math.MaxUint16 || length > math.MaxInt64 {
			return 0, violation("a length is not written in the shortest way")
		}
	}
	if h.Masked {
		if len(b) < size+4 {
			return 0, nil
		}
		h.Mask = [4]byte(b[size:])
		size += 4
	}
	h.Length = int64(length)
	return size, nil
}

// begin checks the frame whose head is complete.
func (f *frames) begin() error {
	first := f.frame.OpCode == opText || f.frame.OpCode == opBinary
	packed := f.deflates && first && f.frame.Rsv == rsv1
	if packed {
		f.frame.Rsv = 0
	}
	if err := ws.CheckHeader(f.frame, f.state); err != nil {
		return violation(err.Error())
	}
	if first {
		f.kind, f.packed, f.begun, f.size, f.text = f.frame.OpCode, packed, false, 0, textCheck{}
	}
	if f.frame.OpCode.IsData() && f.frame.Length > f.arriving()-f.size {
		return tooBig(f.limit)
	}
	f.within, f.had, f.got = true, 0, 0
	return nil
}

// arriving bounds how many bytes of a message arrive. A deflated one may have more than it comes to, for what cannot be made
// smaller is stored in blocks.
func (f *frames) arriving() int64 {
	switch limit := int64(f.limit); {
	case limit < 0:
		return math.MaxInt64
	case f.packed:
		return limit + limit>>6 + 64
	default:
		return limit
	}
}

// take takes the next bytes of the frame's payload.
func (f *frames) take(got []byte, to hearer) error {
	done := f.got == f.frame.Length
	f.within = !done
	if f.frame.OpCode.IsControl() {
		return f.takeControl(got, done, to)
	}
	f.size += int64(len(got))
	last := done && f.frame.Fin
	switch {
	case last:
		f.state = f.state.Clear(ws.StateFragmented)
	case done:
		f.state = f.state.Set(ws.StateFragmented)
	}
	if len(got) == 0 && !last {
		return nil
	}
	if f.kind == opText && !f.packed && !f.text.take(got, last) {
		return notUTF8
	}
	first := !f.begun
	f.begun = true
	return to.hearPiece(piece{kind: f.kind, packed: f.packed, first: first, last: last, data: got})
}

// takeControl takes the next bytes of a control frame's payload. What is complete in one piece is passed on without a copy.
func (f *frames) takeControl(got []byte, done bool, to hearer) error {
	if !done || len(f.control) > 0 {
		f.control = append(f.control, got...)
		got = f.control
	}
	if !done {
		return nil
	}
	f.control = nil
	if f.frame.OpCode == opClose {
		if err := checkClose(got); err != nil {
			return err
		}
		f.ended = true
	}
	return to.hearControl(f.frame.OpCode, got)
}

var notUTF8 = &CloseError{Code: uint16(ws.StatusInvalidFramePayloadData), Reason: "a text is not valid UTF-8"}

// checkClose checks a close frame's payload (RFC 6455 section 5.5.1 and 7.4).
func checkClose(payload []byte) error {
	if len(payload) == 0 {
		return nil
	}
	e := parseClose(payload)
	switch code := e.Code; {
	case len(payload) < 2:
		return violation("a close frame holds half a code")
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014, code >= 3000 && code <= 4999:
	default:
		return violation("a close frame holds a code that is not to be sent")
	}
	if !utf8.ValidString(e.Reason) {
		return &CloseError{Code: uint16(ws.StatusInvalidFramePayloadData), Reason: "a close frame's reason is not valid UTF-8"}
	}
	return nil
}

// parseClose returns what a close frame says.
func parseClose(payload []byte) *CloseError {
	if len(payload) < 2 {
		return &CloseError{Code: uint16(ws.StatusNoStatusRcvd)}
	}
	return &CloseError{Code: binary.BigEndian.Uint16(payload), Reason: string(payload[2:])}
}
