package wire

import (
	"encoding/base64"
	"strconv"

	"tidings/gateway"
	"tidings/gateway/socket"
	"tidings/transport"
)

// SocketFrameBytes bounds the payload of a frame of a socket that can move: one line of it fits [SocketLineBytes] however it is escaped.
const SocketFrameBytes = 64 << 10

// SocketLineBytes bounds one object that a socket's client sends up.
const SocketLineBytes = 512 << 10

// SocketHello is what a link of a socket says first.
type SocketHello struct {
	Cursor    gateway.Cursor // the link's first frame is the next
	Ack       uint64         // up to where the client's frames were taken
	Transport string
	Protocol  string // the subprotocol that was chosen; absent when empty
	PingMS    int
	AwayMS    int // how long the client may be without a link
	Offer     transport.Offer
	Node      string // absent when empty
}

// AppendSocketHello appends {"hello":{…}}.
func AppendSocketHello(dst []byte, h SocketHello) []byte {
	dst = append(dst, `{"hello":`...)
	dst = appendSocketHello(dst, &h)
	return append(dst, '}')
}

func appendSocketHello(dst []byte, h *SocketHello) []byte {
	dst = append(dst, `{"epoch":`...)
	dst = appendString(dst, h.Cursor.Epoch)
	dst = append(dst, `,"cursor":`...)
	dst = appendCursor(dst, h.Cursor)
	dst = append(dst, `,"ack":`...)
	dst = strconv.AppendUint(dst, h.Ack, 10)
	dst = append(dst, `,"transport":`...)
	dst = appendString(dst, h.Transport)
	if h.Protocol != "" {
		dst = append(dst, `,"protocol":`...)
		dst = appendString(dst, h.Protocol)
	}
	dst = append(dst, `,"ping_ms":`...)
	dst = strconv.AppendInt(dst, int64(h.PingMS), 10)
	dst = append(dst, `,"away_ms":`...)
	dst = strconv.AppendInt(dst, int64(h.AwayMS), 10)
	dst = append(dst, `,"offer":`...)
	dst = appendOffer(dst, h.Offer)
	if h.Node != "" {
		dst = append(dst, `,"node":`...)
		dst = appendString(dst, h.Node)
	}
	return append(dst, '}')
}

// AppendSocketFrame appends a frame as one object, the same in both directions: {"seq":7,"data":"…"}, {"seq":7,"data64":"…"}, with
// "more":true where its message goes on, or {"seq":7,"close":{…}}.
func AppendSocketFrame(dst []byte, f *socket.Frame) []byte {
	dst = append(dst, `{"seq":`...)
	dst = strconv.AppendUint(dst, f.Seq, 10)
	switch f.Kind {
	case socket.Text:
		dst = append(dst, `,"data":`...)
		dst = appendString(dst, f.Data)
	case socket.Binary:
		dst = append(dst, `,"data64":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, f.Data)
		dst = append(dst, '"')
	case socket.Close:
		dst = append(dst, `,"close":`...)
		dst = appendSocketClose(dst, f.Code, f.Reason)
	}
	if f.More {
		dst = append(dst, `,"more":true`...)
	}
	return append(dst, '}')
}

// AppendSocketFailure appends {"close":{…}} without a seq: the socket ends here and now, whatever was still to come.
func AppendSocketFailure(dst []byte, code uint16, reason string) []byte {
	dst = append(dst, `{"close":`...)
	dst = appendSocketClose(dst, code, reason)
	return append(dst, '}')
}

func appendSocketClose(dst []byte, code uint16, reason string) []byte {
	dst = append(dst, `{"code":`...)
	dst = strconv.AppendUint(dst, uint64(code), 10)
	if reason != "" {
		dst = append(dst, `,"reason":`...)
		dst = appendString(dst, reason)
	}
	return append(dst, '}')
}

// AppendSocketAck appends {"ack":{"seq":n}}: up to where the other side's frames were taken.
func AppendSocketAck(dst []byte, seq uint64) []byte {
	dst = append(dst, `{"ack":{"seq":`...)
	dst = strconv.AppendUint(dst, seq, 10)
	return append(dst, '}', '}')
}

// AppendSocketPong appends {"ack":{"id":…,"seq":n}}, the answer to a ping with that id, which is JSON as it came.
func AppendSocketPong(dst, id []byte, seq uint64) []byte {
	dst = append(dst, `{"ack":{"id":`...)
	dst = append(dst, id...)
	dst = append(dst, `,"seq":`...)
	dst = strconv.AppendUint(dst, seq, 10)
	return append(dst, '}', '}')
}

// AppendSSEObject appends an object as an event of an enveloped stream, whose id is a cursor.
func AppendSSEObject(dst []byte, at gateway.Cursor, object func([]byte) []byte) []byte {
	dst = appendSSEID(dst, at)
	dst = append(dst, "data: "...)
	dst = object(dst)
	return append(dst, '\n', '\n')
}

// SocketPoll is the answer to a poll of a socket.
type SocketPoll struct {
	Hello  *SocketHello   // nil where the client has heard it
	Cursor gateway.Cursor // the position after the items
	Ack    uint64         // up to where the client's frames were taken
	More   bool           // there is more already: ask again at once
	PollMS int            // when to ask again
	Offer  transport.Offer
}

// Parts returns the answer's bytes in parts: items are objects with commas between them. The items are shared, not copied.
func (p *SocketPoll) Parts(items []byte) [][]byte {
	own := make([]byte, 0, 256)
	own = append(own, `{"cursor":`...)
	own = appendCursor(own, p.Cursor)
	own = append(own, `,"items":[`...)
	head := len(own)
	own = append(own, `],"more":`...)
	own = strconv.AppendBool(own, p.More)
	own = append(own, `,"poll_ms":`...)
	own = strconv.AppendInt(own, int64(p.PollMS), 10)
	own = append(own, `,"ack":{"seq":`...)
	own = strconv.AppendUint(own, p.Ack, 10)
	own = append(own, `},"offer":`...)
	own = appendOffer(own, p.Offer)
	if p.Hello != nil {
		own = append(own, `,"hello":`...)
		own = appendSocketHello(own, p.Hello)
	}
	own = append(own, '}')
	return [][]byte{own[:head], items, own[head:]}
}
