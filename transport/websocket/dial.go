package websocket

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
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
	MessageBytes int         // bound of a message; default [ClientMessageBytes]
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
	c := &ClientConn{net: nc, from: nc, protocol: agreed.Protocol, buf: make([]byte, 4<<10)}
	if early != nil {
		c.from = early
	}
	c.frames = messages{frames: frames{state: ws.StateClientSide, limit: cmp.Or(d.MessageBytes, ClientMessageBytes)}, hear: c.hear}
	return c, nil
}

// ClientConn is a client's side of a WebSocket. Read may run beside Write and Close, each from one goroutine or several.
type ClientConn struct {
	net      net.Conn
	protocol string

	reading sync.Mutex // guards what follows
	from    io.Reader  // net, or what was read from it already
	frames  messages
	buf     []byte
	queue   []clientMessage
	leaving bool  // messages are dropped
	failure error // sticky

	writing sync.Mutex // guards what follows, and writing to net
	closed  bool       // a close frame was sent
}

type clientMessage struct {
	data []byte
	text bool
}

// Protocol returns the subprotocol that was agreed on, empty if none was.
func (c *ClientConn) Protocol() string { return c.protocol }

// SetReadDeadline bounds the wait of Read; the zero time ends the bound. A Read that fails by it ends the connection.
func (c *ClientConn) SetReadDeadline(t time.Time) error { return c.net.SetReadDeadline(t) }

// Read returns the next message; text tells whether it came as text. Pings are answered meanwhile. When the other side closes,
// it returns a [*CloseError]. After an error Read returns it again.
func (c *ClientConn) Read() (data []byte, text bool, err error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	for len(c.queue) == 0 {
		if c.failure != nil {
			return nil, false, c.failure
		}
		n, err := c.from.Read(c.buf)
		if fed := c.frames.feed(c.buf[:n]); fed != nil {
			c.fail(fed)
		} else if err != nil {
			c.fail(err)
		}
		if early, ok := c.from.(*bufio.Reader); ok && early.Buffered() == 0 {
			c.from = c.net
			ws.PutReader(early)
		}
	}
	m := c.queue[0]
	c.queue[0] = clientMessage{}
	c.queue = c.queue[1:]
	return m.data, m.text, nil
}

// fail ends the connection from the reading side.
func (c *ClientConn) fail(err error) {
	if c.failure != nil {
		return
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // there was no close frame
	}
	c.failure = err
	if broken, ok := errors.AsType[*CloseError](err); ok {
		_ = c.sayClose(broken.Code, broken.Reason) // the reason to close is the better error
	}
	c.net.Close()
}

// hear takes a message or a control frame from the parser. It is called with reading held.
func (c *ClientConn) hear(op ws.OpCode, payload []byte) error {
	switch op {
	case opPing:
		return c.write(opPong, payload)
	case opPong:
	case opClose:
		e := parseClose(payload)
		answer := uint16(0)
		if len(payload) > 0 {
			answer = e.Code
		}
		_ = c.sayClose(answer, "") // the other side may have left already
		c.failure = e
		c.net.Close()
	default:
		if c.leaving {
			return nil
		}
		c.queue = append(c.queue, clientMessage{append([]byte(nil), payload...), op == opText})
	}
	return nil
}

// Write sends a whole message, as text or as bytes.
func (c *ClientConn) Write(data []byte, text bool) error {
	op := opBinary
	if text {
		op = opText
	}
	return c.write(op, data)
}

func (c *ClientConn) write(op ws.OpCode, payload []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	c.closed = op == opClose
	frame, err := ws.CompileFrame(ws.MaskFrame(ws.NewFrame(op, true, payload)))
	if err != nil {
		return err
	}
	_, err = c.net.Write(frame)
	return err
}

// sayClose sends a close frame, once; code 0 sends none of it.
func (c *ClientConn) sayClose(code uint16, reason string) error {
	var body []byte
	if code != 0 {
		body = closeBody(code, reason)
	}
	_ = c.net.SetWriteDeadline(time.Now().Add(closeTime)) // a failure shows in the write
	return c.write(opClose, body)
}

// Close sends a close frame, waits a little for the other side's, and closes the connection. A Read that waits ends; what
// has come before can still be read.
func (c *ClientConn) Close(code uint16, reason string) error {
	err := c.sayClose(code, reason)
	if errors.Is(err, net.ErrClosed) {
		err = nil // it was closed before
	}
	_ = c.net.SetReadDeadline(time.Now().Add(closeTime)) // bounds whoever reads
	c.reading.Lock()
	defer c.reading.Unlock()
	c.leaving = true
	for c.failure == nil {
		n, readErr := c.from.Read(c.buf)
		if fed := c.frames.feed(c.buf[:n]); fed != nil || readErr != nil {
			c.fail(errors.Join(fed, readErr))
		}
	}
	return err
}
