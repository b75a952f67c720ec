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

// peer is the gateway's side of one WebSocket. The shard that owns the follower owns it, farewell excepted.
type peer struct {
	conn   park.Conn
	format *gateway.Format
	offer  transport.Offer
	head   []byte     // of the answer
	hello  wire.Hello // where there are envelopes

	// farewell is the close frame with which a client is answered that has closed, or broken the protocol. It is set by the
	// reading goroutine, before it passes the same bytes to the follower as a reply, or ends it.
	farewell atomic.Pointer[[]byte]
}

var _ gateway.Peer = (*peer)(nil)

var (
	errGap  = errors.New("a raw websocket cannot be told of a gap")
	errLeft = errors.New("the client has closed")
)

// Greeting implements [gateway.Peer].
func (p *peer) Greeting(parts [][]byte, _ gateway.Cursor) [][]byte {
	if p.format == Enveloped {
		p.head = appendFrame(p.head, opText, wire.AppendHello(nil, p.hello))
	}
	return append(parts, p.head)
}

// AppendNotice implements [gateway.Peer].
func (p *peer) AppendNotice(dst []byte, n gateway.Notice) ([]byte, error) {
	if p.format == Enveloped {
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
	if frame := p.farewell.Load(); frame != nil {
		for i, part := range b.Parts {
			if &part[0] == &(*frame)[0] {
				p.conn.Finish(b.Parts[:i+1])
				return 0, errLeft
			}
		}
	}
	return p.conn.Write(b.Parts)
}

// Close implements [gateway.Peer].
func (p *peer) Close(reason gateway.Reason, at gateway.Cursor, rest []byte) {
	bye, told := transport.ByeFor(reason, p.offer)
	switch {
	case p.farewell.Load() != nil:
		p.finish(rest, *p.farewell.Load())
		return
	case !told:
		p.finish(rest, appendClose(nil, uint16(ws.StatusNormalClosure), ""))
		return
	}
	text := string(reason)
	if reason == gateway.ReasonGap {
		text = at.String() // where to come back
	}
	var last []byte
	if p.format == Enveloped {
		last = appendFrame(nil, opText, wire.AppendBye(nil, bye))
	}
	p.finish(rest, appendClose(last, uint16(bye.Code), text))
}

// finish ends the connection behind what was written in part.
func (p *peer) finish(rest, last []byte) {
	p.conn.Finish([][]byte{rest, last})
}
