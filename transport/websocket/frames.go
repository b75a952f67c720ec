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

// frames parses what arrives, in whatever pieces, into messages. Between messages it holds no memory.
type frames struct {
	state ws.State // which side reads, and whether a message is incomplete
	limit int      // of a message's bytes
	// deflates says that permessage-deflate was agreed on.
	deflates bool
	// hear takes whole messages and control frames: text that is valid UTF-8, and close frames that may be sent. The payload is
	// only lent. An error ends the parser and is what feed returns.
	hear func(op ws.OpCode, payload []byte) error
	// hearPacked takes messages that are deflated, as they came: to inflate them takes time. Where it is nil they are inflated here.
	hearPacked func(op ws.OpCode, payload []byte) error

	head    [ws.MaxHeaderSize]byte
	had     int // bytes of head that have arrived
	within  bool
	frame   ws.Header // while within it
	got     int64     // payload bytes of frame that have arrived
	kind    ws.OpCode // of message
	packed  bool      // message is deflated
	message []byte    // the beginning of an incomplete message
	control []byte    // the beginning of an incomplete control frame's payload
	ended   bool
}

// feed parses b, which it changes. A [*CloseError] says how to close. What follows an error or a close frame is dropped.
func (f *frames) feed(b []byte) error {
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
		piece := b[:min(f.frame.Length-f.got, int64(len(b)))]
		b = b[len(piece):]
		if f.frame.Masked {
			ws.Cipher(piece, f.frame.Mask, int(f.got%4))
		}
		f.got += int64(len(piece))
		if err := f.take(piece); err != nil {
			return f.end(err)
		}
	}
	return nil
}

// atRest reports whether nothing has begun that is not complete, and nothing has ended.
func (f *frames) atRest() bool {
	return !f.ended && !f.within && f.had == 0 && f.message == nil && f.control == nil && !f.state.Fragmented()
}

func (f *frames) end(err error) error {
	f.ended, f.message, f.control = true, nil, nil
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
		f.kind, f.packed = f.frame.OpCode, packed
	}
	if f.frame.OpCode.IsData() && f.frame.Length > int64(f.arriving()-len(f.message)) {
		return tooBig(f.limit)
	}
	f.within, f.had, f.got = true, 0, 0
	return nil
}

// arriving bounds how many bytes of a message arrive. A deflated one may have more than it comes to, for what cannot be made
// smaller is stored in blocks.
func (f *frames) arriving() int {
	if f.packed {
		return f.limit + f.limit>>6 + 64
	}
	return f.limit
}

// take takes the next bytes of the frame's payload. What is complete in one piece is passed on without a copy; memory grows
// with what has arrived, never by a length that was announced.
func (f *frames) take(piece []byte) error {
	done := f.got == f.frame.Length
	f.within = !done
	if f.frame.OpCode.IsControl() {
		if !done || len(f.control) > 0 {
			f.control = append(f.control, piece...)
			piece = f.control
		}
		if !done {
			return nil
		}
		f.control = nil
		return f.tell(f.frame.OpCode, piece)
	}
	whole := done && f.frame.Fin
	if !whole || len(f.message) > 0 {
		f.message = append(f.message, piece...)
		piece = f.message
	}
	switch {
	case !done:
		return nil
	case !whole:
		f.state = f.state.Set(ws.StateFragmented)
		return nil
	}
	f.state = f.state.Clear(ws.StateFragmented)
	f.message = nil
	if f.packed {
		if f.hearPacked != nil {
			return f.hearPacked(f.kind, piece)
		}
		inflated, err := inflate(piece, f.limit)
		if err != nil {
			return err
		}
		piece = inflated
	}
	return f.tell(f.kind, piece)
}

var notUTF8 = &CloseError{Code: uint16(ws.StatusInvalidFramePayloadData), Reason: "a text is not valid UTF-8"}

func (f *frames) tell(op ws.OpCode, payload []byte) error {
	switch op {
	case opText:
		if !utf8.Valid(payload) {
			return notUTF8
		}
	case opClose:
		if err := checkClose(payload); err != nil {
			return err
		}
		f.ended = true
	}
	return f.hear(op, payload)
}

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
