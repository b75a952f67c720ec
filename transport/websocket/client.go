package websocket

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// ErrBroken is wrapped, beside the [*CloseError] that was said, by the error of a connection whose server has broken the protocol.
var ErrBroken = errors.New("the server has broken the protocol")

// ClientConn is a client's side of a WebSocket. Reading may run beside writing and Close, each from one goroutine or several. It is read by
// Read or by ReadPiece, not by both.
type ClientConn struct {
	net      net.Conn
	protocol string

	reading sync.Mutex // guards what follows
	from    io.Reader  // net, or what was read from it already
	frames  messages
	buf     []byte
	queue   []clientMessage
	pieces  []Piece // of what is in buf
	leaving bool    // messages are dropped
	ping    time.Duration
	failure error // sticky

	writing sync.Mutex   // guards what follows, and writing to net
	closed  bool         // a close frame was sent
	out     bytes.Buffer // what frames are put together in
}

type clientMessage struct {
	data []byte
	text bool
}

// Piece is a part of a message.
type Piece struct {
	Data        []byte
	Text        bool // the message is text: it is valid UTF-8, its pieces need not be
	First, Last bool // of its message
}

// Protocol returns the subprotocol that was agreed on, empty if none was.
func (c *ClientConn) Protocol() string { return c.protocol }

// SetReadDeadline bounds the wait of Read; the zero time ends the bound. A Read that fails by it ends the connection.
func (c *ClientConn) SetReadDeadline(t time.Time) error { return c.net.SetReadDeadline(t) }

// KeepAlive has reading ask for a sign of life after so long a silence, and fail after half of it and 2 s more. It is called before reading,
// and the read deadline is not used then.
func (c *ClientConn) KeepAlive(every time.Duration) { c.ping = every }

// Read returns the next message; text tells whether it came as text. Pings are answered meanwhile. When the other side closes,
// it returns a [*CloseError]. After an error Read returns it again.
func (c *ClientConn) Read() (data []byte, text bool, err error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	for len(c.queue) == 0 {
		if c.failure != nil {
			return nil, false, c.failure
		}
		c.fill(c.frames.feed)
	}
	m := c.queue[0]
	c.queue[0] = clientMessage{}
	c.queue = c.queue[1:]
	return m.data, m.text, nil
}

// ReadPiece returns what has arrived of the next message, or of one that has begun; its Data is valid until the next call. All else is as with
// Read, but that a message may have any size.
func (c *ClientConn) ReadPiece() (Piece, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	for len(c.pieces) == 0 {
		if c.failure != nil {
			return Piece{}, c.failure
		}
		c.pieces = c.pieces[:0:cap(c.pieces)]
		c.fill(func(b []byte) error { return c.frames.frames.feed(b, (*piecewise)(c)) })
	}
	p := c.pieces[0]
	c.pieces = c.pieces[1:]
	return p, nil
}

// fill reads once and feeds what has come to a parser.
func (c *ClientConn) fill(feed func([]byte) error) {
	n, err := c.receive()
	if fed := feed(c.buf[:n]); fed != nil {
		c.fail(fed)
	} else if err != nil {
		c.fail(err)
	}
	if early, ok := c.from.(*bufio.Reader); ok && early.Buffered() == 0 {
		c.from = c.net
		ws.PutReader(early)
	}
}

// receive reads from the connection; where nothing comes, it pings.
func (c *ClientConn) receive() (int, error) {
	if c.ping <= 0 {
		return c.from.Read(c.buf)
	}
	_ = c.net.SetReadDeadline(time.Now().Add(c.ping)) // a failure shows in the read
	n, err := c.from.Read(c.buf)
	if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	if err := c.write(opPing, nil); err != nil {
		return 0, err
	}
	_ = c.net.SetReadDeadline(time.Now().Add(c.ping/2 + 2*time.Second))
	return c.from.Read(c.buf)
}

// fail ends the connection from the reading side.
func (c *ClientConn) fail(err error) {
	if c.failure != nil {
		return
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // there was no close frame
	}
	if broken, ok := errors.AsType[*CloseError](err); ok {
		err = fmt.Errorf("%w: %w", ErrBroken, err)
		_ = c.SayClose(broken.Code, broken.Reason) // the reason to close is the better error
	}
	c.failure = err
	c.net.Close()
}

