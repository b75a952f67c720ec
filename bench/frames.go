package bench

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strconv"
)

// The ways a stream of bytes is wrapped.
const (
	plainBody = iota
	chunkedBody
	webSocket
)

var errFraming = errors.New("the stream is not framed as HTTP/1.1 chunks or WebSocket frames are")

// framing takes the bytes of a stream out of their wrapping, piece by piece, however they arrive.
type framing struct {
	kind int
	left int64 // of a body, a chunk or a frame; -1 until the connection ends

	line    [32]byte // begin of a chunk's or a frame's head, where it came in parts
	n       int
	state   int // of a chunked body
	opcode  byte
	control []byte // payload of a control frame
	// pong is called with the payload of a ping (RFC 6455, section 5.5.2).
	pong func([]byte)
}

// feed takes from b what belongs to the stream, and gives sink the pieces. done is true when the stream has ended in order.
func (f *framing) feed(b []byte, sink func([]byte)) (n int, done bool, err error) {
	switch f.kind {
	case chunkedBody:
		return f.chunks(b, sink)
	case webSocket:
		return f.frames(b, sink)
	}
	n = len(b)
	if f.left >= 0 {
		n = int(min(int64(n), f.left))
		f.left -= int64(n)
	}
	sink(b[:n])
	return n, f.left == 0, nil
}

// The states of a chunked body (RFC 9112, section 7.1).
const (
	chunkSize = iota
	chunkData
	chunkEnd // the line end after the data
	chunkTrailer
)

func (f *framing) chunks(b []byte, sink func([]byte)) (n int, done bool, err error) {
	for n < len(b) {
		if f.state == chunkData {
			part := b[n:min(len(b), n+int(min(f.left, int64(len(b)))))]
			sink(part)
			n += len(part)
			if f.left -= int64(len(part)); f.left == 0 {
				f.state = chunkEnd
			}
			continue
		}
		line, whole := f.takeLine(b, &n)
		if !whole {
			continue // all of b is used up, or the line is too long
		}
		switch f.state {
		case chunkSize:
			size, _, _ := bytes.Cut(line, []byte(";"))
			f.left, err = strconv.ParseInt(string(bytes.TrimSpace(size)), 16, 62)
			if err != nil || f.left < 0 {
				return n, false, errFraming
			}
			f.state = chunkData
			if f.left == 0 {
				f.state = chunkTrailer
			}
		case chunkEnd:
			f.state = chunkSize
		case chunkTrailer:
			if len(line) == 0 {
				return n, true, nil
			}
		}
	}
	return n, false, nil
}

// takeLine moves n past a line and returns it without its end. Of a line that is longer than a head may be only the begin is kept.
func (f *framing) takeLine(b []byte, n *int) (line []byte, whole bool) {
	part := b[*n:]
	end := bytes.IndexByte(part, '\n')
	if end >= 0 {
		part = part[:end+1]
	}
	*n += len(part)
	f.n += copy(f.line[f.n:], part)
	if end < 0 {
		return nil, false
	}
	line = bytes.TrimRight(f.line[:f.n], "\r\n")
	f.n = 0
	return line, true
}

// Opcodes (RFC 6455, section 5.2).
const (
	opText   = 1
	opBinary = 2
	opClose  = 8
	opPing   = 9
	opPong   = 10
)

func (f *framing) frames(b []byte, sink func([]byte)) (n int, done bool, err error) {
	for n < len(b) {
		if f.left == 0 {
			f.line[f.n] = b[n]
			f.n++
			n++
			if !f.headWhole() {
				continue
			}
			if err := f.openFrame(); err != nil {
				return n, false, err
			}
		} else {
			part := b[n:min(len(b), n+int(min(f.left, int64(len(b)))))]
			n += len(part)
			f.left -= int64(len(part))
			if f.opcode < opClose {
				sink(part)
			} else {
				f.control = append(f.control, part...)
			}
		}
		if f.left > 0 || f.n > 0 {
			continue
		}
		switch f.opcode {
		case opClose:
			return n, true, nil
		case opPing:
			if f.pong != nil {
				f.pong(f.control)
			}
		}
	}
	return n, false, nil
}

// headWhole reports whether all of a frame's head is in line. A server does not mask.
func (f *framing) headWhole() bool {
	if f.n < 2 {
		return false
	}
	switch f.line[1] & 0x7f {
	case 126:
		return f.n == 4
	case 127:
		return f.n == 10
	}
	return true
}

func (f *framing) openFrame() error {
	f.n = 0
	f.opcode = f.line[0] & 0x0f
	f.control = f.control[:0]
	switch length := f.line[1]; {
	case length == 127:
		long := binary.BigEndian.Uint64(f.line[2:10])
		if long > 1<<62 {
			return errFraming
		}
		f.left = int64(long)
	case length == 126:
		f.left = int64(binary.BigEndian.Uint16(f.line[2:4]))
	case length > 127:
		return errFraming
	default:
		f.left = int64(length)
	}
	if f.opcode >= opClose && f.left > 125 {
		return errFraming
	}
	return nil
}

// pongFrame is a pong as a client sends it: masked, by a mask of zeros.
func pongFrame(payload []byte) []byte {
	return append([]byte{0x80 | opPong, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)
}
