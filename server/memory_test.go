package server

import (
	"context"
	"io"
	"net/http"
	"sync"
	"testing"
)

// startInMemory serves o to a client in this process, in whose way there is no connection: answers stay with their handlers, as they do over
// HTTP/2, and time may be a bubble's.
func startInMemory(t *testing.T, o Options) *site {
	t.Helper()
	s := newServer(t, o)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &site{Server: s, t: t, url: "http://localhost", http: &http.Client{Transport: inMemory{s}}}
}

// inMemory answers requests by a handler.
type inMemory struct{ http.Handler }

// RoundTrip implements [http.RoundTripper].
func (m inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, leave := context.WithCancel(context.WithValue(r.Context(), loopbackKey{}, true))
	in := r.Clone(ctx)
	in.RemoteAddr, in.Host, in.RequestURI = "192.0.2.1:4711", r.URL.Host, r.URL.RequestURI()
	in.ProtoMajor, in.ProtoMinor, in.Proto = 2, 0, "HTTP/2.0"
	if in.Body == nil {
		in.Body = http.NoBody
	}
	out, body := io.Pipe()
	w := &inMemoryWriter{header: http.Header{}, begun: make(chan struct{}), body: body}
	go func() {
		defer leave()
		defer func() {
			if cause := recover(); cause != nil {
				w.body.CloseWithError(io.ErrUnexpectedEOF)
				w.begin(http.StatusInternalServerError)
				return
			}
			w.body.CloseWithError(ctx.Err()) // who has left is not answered
			w.begin(http.StatusOK)
		}()
		m.ServeHTTP(w, in)
	}()
	select {
	case <-w.begun:
	case <-ctx.Done():
		out.Close()
		return nil, ctx.Err()
	}
	return &http.Response{
		StatusCode: w.status, Header: w.sent, Request: r, ProtoMajor: 2, Body: &leaving{out, leave},
	}, nil
}

// leaving is a body whose client leaves when it closes it.
type leaving struct {
	*io.PipeReader
	leave func()
}

// Close implements [io.Closer].
func (l *leaving) Close() error {
	l.leave()
	return l.PipeReader.Close()
}

type inMemoryWriter struct {
	header, sent http.Header
	once         sync.Once
	begun        chan struct{}
	status       int
	body         *io.PipeWriter
}

func (w *inMemoryWriter) begin(status int) {
	w.once.Do(func() {
		w.status, w.sent = status, w.header.Clone()
		close(w.begun)
	})
}

// Header implements [http.ResponseWriter].
func (w *inMemoryWriter) Header() http.Header { return w.header }

// WriteHeader implements [http.ResponseWriter].
func (w *inMemoryWriter) WriteHeader(status int) { w.begin(status) }

// Write implements [http.ResponseWriter].
func (w *inMemoryWriter) Write(b []byte) (int, error) {
	w.begin(http.StatusOK)
	return w.body.Write(b)
}

// Flush implements [http.Flusher].
func (w *inMemoryWriter) Flush() { w.begin(http.StatusOK) }