// hear takes a message or a control frame from the parser. It is called with reading held.
func (c *ClientConn) hear(op ws.OpCode, payload []byte) error {
	switch op {
	case opPing:
		_ = c.write(opPong, payload) // who has closed may still be sent to
	case opPong:
	case opClose:
		e := parseClose(payload)
		answer := uint16(0)
		if len(payload) > 0 {
			answer = e.Code
		}
		_ = c.SayClose(answer, "") // the other side may have left already
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

// piecewise is a connection that is read by ReadPiece.
type piecewise ClientConn

var _ hearer = (*piecewise)(nil)

// hearPiece implements [hearer].
func (c *piecewise) hearPiece(p piece) error {
	c.pieces = append(c.pieces, Piece{Data: p.data, Text: p.kind == opText, First: p.first, Last: p.last})
	return nil
}

// hearControl implements [hearer].
func (c *piecewise) hearControl(op ws.OpCode, payload []byte) error {
	return (*ClientConn)(c).hear(op, payload)
}

// Write sends a whole message, as text or as bytes.
func (c *ClientConn) Write(data []byte, text bool) error {
	return c.WritePieces(Piece{Data: data, Text: text, First: true, Last: true})
}

// WritePieces sends pieces of messages, each as a frame. The pieces of a message are sent in order, and no others between them.
func (c *ClientConn) WritePieces(pieces ...Piece) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	for i, p := range pieces {
		op := ws.OpContinuation
		switch {
		case p.First && p.Text:
			op = opText
		case p.First:
			op = opBinary
		}
		c.put(ws.Header{Fin: p.Last, OpCode: op}, p.Data)
		if c.out.Len() < maxTogether && i < len(pieces)-1 {
			continue // in one write with the next
		}
		if err := c.flush(); err != nil {
			return err
		}
	}
	return nil
}

// maxTogether is from how many bytes on frames are not gathered for one write.
const maxTogether = 64 << 10

func (c *ClientConn) write(op ws.OpCode, payload []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.put(ws.Header{Fin: true, OpCode: op}, payload)
	err := c.flush()
	c.closed = c.closed || op == opClose
	return err
}

// put puts a frame behind those that are to be written, masked (RFC 6455 section 5.3). writing is held.
func (c *ClientConn) put(h ws.Header, payload []byte) {
	h.Masked, h.Mask, h.Length = true, ws.NewMask(), int64(len(payload))
	_ = ws.WriteHeader(&c.out, h) // a buffer takes everything
	c.out.Write(payload)
	ws.Cipher(c.out.Bytes()[c.out.Len()-len(payload):], h.Mask, 0)
}

// flush writes what was put. writing is held.
func (c *ClientConn) flush() error {
	if c.closed {
		c.out.Reset()
		return net.ErrClosed
	}
	_, err := c.net.Write(c.out.Bytes())
	if c.out.Reset(); c.out.Cap() > 2*maxTogether {
		c.out = bytes.Buffer{}
	}
	return err
}

// Pong says that this side lives, without having been asked (RFC 6455 section 5.5.3).
func (c *ClientConn) Pong() error { return c.write(opPong, nil) }

// SayClose sends a close frame, once, and goes on reading; code 0 sends none of it. Nothing can be written behind it.
func (c *ClientConn) SayClose(code uint16, reason string) error {
	var body []byte
	if code != 0 {
		body = closeBody(code, reason)
	}
	_ = c.net.SetWriteDeadline(time.Now().Add(closeTime)) // a failure shows in the write
	return c.write(opClose, body)
}

// Abort ends the connection at once, whoever reads or writes.
func (c *ClientConn) Abort() { c.net.Close() }

// Close sends a close frame, waits a little for the other side's, and closes the connection. A Read that waits ends; what
// has come before can still be read.
func (c *ClientConn) Close(code uint16, reason string) error {
	err := c.SayClose(code, reason)
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
