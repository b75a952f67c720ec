package websocket

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gobwas/ws"
)

// ClientMessageBytes is the default bound of a message that a client takes: an envelope is up to six times as long as its
// payload.
const ClientMessageBytes = 16 << 20

// closeTime bounds how long a client waits for the other side's close frame.
const closeTime = 5 * time.Second

// Dialer connects to WebSockets. The zero value is ready.
type Dialer struct {
	Header       http.Header // of the handshake
	Protocols    []string    // the subprotocols that are offered, best first
	TLS          *tls.Config // for wss
	MessageBytes int         // bound of a message; default [ClientMessageBytes]; below 0 there is none
	ReadBytes    int         // size of the buffer that is read into; default 4 KiB
}

// RefusedError is the answer to a handshake when it is another than 101.
type RefusedError struct {
	Status int
	Header http.Header
	Body   []byte // the first 64 KiB
}

// Error says the status.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("the websocket handshake was answered with %d %s", e.Status, http.StatusText(e.Status))
}

// Dial connects to a ws: or wss: URL with the given header and subprotocols. See [Dialer.Dial].
func Dial(ctx context.Context, url string, header http.Header, protocols []string) (*ClientConn, error) {
	d := Dialer{Header: header, Protocols: protocols}
	return d.Dial(ctx, url)
}

// Dial connects to a ws: or wss: URL. ctx bounds the handshake only. A [*RefusedError] says that the server answered with
// something else than a WebSocket.
func (d *Dialer) Dial(ctx context.Context, url string) (*ClientConn, error) {
	var refused *RefusedError
	dialer := ws.Dialer{
		Protocols: d.Protocols, TLSConfig: d.TLS, Header: ws.HandshakeHeaderHTTP(d.Header),
		OnStatusError: func(status int, _ []byte, answer io.Reader) {
			refused = &RefusedError{Status: status}
			if response, err := http.ReadResponse(bufio.NewReader(answer), nil); err == nil {
				refused.Header = response.Header
				refused.Body, _ = io.ReadAll(io.LimitReader(response.Body, 64<<10)) // as much as there is
				response.Body.Close()
			}
		},
	}
	nc, early, agreed, err := dialer.Dial(ctx, url)
	switch {
	case refused != nil:
		return nil, refused
	case err != nil:
		return nil, fmt.Errorf("dial %s: %w", url, err)
	}
	c := &ClientConn{net: nc, from: nc, protocol: agreed.Protocol, buf: make([]byte, cmp.Or(d.ReadBytes, 4<<10))}
	if early != nil {
		c.from = early
	}
	c.frames = messages{frames: frames{state: ws.StateClientSide, limit: cmp.Or(d.MessageBytes, ClientMessageBytes)}, hear: c.hear}
	return c, nil
}
