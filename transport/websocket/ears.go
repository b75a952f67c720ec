package websocket

import (
	"errors"

	"github.com/gobwas/ws"

	"tidings/gateway"
	"tidings/transport"
	"tidings/transport/park"
)

// follower is what a connection's events are passed on to.
type follower interface {
	Ready()
	Close(reason gateway.Reason)
	Reply(unit []byte)
	Room() bool
	Add(follows []gateway.Follow, reply func(at gateway.Cursor) []byte) error
	Remove(patterns []gateway.Pattern, reply []byte)
}

var _ follower = (*gateway.Follower)(nil)

// ears hear one connection for its follower. Data and what it calls belong to the reading goroutine.
type ears struct {
	peer     *peer
	follower follower
	upstream transport.Upstream // nil where nothing may be sent up
	frames   frames
}

var _ park.Handler = (*ears)(nil)

func newEars(p *peer, f follower, request *transport.Request, messageBytes int) *ears {
	e := &ears{peer: p, follower: f, upstream: request.Upstream}
	e.frames = frames{state: ws.StateServerSide, limit: messageBytes, hear: e.hear}
	return e
}

// errOver ends the parser: the follower has ended, or is about to.
var errOver = errors.New("the follower has ended")

// Data implements [park.Handler]. It never fails: how the connection ends is for the peer to say, in order with what it
// still has to write.
func (e *ears) Data(b []byte) error {
	if broken, ok := errors.AsType[*CloseError](e.frames.feed(b)); ok {
		e.part(appendClose(nil, broken.Code, broken.Reason))
		e.follower.Close(gateway.ReasonBadRequest)
	}
	return nil
}

// Ready implements [park.Handler].
func (e *ears) Ready() { e.follower.Ready() }

// Gone implements [park.Handler].
func (e *ears) Gone() { e.follower.Close(gateway.ReasonGone) }

// part leaves the peer its farewell.
func (e *ears) part(frame []byte) { e.peer.farewell.Store(&frame) }

// hear takes a message or a control frame from the parser.
func (e *ears) hear(op ws.OpCode, payload []byte) error {
	switch op {
	case opPing:
		e.follower.Reply(appendFrame(nil, opPong, payload))
	case opPong:
		return nil
	case opClose:
		// The same code goes back (RFC 6455 section 5.5.1). It goes as a reply, behind what was answered before, and ends
		// the follower once the peer sees it.
		frame := appendFrame(nil, opClose, payload[:min(2, len(payload))])
		e.part(frame)
		e.follower.Reply(frame)
		return nil
	case opText:
		if e.peer.format == Enveloped && e.obey(payload) {
			break
		}
		e.follower.Close(gateway.ReasonBadRequest)
		return errOver
	default:
		e.follower.Close(gateway.ReasonBadRequest)
		return errOver
	}
	// A client that sends without reading is not read from either.
	if !e.follower.Room() {
		return errOver
	}
	return nil
}
