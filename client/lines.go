package client

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

var errTooLong = fmt.Errorf("%w: what came is longer than Options.EventBytes", ErrUnreachable)

// lines reads lines of a bounded length. Nothing is allocated before its bytes have arrived.
type lines struct {
	from *bufio.Reader
	most int
	buf  []byte
}

func newLines(from io.Reader, most int) *lines {
	return &lines{from: bufio.NewReaderSize(from, 32<<10), most: most}
}

// next returns a line without its end, valid until the next call. A last line without an end was cut: it is not returned.
func (l *lines) next() ([]byte, error) {
	l.buf = l.buf[:0]
	for {
		piece, err := l.from.ReadSlice('\n')
		if len(l.buf)+len(piece) > l.most+2 {
			return nil, errTooLong
		}
		switch {
		case err == nil && len(l.buf) == 0:
			return chomp(piece), nil
		case err == nil:
			l.buf = append(l.buf, piece...)
			return chomp(l.buf), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
		l.buf = append(l.buf, piece...)
	}
}

func chomp(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
}

// parser turns bytes into the texts of objects.
type parser interface {
	// next returns the next object's text, valid until the next call; io.EOF at an end between two objects, and
	// io.ErrUnexpectedEOF at one within.
	next() ([]byte, error)
}

// ndjson reads one object a line.
type ndjson struct{ lines *lines }

func (p *ndjson) next() ([]byte, error) {
	for {
		line, err := p.lines.next()
		if err != nil || len(bytes.TrimSpace(line)) > 0 {
			return line, err
		}
	}
}

// events reads server-sent events. Only the data counts: enveloped events say everything in it.
type events struct {
	lines *lines
	data  []byte
}

func (p *events) next() ([]byte, error) {
	p.data = p.data[:0]
	some := false
	for {
		line, err := p.lines.next()
		if err != nil {
			if some && errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if len(line) == 0 {
			if some && len(p.data) > 0 {
				return p.data, nil
			}
			some = false
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if string(name) != "data" { // comments have an empty name
			continue
		}
		value = bytes.TrimPrefix(value, []byte(" "))
		if len(p.data)+len(value) >= p.lines.most {
			return nil, errTooLong
		}
		if some {
			p.data = append(p.data, '\n')
		}
		p.data = append(p.data, value...)
		some = true
	}
}
