package wire

import (
	"encoding/base64"
	"strconv"

	"tidings/gateway"
)

// Envelope is a message as one JSON object, without anything around it: a WebSocket's text frame or an item of a poll. The
// other enveloped formats wrap its bytes, so that a message becomes JSON once.
var Envelope = &gateway.Format{Name: "envelope", Append: func(dst []byte, m *gateway.Message) []byte {
	return settle(dst, m, appendEnvelope)
}}

func appendEnvelope(dst []byte, m *gateway.Message) []byte {
	if m.Deleted {
		return AppendDeleted(dst, m.Topic, m.Seq)
	}
	dst = append(dst, `{"topic":`...)
	dst = appendString(dst, m.Topic)
	dst = append(dst, `,"seq":`...)
	dst = strconv.AppendUint(dst, m.Seq, 10)
	dst = append(dst, `,"prev":`...)
	dst = strconv.AppendUint(dst, m.Prev, 10)
	dst = append(dst, `,"time":`...)
	dst = strconv.AppendInt(dst, m.Time, 10)
	if m.Event != "" {
		dst = append(dst, `,"event":`...)
		dst = appendString(dst, m.Event)
	}
	if m.Body == gateway.BodyBytes {
		dst = append(dst, `,"type":`...)
		dst = appendString(dst, m.Type)
	}
	if m.Key != "" {
		dst = append(dst, `,"key":`...)
		dst = appendString(dst, m.Key)
	}
	if m.Latest {
		dst = append(dst, `,"latest":true`...)
	}
	switch m.Body {
	case gateway.BodyJSON:
		dst = append(dst, `,"data":`...)
		dst = appendCompact(dst, m.Data)
	case gateway.BodyText:
		dst = append(dst, `,"data":`...)
		dst = appendString(dst, m.Data)
	case gateway.BodyBytes:
		dst = append(dst, `,"data64":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, m.Data)
		dst = append(dst, '"')
	}
	return append(dst, '}')
}
