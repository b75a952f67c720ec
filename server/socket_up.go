package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"tidings/gateway/socket"
	"tidings/transport/wire"
)

// roomTime is how long a request waits, in all, for its socket's handler to receive what has come.
const roomTime = 10 * time.Second

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
	body := s.paced(c, 0, true)
	u := uplinks.Get().(*uplink)
	defer func() {
		u.lines.reset(nil, 0)
		uplinks.Put(u)
	}()
	u.lines.reset(&body, wire.SocketLineBytes)
	var until time.Time // for how long to wait; zero until that is begun
	for {
		line, end := u.lines.next()
		switch {
		case errors.Is(end, errLineTooLong):
			return false, tooLarge.of(fmt.Sprintf("a line of more than %d bytes", wire.SocketLineBytes))
		case end != nil && !errors.Is(end, io.EOF):
			return false, bodyProblem(end) // what was read of the line is not known to be all of it
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			more, err := u.take(line, to)
			switch {
			case errors.Is(err, errStop):
				return false, nil
			case err != nil:
				return false, upProblem(err)
			case !more:
				if until.IsZero() {
					until = time.Now().Add(roomTime)
				}
				if !hasRoom(c.r.Context(), to, until) {
					return false, nil
				}
			}
		}
		if end != nil {
			return true, nil
		}
	}
}

// hasRoom waits for room until a time. It returns false where none has come.
func hasRoom(ctx context.Context, to *socket.Socket, until time.Time) bool {
	ctx, over := context.WithDeadline(ctx, until)
	defer over()
	return to.Room(ctx) == nil
}

// errStop ends a body whose rest cannot be taken now.
var errStop = errors.New("the rest is to be sent again")

// take gives a socket one object. It returns false if the next must wait for room.
func (u *uplink) take(line []byte, to *socket.Socket) (more bool, err error) {
	up, err := u.objects.Read(line)
	if err != nil {
		return false, err
	}
	if up.Acks {
		to.Acked(up.Ack)
	}
	if up.Frame.Seq == 0 {
		return true, nil
	}
	_, more, err = to.Put(up.Frame)
	if broken, ok := errors.AsType[*socket.CloseError](err); ok {
		to.Fail(broken.Code, broken.Reason)
	}
	if err != nil {
		return false, errStop
	}
	return more, nil
}

// upProblem says why an object was not taken.
func upProblem(err error) error {
	if errors.Is(err, wire.ErrSocketFrame) {
		return tooLarge.of(err.Error())
	}
	return badRequest.of("a line cannot be read: " + err.Error())
}
