package websocket

import (
	"errors"
	"sync"

	"github.com/gobwas/ws"

	"tidings/gateway/socket"
	"tidings/transport"
	"tidings/transport/wire"
)

// linkedEars hear the connection of a linked WebSocket. The loop that calls them must not be held up.
type linkedEars linked

const (
	// What the client has sent is acknowledged after so many frames, or so many bytes, or soon.
	ackFrames = 32
	ackBytes  = 64 << 10
	// beyondBytes is how much is still read when the socket's queue is full: the client's acks stand behind what it has sent before, and the
	// handler, which may be waiting for them, would not go on. As nothing is acknowledged then, a client that keeps to the wire sends no more than that:
	// 256 KiB, in 1,024 frames.
	beyondBytes = 256<<10 + 1024*beyondCost
	// beyondCost is what a frame counts beside its bytes.
	beyondCost = 64
	// mostAtOnce bounds what the messages of one read come to. Only those that are deflated come to so much, a thousand times what was read: it would
	// be taken before the connection can be stopped, and hold up the loop meanwhile.
	mostAtOnce = 1 << 20
)

// What ends the parser.
var (
	errBadRequest = errors.New("what has come is nothing that the wire allows")
	errFailed     = errors.New("the socket has failed, and tells its links")
	tooMuch       = &CloseError{Code: uint16(ws.StatusMessageTooBig), Reason: "too much at a time"}
)

// Data implements [park.Handler].
func (e *linkedEars) Data(b []byte) (more bool) {
	if !e.heard.Load() {
		e.heard.Store(true)
	}
	e.came = 0
	err := e.messages.feed(b)
	if e.acked > 0 {
		e.socket.Acked(e.acked)
		e.acked = 0
	}
	if err != nil {
		e.leave(err)
		return true
	}
	e.look()
	return e.beyond <= beyondBytes
}

// look sees whether the socket's queue has got room since. Whatever else comes, be it a part of a frame, must not stop the connection again.
func (e *linkedEars) look() (opened uint32) {
	opened = e.opened.Load()
	if opened != e.roomy {
		e.roomy, e.beyond = opened, 0
	}
	return opened
}

// leave ends the link because of what has come. The socket lives on, unless it has been failed.
func (e *linkedEars) leave(err error) {
	l := (*linked)(e)
	if errors.Is(err, errFailed) {
		return
	}
	if broken, ok := errors.AsType[*CloseError](err); ok {
		l.finish(appendClose(nil, broken.Code, broken.Reason))
	} else {
		l.part(transport.Bye{Code: transport.BadRequest, Reason: "bad_request"})
	}
	l.socket.Detach(l)
}

// Ready implements [park.Handler]. It may be called with the connection's lock held, which the socket's comes before.
func (e *linkedEars) Ready() { go e.socket.Ready((*linked)(e)) }

// Gone implements [park.Handler].
func (e *linkedEars) Gone() {
	l := (*linked)(e)
	l.mu.Lock()
	l.over = true
	l.mu.Unlock()
	l.socket.Detach(l)
}

// hear takes a message or a control frame from the parser.
func (e *linkedEars) hear(op ws.OpCode, payload []byte) error {
	switch op {
	case opPing:
		e.answer(appendFrame(nil, opPong, payload))
		return nil
	case opPong:
		return nil
	case opClose:
		l := (*linked)(e)
		l.finish(appendFrame(nil, opClose, payload[:min(2, len(payload))]))
		l.socket.Detach(l)
		return nil
	}
	if len(payload) == 0 {
		return errBadRequest
	}
	if e.came += len(payload); e.came > mostAtOnce {
		return tooMuch
	}
	f := socket.Frame{Kind: socket.Binary, Data: payload[1:]}
	switch mark := payload[0]; {
	case op == opText && mark == '{':
		return e.hearObject(payload)
	case op == opText && (mark == '=' || mark == '+'):
		f.Kind, f.More = socket.Text, mark == '+'
	case op == opBinary && mark <= 1:
		f.More = mark == 1
	default:
		return errBadRequest
	}
	if len(f.Data) > wire.SocketFrameBytes {
		return errBadRequest
	}
	f.Seq = e.up + 1
	return e.put(f)
}

var objectReaders = sync.Pool{New: func() any { return new(wire.SocketReader) }}

// hearObject takes an object.
func (e *linkedEars) hearObject(object []byte) error {
	reader := objectReaders.Get().(*wire.SocketReader)
	defer objectReaders.Put(reader) // what it has read is lent
	up, err := reader.Read(object)
	if err != nil {
		return errBadRequest
	}
	if up.Acks {
		e.acked = max(e.acked, up.Ack)
	}
	if up.Frame.Seq != 0 {
		if err := e.put(up.Frame); err != nil {
			return err
		}
	}
	if up.Ping {
		seq := e.socket.Taken()
		e.mu.Lock()
		if e.brimful {
			seq = e.said
		}
		e.mu.Unlock()
		object := wire.AppendSocketAck(nil, seq)
		if len(up.ID) > 0 {
			object = wire.AppendSocketPong(nil, up.ID, seq)
		}
		e.answer(appendFrame(nil, opText, object))
	}
	return nil
}

// put gives the socket a frame.
func (e *linkedEars) put(f socket.Frame) error {
	opened := e.look()
	_, more, err := e.socket.Put(f)
	if big, ok := errors.AsType[*socket.CloseError](err); ok {
		e.socket.Fail(big.Code, big.Reason)
		return errFailed
	}
	if err != nil && !errors.Is(err, socket.ErrEnded) {
		return errBadRequest
	}
	e.up = f.Seq
	if !more && e.fills(opened) {
		e.beyond += len(f.Data) + beyondCost
		return nil
	}
	e.beyond = 0
	e.unsaid++
	if e.unsaidB += len(f.Data); e.unsaid >= ackFrames || e.unsaidB >= ackBytes {
		e.unsaid, e.unsaidB = 0, 0
		e.socket.Poke((*linked)(e))
		return nil
	}
	e.socket.Soon()
	return nil
}

// fills notes that the socket's queue is full, unless there has been room again since.
func (e *linkedEars) fills(opened uint32) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.opened.Load() == opened {
		e.brimful = true
	}
	return e.brimful
}

// answer has a frame written before the next one of the socket.
func (e *linkedEars) answer(frame []byte) {
	e.mu.Lock()
	first := len(e.controls) == 0
	if len(e.controls) > pongBytes { // who asks that much is answered the last
		e.controls = nil
	}
	e.controls = append(e.controls, frame...)
	e.mu.Unlock()
	if first { // else somebody is about to write them
		e.socket.Poke((*linked)(e))
	}
}
