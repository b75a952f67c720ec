package websocket

import (
	"errors"
	"fmt"
	"io"
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

// inflater lends a reader. It keeps 40 KB.
type inflater struct {
	source source
	reader io.ReadCloser
}

var inflaters = sync.Pool{New: func() any {
	i := new(inflater)
	i.reader = flate.NewReader(&i.source)
	return i
}}

// inflate returns the message whose deflated payload this is (RFC 7692 section 7.2.2), of at most limit bytes. Memory grows with
// what comes out, never past limit. Errors are [*CloseError]s: 1009 for a message that is too big, 1007 for one that is not
// deflated.
func inflate(payload []byte, limit int) ([]byte, error) {
	i := inflaters.Get().(*inflater)
	defer func() {
		i.source = source{}
		inflaters.Put(i)
	}()
	i.source = source{payload: payload, tail: inflatedTail}
	var out []byte
	for blocks := 0; ; blocks++ {
		// A stream that begins anew within a message may still refer to what it has said in it.
		if err := i.reader.(flate.Resetter).Reset(&i.source, out); err != nil || blocks == maxLastBlocks {
			return nil, notDeflated
		}
		for {
			if len(out) == cap(out) {
				out = slices.Grow(out, min(max(len(out), 2*len(payload), 512), limit+1-len(out)))
			}
			n, err := i.reader.Read(out[len(out):min(cap(out), limit+1)])
			if out = out[:len(out)+n]; len(out) > limit {
				return nil, tooBig(limit)
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, notDeflated
			}
		}
		if len(i.source.payload) == 0 {
			return out, nil
		}
	}
}

var notDeflated = &CloseError{Code: uint16(ws.StatusInvalidFramePayloadData), Reason: "a message cannot be inflated"}

func tooBig(limit int) error {
	return &CloseError{Code: uint16(ws.StatusMessageTooBig), Reason: fmt.Sprintf("a message has at most %d bytes", limit)}
}

// source is a payload and what follows it.
type source struct {
	payload []byte
	tail    string
}

// Read implements [io.Reader].
func (s *source) Read(b []byte) (int, error) {
	n := copy(b, s.payload)
	s.payload = s.payload[n:]
	t := copy(b[n:], s.tail)
	if s.tail = s.tail[t:]; n+t == 0 && len(b) > 0 {
		return 0, io.EOF
	}
	return n + t, nil
}

// ReadByte implements [io.ByteReader], so that the reader takes no more than it needs.
func (s *source) ReadByte() (byte, error) {
	switch {
	case len(s.payload) > 0:
		b := s.payload[0]
		s.payload = s.payload[1:]
		return b, nil
	case s.tail != "":
		b := s.tail[0]
		s.tail = s.tail[1:]
		return b, nil
	}
	return 0, io.EOF
}
