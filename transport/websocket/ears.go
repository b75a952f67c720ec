package websocket

import (
	"bytes"
	"errors"

	"github.com/gobwas/ws"

	"tidings/gateway"
	"tidings/transport/park"
)

// ears hear one connection for its follower. The loop that calls them must not be held up: what may take time goes through the
// client's talk.
type ears peer

var _ park.Handler = (*ears)(nil)

// errOver ends the parser: the follower has ended, or is about to.
var errOver = errors.New("the follower has ended")

// Data implements [park.Handler]. How the connection ends is for the peer to say, in order with what it still has to write.
func (e *ears) Data(b []byte) (more bool) {
	p := (*peer)(e)
	t := p.talk.Load()
	if t == nil {
		t = newTalk(p)
		p.talk.Store(t)
	}
	t.endFor(t.frames.feed(b))
	more, silent := t.rest()
	if silent {
		p.talk.Store(nil)
	}
	return more
}

// endFor ends the follower if its client has broken the protocol.
func (t *talk) endFor(err error) {
	if broken, ok := errors.AsType[*CloseError](err); ok {
		t.part(appendClose(nil, broken.Code, broken.Reason))
		t.peer.Follower.Close(gateway.ReasonBadRequest)
	}
}

// Ready implements [park.Handler].
func (e *ears) Ready() { e.Follower.Ready() }

// Gone implements [park.Handler].
func (e *ears) Gone() { e.Follower.Close(gateway.ReasonGone) }

// Room implements [gateway.Talker]: answers have left, so that more may be asked.
func (p *peer) Room() {
	if t := p.talk.Load(); t != nil {
		t.room()
	}
}

// hear takes a message or a control frame from the parser.
func (t *talk) hear(op ws.OpCode, payload []byte) error {
	switch op {
	case opPing:
		t.reply(appendFrame(nil, opPong, payload))
		return nil
	case opPong:
		return nil
	case opClose:
		// The same code goes back (RFC 6455 section 5.5.1). It goes as a reply, behind what was answered before, and ends
		// the follower once the peer sees it.
		t.say(spoken{close: true, text: bytes.Clone(payload[:min(2, len(payload))])})
		return nil
	}
	return t.hearMessage(spoken{text: payload}, op)
}

// hearPacked takes a deflated message from the parser.
func (t *talk) hearPacked(op ws.OpCode, payload []byte) error {
	return t.hearMessage(spoken{text: payload, packed: true}, op)
}

// hearMessage has a message obeyed, whose text is only lent.
func (t *talk) hearMessage(s spoken, op ws.OpCode) error {
	if op == opText && t.peer.enveloped() {
		s.text = bytes.Clone(s.text)
		t.say(s)
		return nil
	}
	t.peer.Follower.Close(gateway.ReasonBadRequest)
	return errOver
}
