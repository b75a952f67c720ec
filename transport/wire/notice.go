package wire

import (
	"encoding/json"
	"strconv"

	"tidings/gateway"
	"tidings/transport"
)

// Hello is what an enveloped stream says first.
type Hello struct {
	Epoch     string
	Cursor    gateway.Cursor // the follower's position
	Transport string
	Session   string // absent when empty
	PingMS    int
	Offer     transport.Offer
	Node      string // absent when empty
}

// HelloTo makes the hello for an admitted request that kind serves.
func HelloTo(f *transport.Request, kind transport.Kind) Hello {
	at := f.Start.Cursor()
	return Hello{
		Epoch: at.Epoch, Cursor: at, Transport: kind.String(), Session: f.Session,
		PingMS: int(f.Ping.Milliseconds()), Offer: f.Offer, Node: f.Node,
	}
}

// AppendHello appends {"hello":{…}}.
func AppendHello(dst []byte, h Hello) []byte {
	dst = append(dst, `{"hello":{"epoch":`...)
	dst = appendString(dst, h.Epoch)
	dst = append(dst, `,"cursor":`...)
	dst = appendCursor(dst, h.Cursor)
	dst = append(dst, `,"transport":`...)
	dst = appendString(dst, h.Transport)
	if h.Session != "" {
		dst = append(dst, `,"session":`...)
		dst = appendString(dst, h.Session)
	}
	dst = append(dst, `,"ping_ms":`...)
	dst = strconv.AppendInt(dst, int64(h.PingMS), 10)
	dst = append(dst, `,"offer":`...)
	dst = appendOffer(dst, h.Offer)
	if h.Node != "" {
		dst = append(dst, `,"node":`...)
		dst = appendString(dst, h.Node)
	}
	return append(dst, '}', '}')
}

// AppendNotice appends n as its JSON object: {"gap":{…}}, {"live":{…}}, {"deleted":{…}} or {"ping":{…}}.
func AppendNotice(dst []byte, n gateway.Notice) []byte {
	switch n.Kind {
	case gateway.NoticeGap:
		return AppendGap(dst, n)
	case gateway.NoticeLive:
		return AppendLive(dst, n.Topic, n.Cursor)
	case gateway.NoticeDeleted:
		return AppendDeleted(dst, n.Topic, n.To)
	case gateway.NoticePing:
		return AppendPing(dst, n.Cursor)
	}
	return dst
}

// AppendGap appends {"gap":{…}} of a notice of that kind.
func AppendGap(dst []byte, n gateway.Notice) []byte {
	dst = append(dst, `{"gap":`...)
	dst = appendGap(dst, n)
	return append(dst, '}')
}

func appendGap(dst []byte, n gateway.Notice) []byte {
	dst = append(dst, `{"topic":`...)
	dst = appendString(dst, n.Topic)
	dst = append(dst, `,"from":`...)
	dst = strconv.AppendUint(dst, n.From, 10)
	dst = append(dst, `,"to":`...)
	dst = strconv.AppendUint(dst, n.To, 10)
	dst = append(dst, `,"reason":`...)
	dst = appendString(dst, string(n.Reason))
	return append(dst, '}')
}

// AppendLive appends {"live":{…}}: what is followed as topic has caught up at a cursor.
func AppendLive(dst []byte, topic string, at gateway.Cursor) []byte {
	dst = append(dst, `{"live":{"topic":`...)
	dst = appendString(dst, topic)
	dst = append(dst, `,"cursor":`...)
	dst = appendCursor(dst, at)
	return append(dst, '}', '}')
}

// AppendDeleted appends {"deleted":{…}}: the history of topic was dropped up to and including the seq to.
func AppendDeleted(dst []byte, topic string, to uint64) []byte {
	dst = append(dst, `{"deleted":`...)
	dst = appendDeleted(dst, topic, to)
	return append(dst, '}')
}

func appendDeleted(dst []byte, topic string, to uint64) []byte {
	dst = append(dst, `{"topic":`...)
	dst = appendString(dst, topic)
	dst = append(dst, `,"to":`...)
	dst = strconv.AppendUint(dst, to, 10)
	return append(dst, '}')
}

// AppendPing appends {"ping":{…}}.
func AppendPing(dst []byte, at gateway.Cursor) []byte {
	dst = append(dst, `{"ping":{"cursor":`...)
	dst = appendCursor(dst, at)
	return append(dst, '}', '}')
}

// AppendBye appends {"bye":{…}}.
func AppendBye(dst []byte, b transport.Bye) []byte { return append(dst, b.JSON()...) }

// appendByeMembers appends the object within {"bye":…}.
func appendByeMembers(dst []byte, b transport.Bye) []byte {
	out, _ := json.Marshal(b) // no field can fail to marshal
	return append(dst, out...)
}

// appendCursor appends a cursor as a JSON string: it has no character that would need an escape.
func appendCursor(dst []byte, c gateway.Cursor) []byte {
	dst = append(dst, '"')
	dst = c.Append(dst)
	return append(dst, '"')
}

func appendOffer(dst []byte, o transport.Offer) []byte {
	dst = append(dst, `{"transports":[`...)
	for i, name := range o.Transports {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, name)
	}
	dst = append(dst, ']')
	if o.HeadMS > 0 {
		dst = append(dst, `,"head_ms":`...)
		dst = strconv.AppendInt(dst, int64(o.HeadMS), 10)
	}
	if o.Shared {
		dst = append(dst, `,"shared":true`...)
	}
	return append(dst, '}')
}
