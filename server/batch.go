package server

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"tidings/gateway"
	"tidings/transport"
)

// batch answers POST /topics: many messages, in order, not atomic. A JSON array is read whole before anything of it is
// stored; NDJSON is stored line by line as it arrives.
func (s *Server) batch(c *call) error {
	if err := checkCoding(c.r); err != nil {
		return err
	}
	q, err := queryOf(c.r)
	if err != nil {
		return err
	}
	key, err := checkIdempotencyKey(field(c.r, q, "Idempotency-Key", "idempotency_key"))
	if err != nil {
		return err
	}
	out := &results{c: c, minimal: hasToken(c.r.Header.Values("Prefer"), "return=minimal")}
	publish := func(raw []byte) {
		itemKey := ""
		if key != "" {
			itemKey = key + "/" + strconv.Itoa(out.items())
		}
		out.add(s.publishItem(c.r.Context(), raw, c.grant.scope, itemKey))
	}
	base, _, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	switch base {
	case "application/json":
		err = s.batchArray(c, publish)
	case "application/x-ndjson", "application/ndjson", "application/jsonl":
		err = s.batchLines(c, out, publish)
	default:
		return unsupportedType.of("send application/x-ndjson or application/json, not " + quote(base))
	}
	if err != nil && !out.begun {
		c.w.Header().Set("Connection", "close") // what is left of the body must not be taken for the next request
	}
	if err != nil && out.items() == 0 {
		return err
	}
	if err != nil {
		out.add(gateway.Receipt{}, problemOf(err)) // what is stored is stored: the answer must still say so
	}
	out.finish()
	return nil
}

func (s *Server) batchArray(c *call, publish func([]byte)) error {
	body, err := s.readBody(c, s.options.BatchBytes)
	if err != nil {
		return err
	}
	var items []json.RawMessage
	if err := json.Unmarshal(body, &items); err != nil {
		return badBatch.of("this is no JSON array: " + jsonMistake(err))
	}
	if items == nil {
		return badBatch.of("this is no JSON array but null")
	}
	for _, raw := range items {
		publish(raw)
	}
	return nil
}

func (s *Server) batchLines(c *call, out *results, publish func([]byte)) error {
	// Results may have to leave before all lines are here.
	_ = http.NewResponseController(c.w).EnableFullDuplex() // HTTP/2 is so by nature and has no such switch
	limit := s.itemBytes()
	lines := bufio.NewReaderSize(s.paced(c, 0, true), 16<<10)
	for more := true; more; {
		line, err := readLine(lines, limit)
		switch {
		case errors.Is(err, errLineTooLong):
			out.add(gateway.Receipt{}, tooLarge.of(fmt.Sprintf("a line of more than %d bytes", limit)))
			continue
		case errors.Is(err, io.EOF):
			more = false
		case err != nil:
			return bodyProblem(err) // what was read of the line is not known to be all of it
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			publish(line)
		}
	}
	return nil
}

var errLineTooLong = errors.New("line too long")

// readLine reads up to a line feed. A line over limit is skipped as a whole, without being held. The line is the caller's.
func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := r.ReadSlice('\n')
		if long = long || len(line)+len(part) > limit; long {
			line = nil
		} else {
			line = append(line, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if long && (err == nil || errors.Is(err, io.EOF)) {
			return nil, errLineTooLong // the next call finds the end again
		}
		return line, err
	}
}

// results collects the answer to a batch. What it holds is bounded: past spill the answer begins and flows.
type results struct {
	c       *call
	minimal bool
	buffer  bytes.Buffer
	begun   bool

	published, failed int
}

const (
	spill = 1 << 20
	// mostFailures bounds how many failures a minimal answer lists; all are counted.
	mostFailures = 1000
	// drainTime is how long a client may leave results unread.
	drainTime = 30 * time.Second
)

func (r *results) items() int { return r.published + r.failed }

// add takes the next item's receipt, or its problem.
func (r *results) add(receipt gateway.Receipt, p *problem) {
	index := r.items()
	var one any
	if p != nil {
		r.failed++
		if r.minimal {
			one = failure{Index: &index, Error: p.refusal()}
		} else {
			one = failure{Error: p.refusal()}
		}
	} else {
		r.published++
		body := bodyOf(receipt)
		body.Status = http.StatusCreated
		if receipt.Duplicate {
			body.Status = http.StatusOK
		}
		one = body
	}
	if r.minimal && (p == nil || r.failed > mostFailures) {
		return
	}
	if r.buffer.Len() > 0 || r.begun {
		r.buffer.WriteByte(',')
	}
	b, _ := json.Marshal(one) // strings and numbers always marshal
	r.buffer.Write(b)
	if r.buffer.Len() >= spill && !r.minimal {
		r.flush()
	}
}

type failure struct {
	Index *int               `json:"index,omitempty"`
	Error *transport.Refusal `json:"error"`
}

func (r *results) flush() {
	if !r.begun {
		r.c.w.Header().Set("Connection", "close") // whether the body will be read to its end is not known yet
		r.head()
		_, _ = io.WriteString(r.c.w, `{"results":[`)
		r.begun = true
	}
	control := http.NewResponseController(r.c.w)
	_ = control.SetWriteDeadline(time.Now().Add(drainTime)) // not every ResponseWriter has one
	_, _ = r.c.w.Write(r.buffer.Bytes())                    // a client that has left is noticed by its body ending
	_ = control.Flush()
	r.buffer.Reset()
}

func (r *results) head() {
	h := r.c.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	r.c.w.WriteHeader(http.StatusOK)
}

// finish ends the answer.
func (r *results) finish() {
	if r.minimal {
		r.head()
		_, _ = fmt.Fprintf(r.c.w, "{\"published\":%d,\"failed\":%d,\"failures\":[%s]}\n", r.published, r.failed, r.buffer.Bytes())
		return
	}
	if r.begun {
		r.flush()
		_, _ = io.WriteString(r.c.w, "]}\n")
		_ = http.NewResponseController(r.c.w).SetWriteDeadline(time.Time{})
		return
	}
	r.head()
	_, _ = fmt.Fprintf(r.c.w, "{\"results\":[%s]}\n", r.buffer.Bytes())
}
