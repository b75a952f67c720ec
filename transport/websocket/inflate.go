package websocket

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"

	"github.com/gobwas/ws"
	"github.com/klauspost/compress/flate"
)

// inflatedTail follows a deflated payload: what the sender left out, and an empty last block for the reader to stop at.
const inflatedTail = flushed + "\x01\x00\x00\xff\xff"

// maxLastBlocks bounds how often a message may end its deflate stream and begin another one (RFC 7692 section 7.2.3.4). Senders
// do that once at the end of a message, if at all.
const maxLastBlocks = 16

// window is how far back a deflated message may refer (RFC 1951 section 2).
const window = 32 << 10

// inflater reads a message whose deflated payload comes in pieces (RFC 7692 section 7.2.2). It keeps 110 KB, however long the
// message is, until it is put back.
type inflater struct {
	source source
	reader io.ReadCloser
	limit  int64
	size   int64 // of what has come out
	isText bool
	text   textCheck
	blocks int    // last ones that have come
	past   []byte // at least the last window of what has come out
	err    error  // sticky
}

var inflaters = sync.Pool{New: func() any {
	i := &inflater{past: make([]byte, 0, 2*window)}
	i.reader = flate.NewReader(&i.source)
	return i
}}

// newInflater returns a reader of the message whose deflated payload is first and all that next returns until [io.EOF]; next may be
// nil. Of a piece nothing is used after the next one was asked for. At most limit bytes come out, if that is not below zero. Read fails with what
// next fails with, or with a [*CloseError]: 1009 for a message that is too big, 1007 for one that is not deflated, or whose kind is
// opText and that is not UTF-8. Who has read enough puts it back.
func newInflater(kind ws.OpCode, limit int, first []byte, next func() ([]byte, error)) *inflater {
	i := inflaters.Get().(*inflater)
	i.source = source{piece: first, next: next, tail: inflatedTail}
	i.limit, i.size, i.isText, i.text = int64(limit), 0, kind == opText, textCheck{}
	if limit < 0 {
		i.limit = math.MaxInt64
	}
	i.blocks, i.past = 0, i.past[:0]
	i.err = i.begin()
	return i
}

// putBack ends the use of the inflater.
func (i *inflater) putBack() {
	i.source = source{}
	inflaters.Put(i)
}

// begin begins a deflate stream. One that begins anew within a message may still refer to what has come before.
func (i *inflater) begin() error { return i.reader.(flate.Resetter).Reset(&i.source, i.past) }

// Read implements [io.Reader].
func (i *inflater) Read(b []byte) (int, error) {
	for i.err == nil && len(b) > 0 {
		n, err := i.reader.Read(b)
		i.remember(b[:n])
		switch {
		case i.source.err != nil:
			i.err = i.source.err
		case errors.Is(err, io.EOF):
			i.err = i.goOn()
		case err != nil:
			i.err = notDeflated
		}
		if i.size += int64(n); i.size > i.limit {
			i.err, n = tooBig(int(i.limit)), 0
		}
		if i.isText && !i.text.take(b[:n], errors.Is(i.err, io.EOF)) {
			i.err, n = notUTF8, 0
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, i.err
}

// goOn begins another stream behind a last block, or ends the message with [io.EOF].
func (i *inflater) goOn() error {
	switch more, err := i.source.more(); {
	case err != nil:
		return err
	case !more:
		return io.EOF
	}
	if i.blocks++; i.blocks == maxLastBlocks {
		return notDeflated
	}
	return i.begin()
}

func (i *inflater) remember(b []byte) {
	b = b[max(0, len(b)-window):]
	if len(i.past)+len(b) > cap(i.past) {
		i.past = append(i.past[:0], i.past[len(i.past)-window:]...)
	}
	i.past = append(i.past, b...)
}

// inflate returns the message whose deflated payload this is, of at most limit bytes. Memory grows with what comes out, never
// past limit. Its errors are those of an inflater.
func inflate(payload []byte, limit int) ([]byte, error) {
	i := newInflater(opBinary, limit, payload, nil)
	defer i.putBack()
	var out []byte
	for {
		if len(out) == cap(out) {
			grow := max(len(out), 2*len(payload), 512)
			if limit >= 0 {
				grow = min(grow, limit+1-len(out))
			}
			out = slices.Grow(out, grow)
		}
		n, err := i.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		switch {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, err
		}
	}
}

var notDeflated = &CloseError{Code: uint16(ws.StatusInvalidFramePayloadData), Reason: "a message cannot be inflated"}

func tooBig(limit int) error {
	return &CloseError{Code: uint16(ws.StatusMessageTooBig), Reason: fmt.Sprintf("a message has at most %d bytes", limit)}
}

// source is a payload and what follows it.
type source struct {
	piece []byte
	next  func() ([]byte, error) // nil when there is nothing more
	tail  string
	err   error // of next
}

// more reports whether there is something of the payload left.
func (s *source) more() (bool, error) {
	for len(s.piece) == 0 && s.next != nil {
		piece, err := s.next()
		switch {
		case errors.Is(err, io.EOF):
			s.next = nil
		case err != nil:
			s.err = err
			return false, err
		}
		s.piece = piece
	}
	return len(s.piece) > 0, nil
}

// Read implements [io.Reader].
func (s *source) Read(b []byte) (int, error) {
	more, err := s.more()
	switch {
	case err != nil:
		return 0, err
	case more:
		n := copy(b, s.piece)
		s.piece = s.piece[n:]
		return n, nil
	case s.tail != "":
		n := copy(b, s.tail)
		s.tail = s.tail[n:]
		return n, nil
	}
	return 0, io.EOF
}

// ReadByte implements [io.ByteReader], so that the reader takes no more than it needs.
func (s *source) ReadByte() (byte, error) {
	if len(s.piece) == 0 {
		switch more, err := s.more(); {
		case err != nil:
			return 0, err
		case !more && s.tail == "":
			return 0, io.EOF
		case !more:
			b := s.tail[0]
			s.tail = s.tail[1:]
			return b, nil
		}
	}
	b := s.piece[0]
	s.piece = s.piece[1:]
	return b, nil
}
