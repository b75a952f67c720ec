package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
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
	in := intakes.Get().(*intake)
	*in = intake{
		server: s, ctx: c.r.Context(), scope: c.grant.scope, key: key, drafts: in.drafts, texts: in.texts, lines: in.lines,
		out: results{c: c, minimal: hasToken(c.r.Header.Values("Prefer"), "return=minimal")},
	}
	base, _ := gateway.BaseType(c.r.Header.Get("Content-Type"))
	switch base {
	case "application/json":
		err = s.batchArray(c, in)
	case "application/x-ndjson", "application/ndjson", "application/jsonl":
		err = s.batchLines(c, in)
	default:
		err = unsupportedType.of("send application/x-ndjson or application/json, not " + quote(base))
		in.letGo()
		return err
	}
	in.publish()
	out := &in.out
	if err != nil && !out.begun {
		c.w.Header().Set("Connection", "close") // what is left of the body must not be taken for the next request
	}
	if err == nil || out.items() > 0 {
		if err != nil {
			out.add(nil, problemOf(err)) // what is stored is stored: the answer must still say so
		}
		out.finish(s.piggyback(c, nil))
		err = nil
	}
	in.letGo()
	return err
}

func (s *Server) batchArray(c *call, in *intake) error {
	body, err := s.readBody(c, s.options.BatchBytes)
	if err != nil {
		return err
	}
	rest := bytes.TrimLeft(body, " \t\r\n")
	if !json.Valid(body) || rest[0] != '[' {
		var items []json.RawMessage
		if err := json.Unmarshal(body, &items); err != nil {
			return badBatch.of("this is no JSON array: " + jsonMistake(err))
		}
		return badBatch.of("this is no JSON array but null")
	}
	// Its elements are where the commas are.
	for {
		rest = bytes.TrimLeft(rest[1:], " \t\r\n")
		if rest[0] == ']' {
			return nil
		}
		end := endOfValue(rest)
		if rest[0] == '"' {
			end = endOfText(rest)
		}
		in.add(rest[:end])
		if rest = bytes.TrimLeft(rest[end:], " \t\r\n"); rest[0] == ']' {
			return nil
		}
	}
}

func (s *Server) batchLines(c *call, in *intake) error {
	// Results may have to leave before all lines are here.
	_ = http.NewResponseController(c.w).EnableFullDuplex() // HTTP/2 is so by nature and has no such switch
	limit := s.itemBytes()
	body := s.paced(c, 0, true)
	in.lines.reset(&body, limit)
	for {
		if !in.lines.ready() {
			in.publish() // what is here must not wait for what is not
		}
		line, err := in.lines.next()
		if line = bytes.TrimSpace(line); len(line) > 0 && (err == nil || errors.Is(err, io.EOF)) {
			in.add(line)
		}
		switch {
		case errors.Is(err, errLineTooLong):
			in.refuse(tooLarge.of(fmt.Sprintf("a line of more than %d bytes", limit)))
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return bodyProblem(err) // what was read of the line is not known to be all of it
		}
	}
}

// results collects the answer to a batch. What it holds is bounded: past spill the answer begins and flows.
type results struct {
	c       *call
	minimal bool
	buffer  []byte
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
func (r *results) add(receipt *gateway.Receipt, p *problem) {
	if p == nil {
		r.published++
	} else {
		r.failed++
	}
	if r.minimal && (p == nil || r.failed > mostFailures) {
		return
	}
	if len(r.buffer) > 0 || r.begun {
		r.buffer = append(r.buffer, ',')
	}
	switch {
	case p != nil && r.minimal:
		index := r.items() - 1
		r.buffer = appendFailure(r.buffer, failure{Index: &index, Error: p.refusal()})
	case p != nil:
		r.buffer = appendFailure(r.buffer, failure{Error: p.refusal()})
	case receipt.Duplicate:
		r.buffer = appendReceipt(r.buffer, receipt, http.StatusOK)
	default:
		r.buffer = appendReceipt(r.buffer, receipt, http.StatusCreated)
	}
	if len(r.buffer) >= spill && !r.minimal {
		r.flush()
	}
}

type failure struct {
	Index *int               `json:"index,omitempty"`
	Error *transport.Refusal `json:"error"`
}

func appendFailure(dst []byte, f failure) []byte {
	b, _ := json.Marshal(f) // strings and numbers always marshal
	return append(dst, b...)
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
	_, _ = r.c.w.Write(r.buffer)                            // a client that has left is noticed by its body ending
	_ = control.Flush()
	r.buffer = r.buffer[:0]
}

func (r *results) head() {
	h := r.c.w.Header()
	h["Content-Type"], h["X-Content-Type-Options"] = jsonField, noSniffField
	r.c.w.WriteHeader(http.StatusOK)
}

// finish ends the answer, with what else is to be in it: members, each behind a comma.
func (r *results) finish(more []byte) {
	if r.minimal {
		r.head()
		_, _ = fmt.Fprintf(r.c.w, "{\"published\":%d,\"failed\":%d,\"failures\":[%s]%s}\n", r.published, r.failed, r.buffer, more)
		return
	}
	if r.begun {
		r.flush()
		_, _ = fmt.Fprintf(r.c.w, "]%s}\n", more)
		_ = http.NewResponseController(r.c.w).SetWriteDeadline(time.Time{})
		return
	}
	r.head()
	_, _ = fmt.Fprintf(r.c.w, "{\"results\":[%s]%s}\n", r.buffer, more)
}
