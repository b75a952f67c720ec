package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"tidings/transport"
)

// ask sends a request of the socket. A body is lines.
func (s *Socket) ask(ctx context.Context, at, accept string, body []byte) (*http.Response, error) {
	method, from := http.MethodGet, io.Reader(nil)
	if body != nil {
		method, from = http.MethodPost, bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, at, from)
	if err != nil {
		return nil, err
	}
	for name, values := range s.options.Header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	req.Header.Set("Accept", accept)
	if body != nil {
		req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	resp, err := send(s.http, req, http.StatusOK)
	if err != nil {
		return nil, err
	}
	if got := resp.Header.Get("Content-Type"); !strings.HasPrefix(got, accept) {
		resp.Body.Close()
		return nil, fmt.Errorf("%w: it is %q", errNoSocket, got)
	}
	return resp, nil
}

// overStream carries the socket over SSE or an NDJSON stream, and POST.
func (s *Socket) overStream(kind transport.Kind) (spoke bool, err error) {
	w := newWatch(s.ctx, s.tempo.hello)
	defer w.close()
	accept := "application/x-ndjson"
	if kind == transport.SSE {
		accept = "text/event-stream"
	}
	resp, err := s.ask(w.ctx, s.url(kind, false, ""), accept, nil)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	in := newLines(resp.Body, maxSocketObject)
	var from parser = &ndjson{lines: in}
	if kind == transport.SSE {
		from = &events{lines: in}
	}
	var objects objectReader
	done := make(chan struct{})
	for {
		text, err := from.next()
		if err != nil {
			return spoke, w.why(err)
		}
		o, err := objects.read(text)
		switch {
		case err != nil:
		case !spoke && o.Hello == nil && o.Bye == nil:
			continue
		case !spoke && o.Hello != nil:
			if _, err = s.welcome(o.Hello, kind); err != nil {
				break
			}
			spoke = true
			ping := heartbeat(o.Hello.PingMS)
			w.limit = silence(ping)
			go func() {
				defer close(done)
				s.upstream(w, max(ping/2, time.Second))
			}()
			defer func() {
				w.close()
				<-done
			}()
			s.tell(State{Transport: kind.String(), Connected: true, Node: o.Hello.Node})
		default:
			err = s.hearWhole(w, &o)
		}
		if err != nil {
			return spoke, err
		}
		w.heard()
	}
}

// hearWhole takes an object once there is room for it. While there is none, the connection says nothing and is not held dead for that; if it
// takes long, it is better to come back later.
func (s *Socket) hearWhole(w *watch, o *socketObject) error {
	for {
		err := s.hear(o)
		if !errors.Is(err, errFull) {
			return err
		}
		w.timer.Stop()
		if !s.awaitRoom(w.ctx, w.limit/2) {
			return errStalled
		}
	}
}
