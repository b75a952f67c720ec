package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"tidings/transport"
	"tidings/transport/websocket"
)

// protocol is the subprotocol by which a WebSocket carries objects.
const protocol = "tidings.v1"

// webSocket is a WebSocket that a follow reads.
type webSocket struct {
	watch *watch
	conn  *websocket.ClientConn
	free  func() bool // takes the watch's hand off the connection
}

// openWebSocket connects by WebSocket. The HTTP client has no part in it, but its TLS configuration.
func (f *following) openWebSocket(ctx context.Context) (source, error) {
	w := newWatch(ctx, f.c.hello)
	header := http.Header{}
	if f.c.options.Key != "" {
		header.Set("Authorization", "Bearer "+f.c.options.Key)
	}
	d := websocket.Dialer{Header: header, Protocols: []string{protocol}, MessageBytes: f.c.options.EventBytes}
	d.TLS = tlsOf(f.c.options.HTTPClient)
	conn, err := dialWebSocket(w, d, f.c.url("", f.query(transport.WebSocket, "")))
	if err != nil {
		w.close()
		return nil, err
	}
	s := &webSocket{watch: w, conn: conn}
	// A read knows no context: a deadline in the past ends it.
	s.free = context.AfterFunc(w.ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	return s, nil
}

// tlsOf returns the TLS configuration of an HTTP client, nil for the default.
func tlsOf(c *http.Client) *tls.Config {
	if t, ok := c.Transport.(*http.Transport); ok {
		return t.TLSClientConfig
	}
	return nil
}

// dialWebSocket connects to an http: or https: URL. Its errors are those of requests.
func dialWebSocket(w *watch, d websocket.Dialer, at string) (*websocket.ClientConn, error) {
	conn, err := d.Dial(w.ctx, "ws"+strings.TrimPrefix(at, "http")) // http: to ws:, https: to wss:
	if err == nil {
		return conn, nil
	}
	if refused, ok := errors.AsType[*websocket.RefusedError](err); ok {
		return nil, refusal(&http.Response{
			StatusCode: refused.Status, Header: refused.Header, Body: io.NopCloser(bytes.NewReader(refused.Body)),
		})
	}
	if w.ctx.Err() != nil {
		return nil, context.Cause(w.ctx)
	}
	return nil, unreachable(err)
}

func (s *webSocket) next() (object, error) {
	for {
		text, isText, err := s.conn.Read()
		var closed *websocket.CloseError
		switch {
		case errors.As(err, &closed) && closed.Code >= 4000:
			return object{}, &Error{Close: transport.Code(closed.Code), Code: closed.Reason}
		case errors.As(err, &closed):
			return object{}, s.watch.why(io.EOF)
		case err != nil:
			return object{}, s.watch.why(err)
		case !isText:
			continue // not of this protocol: to be ignored
		}
		o, err := parseObject(text)
		if err != nil {
			return object{}, err
		}
		s.watch.hears(o)
		return o, nil
	}
}

func (s *webSocket) close() {
	s.free()
	_ = s.conn.Close(1000, "") // whether the other side hears it or not, the connection is gone
	s.watch.close()
}
