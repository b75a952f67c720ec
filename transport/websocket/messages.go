package websocket

import (
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// messages parses what arrives into whole messages and control frames. Between messages it holds no memory.
type messages struct {
	frames
	// hear takes whole messages and control frames: text that is valid UTF-8, and close frames that may be sent. The payload is
	// only lent. An error ends the parser and is what feed returns.
	hear func(op ws.OpCode, payload []byte) error
	// hearPacked takes messages that are deflated, as they came: to inflate them takes time. Where it is nil they are inflated here.
	hearPacked func(op ws.OpCode, payload []byte) error

	message []byte // the beginning of an incomplete message
}

// feed parses b, which it changes. Errors are those of [frames].
func (m *messages) feed(b []byte) error {
	err := m.frames.feed(b, (*joiner)(m))
	if m.ended {
		m.message = nil
	}
	return err
}

// joiner puts pieces together.
type joiner messages

var _ hearer = (*joiner)(nil)

// hearPiece implements [hearer]. A message that comes whole is passed on without a copy; memory grows with what has arrived, never
// by a length that was announced.
func (j *joiner) hearPiece(p piece) error {
	if !p.last || len(j.message) > 0 {
		j.message = append(j.message, p.data...)
		if !p.last {
			return nil
		}
		p.data, j.message = j.message, nil
	}
	switch {
	case !p.packed:
		return j.hear(p.kind, p.data)
	case j.hearPacked != nil:
		return j.hearPacked(p.kind, p.data)
	}
	inflated, err := inflate(p.data, j.limit)
	if err == nil && p.kind == opText && !utf8.Valid(inflated) {
		err = notUTF8
	}
	if err != nil {
		return err
	}
	return j.hear(p.kind, inflated)
}

// hearControl implements [hearer].
func (j *joiner) hearControl(op ws.OpCode, payload []byte) error { return j.hear(op, payload) }
