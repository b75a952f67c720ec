package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// answer is what the head of an HTTP answer says.
type answer struct {
	status   int
	length   int64 // of the body; -1 if the head does not say
	chunked  bool
	close    bool
	modified string // Last-Modified, where it is asked for
	etag     string
}

// ErrRefused is returned when the server answers with something else than success.
var ErrRefused = errors.New("refused")

// statusError is an answer that is no success.
type statusError struct {
	status int
	detail string
}

func (e *statusError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("the server answered %d %s %s", e.status, http.StatusText(e.status), e.detail))
}

// Is makes it an [ErrRefused].
func (*statusError) Is(target error) bool { return target == ErrRefused }

// headEnd ends a head, with the line before it.
var headEnd = []byte("\r\n\r\n")

// maxHead is how long a head may be.
const maxHead = 8 << 10

// reader reads answers from a connection through one small buffer. It belongs to one goroutine.
type reader struct {
	from io.Reader
	buf  []byte
	r, w int
}

func newReader(from io.Reader, size int) *reader { return &reader{from: from, buf: make([]byte, size)} }

// next returns what there is, and reads if there is nothing. It stays until advance.
func (r *reader) next() ([]byte, error) {
	if r.r == r.w {
		r.r, r.w = 0, 0
		n, err := r.from.Read(r.buf)
		r.w = n
		if n == 0 && err != nil {
			return nil, err
		}
	}
	return r.buf[r.r:r.w], nil
}

func (r *reader) advance(n int) { r.r += n }

var errHead = errors.New("the head of an answer is no HTTP/1.1, or too long")

// head reads the head of an answer. validators says whether the fields are needed that a plain poll goes on with.
func (r *reader) head(validators bool) (answer, error) {
	for {
		if i := bytes.Index(r.buf[r.r:r.w], headEnd); i >= 0 {
			head := r.buf[r.r : r.r+i+2]
			r.advance(i + 4)
			return parseHead(head, validators)
		}
		r.w = copy(r.buf, r.buf[r.r:r.w])
		r.r = 0
		if r.w == len(r.buf) {
			return answer{}, errHead
		}
		n, err := r.from.Read(r.buf[r.w:])
		if r.w += n; n == 0 && err != nil {
			return answer{}, err
		}
	}
}

func parseHead(head []byte, validators bool) (answer, error) {
	a := answer{length: -1}
	line, rest, _ := bytes.Cut(head, []byte("\r\n"))
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return a, errHead
	}
	var err error
	if a.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return a, errHead
	}
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch value = bytes.TrimSpace(value); {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if a.length, err = strconv.ParseInt(string(value), 10, 64); err != nil || a.length < 0 {
				return a, errHead
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			a.chunked = bytes.EqualFold(value, []byte("chunked"))
		case bytes.EqualFold(name, []byte("Connection")):
			a.close = bytes.EqualFold(value, []byte("close"))
		case validators && bytes.EqualFold(name, []byte("Last-Modified")):
			a.modified = string(value)
		case validators && bytes.EqualFold(name, []byte("Etag")):
			a.etag = string(value)
		}
	}
	if a.status == http.StatusNoContent || a.status == http.StatusNotModified {
		a.length, a.chunked = 0, false
	}
	return a, nil
}

// framing returns what undoes the wrapping of the answer's body.
func (a answer) framing() framing {
	if a.chunked {
		return framing{kind: chunkedBody}
	}
	return framing{kind: plainBody, left: a.length}
}

// body reads the whole body and gives it to sink in pieces, which are valid until it returns.
func (r *reader) body(a answer, sink func([]byte)) error {
	f := a.framing()
	for f.kind == chunkedBody || f.left != 0 {
		part, err := r.next()
		if errors.Is(err, io.EOF) && f.left < 0 {
			return nil
		}
		if err != nil {
			return err
		}
		n, done, err := f.feed(part, sink)
		r.advance(n)
		if err != nil || done {
			return err
		}
	}
	return nil
}

// refusal reads what an answer says beside its status.
func (r *reader) refusal(a answer) error {
	var detail []byte
	if a.length >= 0 || a.chunked {
		_ = r.body(a, func(b []byte) { detail = append(detail, b[:min(len(b), 300-min(300, len(detail)))]...) }) // as much as there is
	}
	return &statusError{a.status, string(detail)}
}
