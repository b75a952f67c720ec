package websocket

import (
	"errors"
	"sync/atomic"

	"github.com/gobwas/ws"

	"tidings/gateway"
	"tidings/transport"
	"tidings/transport/park"
	"tidings/transport/wire"
)

// peer is the gateway's side of one WebSocket, and all that there is of it while its client is silent. The shard that owns the
// follower owns it, talk excepted.
type peer struct {
	gateway.Follower
	conn     park.Conn
	greeting *[]byte              // nil once it was asked for
	talk     atomic.Pointer[talk] // what the client is saying; nil while that is nothing. The loop sets it
}

var _ gateway.Talker = (*peer)(nil)

var (
	errGap  = errors.New("a raw websocket cannot be told of a gap")
	errLeft = errors.New("the client has closed")
)

// on returns the terms that the peer is on.
func (p *peer) on() *terms { return p.Terms().Of.(*terms) }

// enveloped reports whether messages say their topic.
func (p *peer) enveloped() bool { return p.Terms().Live }

// Greeting implements [gateway.Peer].
func (p *peer) Greeting(parts [][]byte, _ gateway.Cursor) [][]byte {
	parts = append(parts, *p.greeting)
	p.greeting = nil
	return parts
}

// AppendNotice implements [gateway.Peer].
func (p *peer) AppendNotice(dst []byte, n gateway.Notice) ([]byte, error) {
	if p.enveloped() {
		return appendFrame(dst, opText, wire.AppendNotice(nil, n)), nil
	}
	switch n.Kind {
	case gateway.NoticePing:
		return append(dst, ws.CompiledPing...), nil
	case gateway.NoticeGap:
		return dst, errGap
	case gateway.NoticeLive, gateway.NoticeDeleted: // there is no way to say it
	}
	return dst, nil
}

// Write implements [gateway.Peer].
func (p *peer) Write(b *gateway.Batch) (int, error) {
	if frame := p.farewell(); frame != nil {
		for i, part := range b.Parts {
			if &part[0] == &frame[0] {
				p.conn.Finish(b.Parts[:i+1])
				return 0, errLeft
			}
		}
	}
	return p.conn.Write(b.Parts)
}

// farewell returns the close frame with which a client is answered that has closed, or broken the protocol; nil if it has not.
func (p *peer) farewell() []byte {
	t := p.talk.Load()
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.farewell
}

// Close implements [gateway.Peer].
func (p *peer) Close(reason gateway.Reason, at gateway.Cursor, rest []byte) {
	bye, told := transport.ByeFor(reason, p.on().offer)
	if frame := p.farewell(); frame != nil {
		p.finish(rest, frame)
		return
	}
	if !told {
		p.finish(rest, appendClose(nil, uint16(ws.StatusNormalClosure), ""))
		return
	}
	text := string(reason)
	if reason == gateway.ReasonGap {
		text = at.String() // where to come back
	}
	var last []byte
	if p.enveloped() {
		last = appendFrame(nil, opText, wire.AppendBye(nil, bye))
	}
	p.finish(rest, appendClose(last, uint16(bye.Code), text))
}

// finish ends the connection behind what was written in part.
func (p *peer) finish(rest, last []byte) { p.conn.Finish([][]byte{rest, last}) }
