package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"tidings/gateway/socket"
	"tidings/transport"
	"tidings/transport/websocket"
	"tidings/transport/wire"
)

// plainPing is how long a plain WebSocket may be silent before it is asked for a sign of life, where Options.Ping does not say it.
const plainPing = 20 * time.Second

// overWebSocket carries the socket over a WebSocket, or is one.
func (s *Socket) overWebSocket() (spoke bool, err error) {
	w := newWatch(s.ctx, s.tempo.hello)
	defer w.close()
	d := websocket.Dialer{
		Header: s.options.Header, TLS: s.options.TLS, MessageBytes: -1, ReadBytes: 32 << 10, Protocols: s.options.Protocols,
	}
	at := s.at.String()
	if !s.options.Plain {
		d.Protocols = append([]string{socketProtocol}, s.options.Protocols...)
		at = s.url(transport.WebSocket, false, "")
	}
	conn, err := dialWebSocket(w, d, at)
	if err != nil {
		return false, err
	}
	stop := context.AfterFunc(w.ctx, conn.Abort)
	defer stop()
	defer conn.Abort()
	switch {
	case conn.Protocol() == socketProtocol && !s.options.Plain:
		return s.overLinked(w, conn)
	case s.isOpen():
		return false, errNoSocket // it was a gateway that the socket was opened by
	}
	return true, s.overPlain(w, conn)
}

// overLinked reads a WebSocket that carries a socket which can move.
func (s *Socket) overLinked(w *watch, conn *websocket.ClientConn) (spoke bool, err error) {
	var message []byte
	var seq uint64 // of the last frame
	var objects objectReader
	done := make(chan struct{})
	for {
		p, err := conn.ReadPiece()
		if err != nil {
			return spoke, linkError(w, err)
		}
		w.heard()
		if message = append(message, p.Data...); len(message) > maxSocketObject {
			return spoke, errHole
		}
		if !p.Last {
			continue
		}
		o, err := objects.readLinked(message, p.Text, seq+1)
		message = message[:0]
		switch {
		case err != nil:
		case !spoke && o.Hello == nil && o.Bye == nil:
			err = errNoSocket
		case !spoke && o.Hello != nil:
			if seq, err = s.welcome(o.Hello, transport.WebSocket); err != nil {
				break
			}
			spoke = true
			w.limit = silence(heartbeat(o.Hello.PingMS))
			w.heard()
			go func() {
				defer close(done)
				w.cancel(s.speak(w.ctx, conn, o.Hello.Ack))
			}()
			defer func() {
				w.close()
				<-done
			}()
			s.tell(State{Transport: transport.WebSocket.String(), Connected: true, Node: o.Hello.Node})
		default:
			if o.Seq > 0 {
				seq = o.Seq
			}
			if err = s.hearWhole(w, &o); err == nil {
				w.heard()
			}
		}
		if err != nil {
			return spoke, err
		}
	}
}

// linkError is why a connection that carries a socket has ended.
func linkError(w *watch, err error) error {
	closed, ok := errors.AsType[*websocket.CloseError](err)
	if ok && !errors.Is(err, websocket.ErrBroken) {
		if closed.Code >= 4000 {
			return &Error{Close: transport.Code(closed.Code), Code: closed.Reason}
		}
		err = io.EOF
	}
	return w.why(err)
}

// readLinked reads a message of a WebSocket that carries a socket; a frame is numbered seq.
func (r *objectReader) readLinked(message []byte, text bool, seq uint64) (o socketObject, err error) {
	mark := byte(0xff)
	if len(message) > 0 {
		mark = message[0]
	}
	o.Kind = Binary
	switch {
	case text && mark == '{':
		if o, err = r.read(message); err == nil && o.Seq > 0 && o.Seq != seq {
			err = errHole
		}
		return o, err
	case text && (mark == '=' || mark == '+'):
		o.Kind, o.More = Text, mark == '+'
	case !text && mark <= 1:
		o.More = mark == 1
	default:
		return o, errHole
	}
	o.Seq, o.Data = seq, append([]byte(nil), message[1:]...)
	return o, nil
}

// speak writes what there is to say, beginning behind frame sent, until ctx or the connection ends.
func (s *Socket) speak(ctx context.Context, conn *websocket.ClientConn, sent uint64) error {
	var pieces []websocket.Piece
	for ctx.Err() == nil {
		w, due := s.words(sent, maxWords, s.tempo.ack)
		if w.none() {
			s.rest(ctx, due)
			continue
		}
		pieces = pieces[:0]
		whole := func(data []byte, text bool) {
			pieces = append(pieces, websocket.Piece{Data: data, Text: text, First: true, Last: true})
		}
		for ; sent < w.from; sent++ {
			// It came by another way meanwhile. Here frames are numbered by counting, so something must stand for it.
			whole([]byte{0}, false)
		}
		if w.tell {
			whole(wire.AppendSocketAck(nil, w.ack), true)
		}
		for i := range w.frames {
			switch f := &w.frames[i].Frame; {
			case f.Kind == socket.Close:
				whole(wire.AppendSocketFrame(nil, f), true)
			default:
				whole(append(append(make([]byte, 0, 1+len(f.Data)), mark(f)), f.Data...), f.Kind == Text)
			}
		}
		if err := conn.WritePieces(pieces...); err != nil {
			return fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		sent = w.last()
		if w.tell {
			s.heard(w.ack)
		}
	}
	return nil
}

// mark is what stands before the payload of a frame.
func mark(f *socket.Frame) byte {
	switch {
	case f.Kind == Text && f.More:
		return '+'
	case f.Kind == Text:
		return '='
	case f.More:
		return 1
	}
	return 0
}
