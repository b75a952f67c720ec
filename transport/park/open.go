package park

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"
)

// Open answers r with status 200 and the given header fields, to which fields already in w.Header() are added, and parks the
// connection: the body is whatever is written to the Answer's Conn. On an error nothing was sent.
func Open(w http.ResponseWriter, r *http.Request, fields http.Header) (Answer, error) {
	if r.ProtoMajor != 1 {
		return respond(w, r, fields), nil
	}
	chunked := r.ProtoAtLeast(1, 1)
	c, err := Take(w)
	if errors.Is(err, http.ErrNotSupported) {
		return respond(w, r, fields), nil
	}
	if err != nil {
		return Answer{}, err
	}
	return Answer{Conn: c, Head: head(merge(w.Header(), fields), chunked), Chunked: chunked}, nil
}

// Take parks w's connection and answers nothing: a WebSocket writes its own head. On an error nothing was sent; it wraps
// [http.ErrNotSupported] where the connection cannot be taken from its handler (HTTP/2).
func Take(w http.ResponseWriter) (Conn, error) {
	nc, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, fmt.Errorf("take the connection: %w", err)
	}
	// What the client sent behind its request is in the server's buffer. The rest of the buffers is let go.
	early, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	return own(nc, bytes.Clone(early)), nil
}

// own parks a connection, with bytes that were read from it before.
func own(nc net.Conn, early []byte) Conn {
	_ = nc.SetDeadline(time.Time{}) // of the server's timeouts; a broken connection fails at its first use
	if c, ok := leave(nc, early); ok {
		return c
	}
	c := &conn{net: nc, early: early}
	c.out = &batched{net: nc, room: c.room}
	c.in = &buffered{net: nc}
	return c
}

// Hold parks a poll until it is answered.
func Hold(w http.ResponseWriter, r *http.Request) Held {
	control := http.NewResponseController(w)
	// The server's timeouts were for the request; a poll is held longer than they allow.
	_ = control.SetReadDeadline(time.Time{})
	return &held{w: w, control: control, left: r.Context().Done(), wake: make(chan struct{})}
}

func respond(w http.ResponseWriter, r *http.Request, fields http.Header) Answer {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{})
	_ = control.SetWriteDeadline(time.Time{})
	put(w.Header(), fields)
	return Answer{Conn: &response{w: w, control: control, left: r.Context().Done(), wake: make(chan struct{}, 1)}}
}

// merge returns the fields of an answer: what the handler had set already, and what the transport says.
func merge(have, fields http.Header) http.Header {
	merged := have.Clone()
	if merged == nil {
		merged = http.Header{}
	}
	put(merged, fields)
	return merged
}

// put sets fields in dst. Vary adds up, for both sides speak of what they looked at; of anything else there is one.
func put(dst, fields http.Header) {
	for name, values := range fields {
		if name == "Vary" {
			values = slices.Concat(dst[name], values)
		}
		dst[name] = values
	}
}

// framing holds the fields that only the one who frames the body can say.
var framing = map[string]bool{
	"Connection": true, "Content-Length": true, "Date": true, "Keep-Alive": true, "Trailer": true, "Transfer-Encoding": true,
}

// head returns the status line and the header of an answer whose body ends with the connection.
func head(fields http.Header, chunked bool) []byte {
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 200 OK\r\n")
	_ = fields.WriteSubset(&b, framing) // writing to a buffer cannot fail
	b.WriteString("Date: ")
	b.WriteString(time.Now().UTC().Format(http.TimeFormat))
	b.WriteString("\r\nConnection: close\r\n")
	if chunked {
		b.WriteString("Transfer-Encoding: chunked\r\n")
	}
	b.WriteString("\r\n")
	return b.Bytes()
}
