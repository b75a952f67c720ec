package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"tidings/gateway/socket"
	"tidings/transport/wire"
)

// roomTime is how long a request waits, in all, for its socket's handler to receive what has come.
const roomTime = 10 * time.Second

// heldTime is how long it waits while that handler waits, in turn, for the client to acknowledge what it has sent: the client may do so by its next
// request only.
const heldTime = 500 * time.Millisecond

// uplink is what reading a body needs, to be used again.
type uplink struct {
	lines   lineReader
	objects wire.SocketReader
}

var uplinks = sync.Pool{New: func() any { return new(uplink) }}

// takeUp gives a socket what its client sends, line by line as it comes. It returns false where it has stopped before the end, because there is
// no room, or a frame is not the next one: what was taken is acknowledged, and the client sends the rest again. What is no object of the wire
// is refused; what came before it is taken.
func (s *Server) takeUp(c *call, to *socket.Socket) (whole bool, err error) {
	if c.r.ContentLength == 0 {
		return true, nil
	}
	if err := checkCoding(c.r); err != nil {
		return false, err
	}
	body := s.paced(c, 0, false)
	u := uplinks.Get().(*uplink)
	defer func() {
		u.lines.reset(nil, 0)
		uplinks.Put(u)
	}()
	u.lines.reset(&body, wire.SocketLineBytes)
	into := filling{to: to, request: c.r, full: true}
	for {
		line, end := u.lines.next()
		switch {
		case errors.Is(end, errLineTooLong):
			return false, tooLarge.of(fmt.Sprintf("a line of more than %d bytes", wire.SocketLineBytes))
		case end != nil && !errors.Is(end, io.EOF):
			return false, bodyProblem(end) // what was read of the line is not known to be all of it
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			up, err := u.objects.Read(line)
			if err != nil {
				return false, upProblem(err)
			}
			if !into.take(&up) {
				return false, nil
			}
		}
		if end != nil {
			return true, nil
		}
	}
}

// filling is a socket while a request fills it.
type filling struct {
	to      *socket.Socket
	request *http.Request
	full    bool      // there may be no room
	until   time.Time // for how long room is waited for; zero until it is
}

// take gives the socket an object. It returns false where that cannot be taken now.
func (f *filling) take(up *wire.SocketUp) bool {
	if up.Acks {
		f.to.Acked(up.Ack)
	}
	if up.Frame.Seq == 0 || up.Frame.Seq <= f.to.Taken() {
		return true // nothing that needs room
	}
	if f.full && !f.room() {
		return false
	}
	_, more, err := f.to.Put(up.Frame)
	if broken, ok := errors.AsType[*socket.CloseError](err); ok {
		f.to.Fail(broken.Code, broken.Reason)
	}
	f.full = !more
	return err == nil
}

// room waits for room. It returns false where none has come in time.
func (f *filling) room() bool {
	if f.until.IsZero() {
		f.until = time.Now().Add(roomTime)
	}
	for {
		ctx, over := context.WithTimeout(f.request.Context(), min(heldTime, time.Until(f.until)))
		err := f.to.Room(ctx)
		over()
		if err == nil {
			return true
		}
		if f.request.Context().Err() != nil || !time.Now().Before(f.until) || f.to.Held() {
			return false
		}
	}
}

// upProblem says why an object was not taken.
func upProblem(err error) error {
	if errors.Is(err, wire.ErrSocketFrame) {
		return tooLarge.of(err.Error())
	}
	return badRequest.of("a line cannot be read: " + err.Error())
}
