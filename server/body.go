package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// slowest is how many bytes a second a body must bring on average, past its grace.
const slowest = 1 << 10

// paced reads a body under a deadline that moves, so that who sends a byte now and then cannot hold a handler for ever.
type paced struct {
	r       io.Reader
	w       http.ResponseWriter
	grace   time.Duration
	due     time.Time // when the grace is over; it is the deadline until the first Read has returned
	got     int64
	stream  bool // whether pauses up to grace are welcome for as long as it lasts
	reading bool // whether there was a Read
}

func (p *paced) Read(b []byte) (int, error) {
	if p.reading {
		deadline := p.due.Add(time.Duration(p.got) * time.Second / slowest)
		if p.stream {
			deadline = time.Now().Add(p.grace)
		}
		_ = http.NewResponseController(p.w).SetReadDeadline(deadline) // not every ResponseWriter has one
	}
	p.reading = true
	n, err := p.r.Read(b)
	p.got += int64(n)
	return n, err
}

// guardBody bounds the time that a body takes before it is paced. That also bounds what nobody asks for: a body that a handler leaves
// unread is read by net/http after the answer, for as long as it takes.
func (s *Server) guardBody(w *recorder, r *http.Request) {
	if r.ContentLength != 0 {
		w.due = time.Now().Add(s.options.BodyTimeout)
		_ = http.NewResponseController(w.ResponseWriter).SetReadDeadline(w.due) // not every one has one
	}
}

// paced returns the body of c, of at most limit bytes if limit is above 0. net/http takes the deadline away at the body's end;
// where reading failed it stays.
func (s *Server) paced(c *call, limit int, stream bool) paced {
	p := paced{r: c.r.Body, w: c.w.ResponseWriter, grace: s.options.BodyTimeout, due: c.w.due, stream: stream}
	if limit > 0 {
		// The writer below tells net/http to close the connection instead of reading on.
		p.r = http.MaxBytesReader(c.w.ResponseWriter, c.r.Body, int64(limit))
	}
	return p
}

// announcedBytes is up to where memory is taken for a body because of what was announced, rather than of what has arrived.
const announcedBytes = 64 << 10

// readBody reads a whole body of at most limit bytes. Its memory grows with what has arrived, from a length on that costs nobody much.
func (s *Server) readBody(c *call, limit int) ([]byte, error) {
	if err := checkCoding(c.r); err != nil {
		return nil, err
	}
	length := c.r.ContentLength
	if length > int64(limit) {
		return nil, tooLarge.of(fmt.Sprintf("%d bytes, at most %d are allowed", length, limit))
	}
	var b []byte
	var err error
	if length >= 0 {
		b, err = readAnnounced(s.paced(c, 0, false), int(length))
	} else {
		p := s.paced(c, limit, false)
		b, err = io.ReadAll(&p)
		b = bytes.Clone(b) // without the room that ReadAll left: a message may be kept for days
	}
	if err != nil {
		c.w.Header().Set("Connection", "close") // what is left of it must not be taken for the next request
		return nil, bodyProblem(err)
	}
	return b, nil
}

// readAnnounced reads a body of a length that is known, and its end. A message's memory is what the bytes are read into: they are copied
// no more.
func readAnnounced(p paced, length int) ([]byte, error) {
	b := make([]byte, min(length, announcedBytes))
	for n := 0; n < length; {
		if n == len(b) {
			b = append(make([]byte, 0, min(length, 2*n)), b...)
			b = b[:cap(b)]
		}
		m, err := p.Read(b[n:])
		n += m
		switch {
		case errors.Is(err, io.EOF) && n == length:
			return b, nil
		case errors.Is(err, io.EOF):
			return nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, err
		}
	}
	if length == 0 {
		return b, nil
	}
	// net/http tells of the end together with the last bytes. Where it does not, it has yet to be come to.
	if _, err := p.Read(make([]byte, 1)); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return b, nil
}

// checkCoding refuses what would be stored in a form that no reader expects.
func checkCoding(r *http.Request) error {
	if len(r.Header["Content-Encoding"]) == 0 {
		return nil
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return unsupportedType.of("a body in Content-Encoding " + quote(coding) + " is not read")
	}
	return nil
}

// bodyProblem says why a body could not be read.
func bodyProblem(err error) *problem {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return tooLarge.of(fmt.Sprintf("at most %d bytes are allowed", large.Limit))
	case errors.Is(err, os.ErrDeadlineExceeded):
		return bodyTimeout.of("")
	}
	return badRequest.of("the body ended before it was complete")
}

// quote shows what a client sent, cut to a bearable length.
func quote(text string) string {
	const most = 80
	if len(text) > most {
		return fmt.Sprintf("%q…", text[:most])
	}
	return fmt.Sprintf("%q", text)
}
