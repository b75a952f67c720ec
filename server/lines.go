package server

import (
	"bytes"
	"errors"
	"io"
)

// lineReader reads lines in place: they are pieces of its buffer, until the next call.
type lineReader struct {
	r     io.Reader
	limit int
	buf   []byte
	from  int   // where the next line begins
	to    int   // how far the buffer is filled
	seen  int   // how far it is known to hold no line feed
	long  bool  // what is left of the line is skipped
	err   error // what reading ended with
}

// lineBuffer is how much is read at once. It grows for longer lines, as they arrive.
const lineBuffer = 64 << 10

var errLineTooLong = errors.New("line too long")

// reset begins with another reader, whose lines may have limit bytes with their line feeds. A buffer that has grown is not kept.
func (l *lineReader) reset(r io.Reader, limit int) {
	buf := l.buf
	if r != nil && len(buf) == 0 || len(buf) > lineBuffer {
		buf = make([]byte, lineBuffer)
	}
	*l = lineReader{r: r, limit: limit, buf: buf}
}

// ready reports whether next returns without reading.
func (l *lineReader) ready() bool {
	if l.err != nil {
		return true
	}
	end := bytes.IndexByte(l.buf[l.seen:l.to], '\n')
	if end < 0 {
		l.seen = l.to
		return false
	}
	l.seen += end
	return true
}

// next returns the next line with its line feed, if it has one: the last may come without, together with io.EOF. One over the limit is
// skipped as a whole, without being held, and answered with errLineTooLong.
func (l *lineReader) next() ([]byte, error) {
	for !l.ready() {
		l.fill()
	}
	line := l.buf[l.from:l.to]
	if end := bytes.IndexByte(l.buf[l.seen:l.to], '\n'); end >= 0 {
		line = l.buf[l.from : l.seen+end+1]
		l.from += len(line)
		l.seen = l.from
	} else {
		l.from, l.seen = l.to, l.to
		if l.err != nil && !errors.Is(l.err, io.EOF) {
			return nil, l.err
		}
		if !l.long && len(line) <= l.limit {
			return line, io.EOF
		}
		l.long = false
		return nil, errLineTooLong // the next call finds the end again
	}
	if l.long || len(line) > l.limit {
		l.long = false
		return nil, errLineTooLong
	}
	return line, nil
}

// fill reads once. The buffer holds no whole line.
func (l *lineReader) fill() {
	if l.long || l.to-l.from > l.limit {
		l.long = true
		l.from, l.to = 0, 0
	}
	if l.from > 0 {
		l.to = copy(l.buf, l.buf[l.from:l.to])
		l.from = 0
	}
	if l.to == len(l.buf) {
		l.buf = append(l.buf, make([]byte, len(l.buf))...)
	}
	l.seen = l.to
	n, err := l.r.Read(l.buf[l.to:])
	l.to += n
	l.err = err
}
