package park

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// HTTP returns the exchange of a request that net/http has read. Fields that are in w.Header() already go out with the answer.
func HTTP(w http.ResponseWriter, r *http.Request) Exchange { return &httpExchange{w, r} }

type httpExchange struct {
	w http.ResponseWriter
	r *http.Request
}

// loopsKey is where a request's context has the loops that its connection came from.
type loopsKey struct{}

// WithLoops has connections that are taken from requests of this context go back to where they were read first: answered polls
// stay cheap.
func WithLoops(ctx context.Context, l *Loops) context.Context {
	return context.WithValue(ctx, loopsKey{}, l)
}

func (x *httpExchange) loops() *Loops {
	l, _ := x.r.Context().Value(loopsKey{}).(*Loops)
	return l
}

func (x *httpExchange) Open(h *Head) (Answer, error) {
	if x.r.ProtoMajor != 1 {
		return x.respond(h), nil
	}
	c, own, err := x.Take()
	if errors.Is(err, http.ErrNotSupported) {
		return x.respond(h), nil
	}
	if err != nil {
		return Answer{}, err
	}
	chunked := x.r.ProtoAtLeast(1, 1)
	return Answer{Conn: c, Head: h.stream(own, chunked), Chunked: chunked}, nil
}

func (x *httpExchange) Take() (Conn, []Field, error) {
	fields := fieldsOf(x.w.Header())
	nc, early, err := x.hijack()
	if err != nil {
		return nil, nil, err
	}
	return own(nc, early, x.loops()), fields, nil
}

// hijack takes the connection from its handler, with what the client has sent behind its request: that is in the server's
// buffer. The rest of the buffers is let go.
func (x *httpExchange) hijack() (net.Conn, []byte, error) {
	nc, buffered, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("take the connection: %w", err)
	}
	early, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	return nc, bytes.Clone(early), nil
}

// own parks a connection, with bytes that were read from it before.
func own(nc net.Conn, early []byte, l *Loops) Conn {
	_ = nc.SetDeadline(time.Time{}) // of the server's timeouts; a broken connection fails at its first use
	if c, ok := leave(nc, early, l); ok {
		return c
	}
	return newConn(nc, early)
}

func (x *httpExchange) Hold() Held {
	if l := x.loops(); l != nil && x.r.ProtoAtLeast(1, 1) && x.r.ProtoMajor == 1 {
		fields := fieldsOf(x.w.Header())
		if nc, early, err := x.hijack(); err == nil {
			return l.hold(nc, early, fields, !x.r.Close)
		}
	}
	control := http.NewResponseController(x.w)
	// The server's timeouts were for the request; a poll is held longer than they allow.
	_ = control.SetReadDeadline(time.Time{})
	return &held{w: x.w, control: control, left: x.r.Context().Done(), wake: make(chan struct{})}
}

func (x *httpExchange) Reply(r Reply) { _ = reply(x.w, r) } // a client that has left needs no more

func (x *httpExchange) respond(h *Head) Answer {
	control := http.NewResponseController(x.w)
	_ = control.SetReadDeadline(time.Time{})
	_ = control.SetWriteDeadline(time.Time{})
	put(x.w.Header(), h.fields)
	return Answer{Conn: &response{w: x.w, control: control, left: x.r.Context().Done(), wake: make(chan struct{}, 1)}}
}

// reply writes a whole answer by a handler's ResponseWriter.
func reply(w http.ResponseWriter, r Reply) error {
	header := w.Header()
	put(header, r.Head.fields)
	put(header, r.Fields)
	if r.Status == http.StatusNotModified {
		header.Del("Content-Type") // of a body that is not there
		w.WriteHeader(r.Status)
		return nil
	}
	header.Set("Content-Length", strconv.Itoa(size(r.Parts)))
	w.WriteHeader(max(r.Status, http.StatusOK))
	for _, p := range r.Parts {
		if _, err := w.Write(p); err != nil {
			return err
		}
	}
	return nil
}
