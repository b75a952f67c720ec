package wire

import (
	"encoding/base64"
	"strconv"
	"strings"

	"tidings/gateway"
	"tidings/transport"
)

// SSEPrelude opens an event stream: 2 KB of comment, for those who hold back the first bytes of an answer, and the time after
// which an EventSource reconnects.
var SSEPrelude = ":" + strings.Repeat(" ", 2046) + "\nretry: 2000\n"

// SSERaw is a message as an event whose data is what was published.
var SSERaw = &gateway.Format{Name: "sse.raw", Append: func(dst []byte, m *gateway.Message) []byte {
	return settle(dst, m, appendSSERaw)
}}

// SSEEnvelope is a message as an event without a name whose data is the envelope.
var SSEEnvelope = &gateway.Format{Name: "sse.envelope", Append: func(dst []byte, m *gateway.Message) []byte {
	return settle(dst, m, appendSSEEnvelope)
}}

// SSERawChunked and SSEEnvelopeChunked are the same with chunk heads.
var (
	SSERawChunked      = chunked(SSERaw)
	SSEEnvelopeChunked = chunked(SSEEnvelope)
)

func appendSSERaw(dst []byte, m *gateway.Message) []byte {
	dst = appendSSEID(dst, m.Cursor())
	switch {
	case m.Deleted:
		dst = append(dst, "event: tidings.deleted\ndata: "...)
		dst = appendDeleted(dst, m.Topic, m.Seq)
		dst = append(dst, '\n')
	case m.Body == gateway.BodyBytes:
		dst = append(dst, "event: tidings.base64\ndata: "...)
		dst = base64.StdEncoding.AppendEncode(dst, m.Data)
		dst = append(dst, '\n')
	default:
		if m.Event != "" {
			dst = append(dst, "event: "...)
			dst = appendOneLine(dst, m.Event)
			dst = append(dst, '\n')
		}
		dst = appendSSEData(dst, m.Data)
	}
	return append(dst, '\n')
}

func appendSSEEnvelope(dst []byte, m *gateway.Message) []byte {
	envelope := m.Encoded(Envelope)
	dst = appendSSEID(dst, m.Cursor())
	dst = append(dst, "data: "...)
	dst = append(dst, envelope...)
	return append(dst, '\n', '\n')
}

// appendSSEID appends the id field. Its value is what a browser sends back as Last-Event-ID.
func appendSSEID(dst []byte, at gateway.Cursor) []byte {
	dst = append(dst, "id: "...)
	dst = at.Append(dst)
	return append(dst, '\n')
}

// appendSSEData appends text as data fields: CR LF, CR and LF each end a line. Empty text is one empty field, for an
// event without any would not be dispatched.
func appendSSEData(dst, text []byte) []byte {
	dst = append(dst, "data: "...)
	from := 0
	for i := 0; i < len(text); i++ {
		if text[i] != '\n' && text[i] != '\r' {
			continue
		}
		dst = append(dst, text[from:i]...)
		dst = append(dst, "\ndata: "...)
		if text[i] == '\r' && i+1 < len(text) && text[i+1] == '\n' {
			i++
		}
		from = i + 1
	}
	dst = append(dst, text[from:]...)
	return append(dst, '\n')
}

// appendOneLine appends s with a space for every line break: what is refused when it is published can still come from
// an engine's older log, and must not become a field of its own.
func appendOneLine(dst []byte, s string) []byte {
	start := len(dst)
	dst = append(dst, s...)
	for i, b := range dst[start:] {
		if b == '\n' || b == '\r' {
			dst[start+i] = ' '
		}
	}
	return dst
}

// AppendSSEHello appends an enveloped event stream's first event.
func AppendSSEHello(dst []byte, h Hello) []byte {
	dst = appendSSEID(dst, h.Cursor)
	dst = append(dst, "data: "...)
	dst = AppendHello(dst, h)
	return append(dst, '\n', '\n')
}

// AppendSSENotice appends a notice as an event of an enveloped stream.
func AppendSSENotice(dst []byte, n gateway.Notice) []byte {
	dst = appendSSEID(dst, n.Cursor)
	dst = append(dst, "data: "...)
	dst = AppendNotice(dst, n)
	return append(dst, '\n', '\n')
}

// AppendSSERawHello appends a raw event stream's first event: it says where the follower begins, and is not dispatched.
func AppendSSERawHello(dst []byte, h Hello) []byte { return append(appendSSEID(dst, h.Cursor), '\n') }

// AppendSSERawNotice appends a notice as an event of a raw stream. A ping only moves the id, and nothing says NoticeLive.
func AppendSSERawNotice(dst []byte, n gateway.Notice) []byte {
	switch n.Kind {
	case gateway.NoticeLive:
		return dst
	case gateway.NoticePing:
		dst = appendSSEID(dst, n.Cursor)
	case gateway.NoticeGap:
		dst = appendSSEID(dst, n.Cursor)
		dst = append(dst, "event: tidings.gap\ndata: "...)
		dst = appendGap(dst, n)
		dst = append(dst, '\n')
	case gateway.NoticeDeleted:
		dst = appendSSEID(dst, n.Cursor)
		dst = append(dst, "event: tidings.deleted\ndata: "...)
		dst = appendDeleted(dst, n.Topic, n.To)
		dst = append(dst, '\n')
	}
	return append(dst, '\n')
}

// AppendSSEBye appends an enveloped event stream's last event. An EventSource comes back by itself, after retry. At is where it is then;
// the zero cursor leaves it where it was.
func AppendSSEBye(dst []byte, b transport.Bye, at gateway.Cursor) []byte {
	dst = appendSSERetry(dst, b)
	if at.Epoch != "" {
		dst = appendSSEID(dst, at)
	}
	dst = append(dst, "data: "...)
	dst = AppendBye(dst, b)
	return append(dst, '\n', '\n')
}

// AppendSSERawBye appends a raw event stream's last event. At is as for [AppendSSEBye].
func AppendSSERawBye(dst []byte, b transport.Bye, at gateway.Cursor) []byte {
	dst = appendSSERetry(dst, b)
	if at.Epoch != "" {
		dst = appendSSEID(dst, at)
	}
	dst = append(dst, "event: tidings.bye\ndata: "...)
	dst = appendByeMembers(dst, b)
	return append(dst, '\n', '\n')
}

func appendSSERetry(dst []byte, b transport.Bye) []byte {
	if b.RetryMS <= 0 {
		return dst
	}
	dst = append(dst, "retry: "...)
	dst = strconv.AppendInt(dst, int64(b.RetryMS), 10)
	return append(dst, '\n')
}
