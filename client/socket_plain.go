package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tidings/gateway/socket"
	"tidings/transport"
	"tidings/transport/websocket"
)

// overPlain is the socket: it reads, beside a goroutine that writes, and ends with the connection.
func (s *Socket) overPlain(w *watch, conn *websocket.ClientConn) error {
	w.timer.Stop() // the connection watches itself
	ping := s.options.Ping
	if ping <= 0 {
		ping = plainPing
	}
	conn.KeepAlive(ping)
	s.mu.Lock()
	s.plain, s.proto = true, conn.Protocol()
	s.carry(transport.WebSocket.String())
	s.mu.Unlock()
	s.tell(State{Transport: transport.WebSocket.String(), Connected: true})
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.cancel(s.speakPlain(w.ctx, conn))
	}()
	defer func() {
		w.close()
		<-done
	}()
	for seq := uint64(1); ; seq++ {
		p, err := conn.ReadPiece()
		if err != nil {
			return s.endPlain(w, err, seq)
		}
		f := socket.Frame{Seq: seq, Kind: Binary, More: !p.Last, Data: append([]byte(nil), p.Data...)}
		if p.Text {
			f.Kind = Text
		}
		for err = s.take(f); errors.Is(err, errFull); err = s.take(f) {
			if !s.awaitRoom(w.ctx, ping) {
				_ = conn.Pong() // nothing is read, and no ping is seen, but this side lives
			}
		}
	}
}

// endPlain says how a plain WebSocket has ended.
func (s *Socket) endPlain(w *watch, err error, seq uint64) error {
	closed, ok := errors.AsType[*websocket.CloseError](err)
	switch {
	case ok && errors.Is(err, websocket.ErrBroken):
		s.end(&CloseError{Code: closed.Code, Reason: closed.Reason})
	case ok:
		// The connection has answered by itself.
		_ = s.take(socket.Frame{Seq: seq, Kind: socket.Close, Code: closed.Code, Reason: closed.Reason})
		s.end(&CloseError{Code: closed.Code, Reason: closed.Reason, Clean: true})
	}
	return w.why(err)
}

// speakPlain writes what there is to say until ctx or the connection ends.
func (s *Socket) speakPlain(ctx context.Context, conn *websocket.ClientConn) error {
	var pieces []websocket.Piece
	within := false // a message
	for ctx.Err() == nil {
		sent := s.left()
		w, _ := s.words(sent, maxWords, time.Hour)
		if len(w.frames) == 0 {
			s.rest(ctx, -1)
			continue
		}
		pieces = pieces[:0]
		var last *socket.Frame
		for i := range w.frames {
			f := &w.frames[i].Frame
			if f.Kind == socket.Close {
				last = f
				break
			}
			pieces = append(pieces, websocket.Piece{Data: f.Data, Text: f.Kind == Text, First: !within, Last: !f.More})
			within = f.More
		}
		err := conn.WritePieces(pieces...)
		if err == nil && last != nil {
			err = conn.SayClose(saidCode(last.Code), last.Reason)
		}
		if err == nil {
			err = s.acked(w.last())
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
	}
	return nil
}

// saidCode is what a close frame says for a code: nothing where none was given.
func saidCode(code uint16) uint16 {
	if code == 1005 {
		return 0
	}
	return code
}
