package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"tidings/transport"
)

var (
	// errSilent says that a connection has said nothing for longer than its heartbeat allows.
	errSilent = fmt.Errorf("%w: the connection is silent", ErrUnreachable)
	// errCut says that a stream ended without a goodbye.
	errCut = fmt.Errorf("%w: the stream was cut", ErrUnreachable)
)

// watch ends a connection that falls silent.
type watch struct {
	ctx    context.Context // the connection's own, made and ended with it
	cancel context.CancelCauseFunc
	timer  *time.Timer
	limit  time.Duration
}

// newWatch gives a connection its context: it ends after limit without a call of heard.
func newWatch(ctx context.Context, limit time.Duration) *watch {
	w := &watch{limit: limit}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	w.timer = time.AfterFunc(limit, func() { w.cancel(errSilent) })
	return w
}

// hears notes that an object came; a hello also says how long silence may last.
func (w *watch) hears(o object) {
	if o.Hello != nil && o.Hello.PingMS > 0 {
		w.limit = silence(heartbeat(o.Hello.PingMS))
	}
	w.heard()
}

// heard notes that something came.
func (w *watch) heard() { w.timer.Reset(w.limit) }

// heartbeat reads ping_ms.
func heartbeat(ms int) time.Duration { return time.Duration(min(ms, 3_600_000)) * time.Millisecond }

// silence is how long nothing may come before a connection counts as dead: 1.5 heartbeats and 2 s.
func silence(ping time.Duration) time.Duration { return ping + ping/2 + 2*time.Second }

func (w *watch) close() {
	w.timer.Stop()
	w.cancel(context.Canceled)
}

// why returns the cause of an error of the connection: what the watch knows, or the error itself.
func (w *watch) why(err error) error {
	if w.ctx.Err() != nil {
		return context.Cause(w.ctx)
	}
	if errors.Is(err, io.EOF) {
		return errCut
	}
	if errors.Is(err, ErrUnreachable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

// stream is an answer that does not end: SSE or NDJSON.
type stream struct {
	watch  *watch
	body   io.ReadCloser
	parser parser
}

func (f *following) openStream(ctx context.Context, kind transport.Kind) (source, error) {
	w := newWatch(ctx, f.c.hello)
	req, err := f.request(w.ctx, kind, "")
	if err != nil {
		w.close()
		return nil, err
	}
	accept := "application/x-ndjson"
	if kind == transport.SSE {
		accept = "text/event-stream"
	}
	req.Header.Set("Accept", accept)
	resp, err := f.c.do(req, http.StatusOK) //nolint:bodyclose // the stream closes it
	if err != nil {
		w.close()
		return nil, err
	}
	s := &stream{watch: w, body: resp.Body}
	if in := newLines(resp.Body, f.c.options.EventBytes); kind == transport.SSE {
		s.parser = &events{lines: in}
	} else {
		s.parser = &ndjson{lines: in}
	}
	return s, nil
}

func (s *stream) next() (object, error) {
	text, err := s.parser.next()
	if err != nil {
		return object{}, s.watch.why(err)
	}
	o, err := parseObject(text)
	if err != nil {
		return object{}, err
	}
	s.watch.hears(o)
	return o, nil
}

func (s *stream) close() {
	s.watch.close()
	s.body.Close()
}
