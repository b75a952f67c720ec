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
	control *http.ResponseController
	grace   time.Duration
	begun   time.Time
	got     int64
	stream  bool // whether pauses up to grace are welcome for as long as it lasts
}

func (p *paced) Read(b []byte) (int, error) {
	deadline := p.begun.Add(p.grace + time.Duration(p.got)*time.Second/slowest)
	if p.stream {
		deadline = time.Now().Add(p.grace)
	}
	_ = p.control.SetReadDeadline(deadline) // not every ResponseWriter has one
	n, err := p.r.Read(b)
	p.got += int64(n)
	return n, err
}

// guardBody bounds what nobody asks for: a body that a handler leaves unread is read by net/http after the answer, for as
// long as it takes.
func (s *Server) guardBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.options.BodyTimeout)) // not every one has one
	}
}

// paced returns the body of c, of at most limit bytes if limit is above 0. net/http takes the deadline away at the body's end;
// where reading failed it stays.
func (s *Server) paced(c *call, limit int, stream bool) *paced {
	var body io.Reader = c.r.Body
	if limit > 0 {
		// The writer below tells net/http to close the connection instead of reading on.
		body = http.MaxBytesReader(c.w.ResponseWriter, c.r.Body, int64(limit))
	}
	control := http.NewResponseController(c.w)
	return &paced{r: body, control: control, grace: s.options.BodyTimeout, begun: time.Now(), stream: stream}
}

// readBody reads a whole body of at most limit bytes. Its memory grows with what has arrived, never with what was announced.
func (s *Server) readBody(c *call, limit int) ([]byte, error) {
	if err := checkCoding(c.r); err != nil {
		return nil, err
	}
	if c.r.ContentLength > int64(limit) {
		return nil, tooLarge.of(fmt.Sprintf("%d bytes, at most %d are allowed", c.r.ContentLength, limit))
	}
	b, err := io.ReadAll(s.paced(c, limit, false))
	if err != nil {
		c.w.Header().Set("Connection", "close") // what is left of it must not be taken for the next request
		return nil, bodyProblem(err)
	}
	return bytes.Clone(b), nil // without the room that ReadAll left: a message may be kept for days
}

// checkCoding refuses what would be stored in a form that no reader expects.
func checkCoding(r *http.Request) error {
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
