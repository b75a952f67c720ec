package websocket

import (
	"errors"
	"io"

	"github.com/gobwas/ws"

	"tidings/gateway/socket"
)

// plainEars hear the connection of a plain link. The loop that calls them must not be held up.
type plainEars plain

var _ hearer = (*plainEars)(nil)

// Data implements [park.Handler].
func (e *plainEars) Data(b []byte) (more bool) {
	if !e.heard.Load() {
		e.heard.Store(true)
	}
	e.more = true
	if err := e.frames.feed(b, e); err != nil {
		e.fail(err)
	}
	return e.more
}

// fail ends the socket where its client has broken the protocol.
func (e *plainEars) fail(err error) {
	if broken, ok := errors.AsType[*CloseError](err); ok {
		e.socket.Fail(broken.Code, broken.Reason)
	} else if big, ok := errors.AsType[*socket.CloseError](err); ok {
		e.socket.Fail(big.Code, big.Reason)
	}
}

// Ready implements [park.Handler]. It may be called with the connection's lock held, which the socket's comes before.
func (e *plainEars) Ready() { go e.socket.Ready((*plain)(e)) }

// Gone implements [park.Handler].
func (e *plainEars) Gone() { e.socket.Detach((*plain)(e)) }

// hearPiece implements [hearer].
func (e *plainEars) hearPiece(p piece) (err error) {
	f := socket.Frame{Kind: socket.Binary, More: !p.last, Packed: p.packed, Data: p.data}
	if p.kind == opText {
		f.Kind = socket.Text
	}
	_, e.more, err = e.socket.Put(f)
	return err
}

// hearControl implements [hearer].
func (e *plainEars) hearControl(op ws.OpCode, payload []byte) error {
	switch op {
	case opPing:
		e.pong(payload)
	case opClose:
		said := parseClose(payload)
		_, _, err := e.socket.Put(socket.Frame{Kind: socket.Close, Code: said.Code, Reason: said.Reason})
		return err
	}
	return nil
}

// pong has a ping answered before the next frame leaves.
func (e *plainEars) pong(payload []byte) {
	e.mu.Lock()
	if len(e.pongs) > pongBytes {
		e.pongs = nil
	}
	e.pongs = appendFrame(e.pongs, opPong, payload)
	first := !e.owed.Swap(true)
	e.mu.Unlock()
	if first { // else somebody is about to write them
		e.socket.Poke((*plain)(e))
	}
}

// unpack is the [socket.Unpack] of WebSockets that agreed on permessage-deflate.
func unpack(kind socket.Kind, limit int, next func() ([]byte, error)) io.ReadCloser {
	return unpacker{newInflater(opOf(kind), limit, nil, next)}
}

// unpacker is an inflater whose errors are a socket's.
type unpacker struct{ *inflater }

// Read implements [io.Reader].
func (u unpacker) Read(b []byte) (int, error) {
	n, err := u.inflater.Read(b)
	if broken, ok := errors.AsType[*CloseError](err); ok {
		err = &socket.CloseError{Code: broken.Code, Reason: broken.Reason}
	}
	return n, err
}

// Close implements [io.Closer].
func (u unpacker) Close() error {
	u.putBack()
	return nil
}
