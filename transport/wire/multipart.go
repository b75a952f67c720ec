package wire

import (
	"bytes"
	"encoding/base64"
	"strconv"

	"tidings/gateway"
	"tidings/transport"
)

// Boundary is the boundary of every multipart stream. It is a constant because the parts are shared by all streams.
const Boundary = "tidings"

// MultipartOpening opens a multipart body. From then on each part ends with the delimiter of the next one, so that it is
// complete as soon as it arrives.
const MultipartOpening = "--" + Boundary + "\r\n"

const (
	delimiter = "\r\n--" + Boundary
	nextPart  = delimiter + "\r\n"
	lastPart  = delimiter + "--\r\n"
)

// MultipartRaw is a message as a part of multipart/mixed whose body is what was published.
var MultipartRaw = &gateway.Format{Name: "multipart.raw", Append: func(dst []byte, m *gateway.Message) []byte {
	return settle(dst, m, func(dst []byte, m *gateway.Message) []byte {
		if m.Deleted {
			return appendDeletedPart(dst, m)
		}
		return appendRawPart(dst, m)
	})
}}

// MultipartEnvelope is a message as a part of multipart/mixed or multipart/x-mixed-replace whose body is the envelope.
var MultipartEnvelope = &gateway.Format{Name: "multipart.envelope", Append: func(dst []byte, m *gateway.Message) []byte {
	return settle(dst, m, func(dst []byte, m *gateway.Message) []byte {
		if m.Deleted {
			return appendDeletedPart(dst, m)
		}
		return appendEnvelopePart(dst, m)
	})
}}

// ReplaceRaw is a message as a part of multipart/x-mixed-replace whose body is what was published. What is no message has no
// part: a browser would show it in the picture's place.
var ReplaceRaw = &gateway.Format{Name: "replace.raw", Append: func(dst []byte, m *gateway.Message) []byte {
	if m.Deleted {
		return dst
	}
	return settle(dst, m, appendRawPart)
}}

// The multipart formats with chunk heads.
var (
	MultipartRawChunked      = chunked(MultipartRaw)
	MultipartEnvelopeChunked = chunked(MultipartEnvelope)
	ReplaceRawChunked        = chunked(ReplaceRaw)
)

func appendRawPart(dst []byte, m *gateway.Message) []byte {
	dst = append(dst, "Content-Type: "...)
	dst = appendFieldValue(dst, m.Type, false)
	if m.Event != "" {
		dst = append(dst, "\r\nTidings-Event: "...)
		dst = appendFieldValue(dst, m.Event, true)
	}
	if m.Key != "" {
		dst = append(dst, "\r\nTidings-Key: "...)
		dst = appendFieldValue(dst, m.Key, true)
	}
	// A payload that holds the delimiter would end its own part and could begin others in the gateway's name.
	if holdsDelimiter(m.Data) {
		dst = append(dst, "\r\nContent-Transfer-Encoding: base64"...)
		dst = appendPartHead(dst, m.Cursor(), base64.StdEncoding.EncodedLen(len(m.Data)))
		dst = base64.StdEncoding.AppendEncode(dst, m.Data)
	} else {
		dst = appendPartHead(dst, m.Cursor(), len(m.Data))
		dst = append(dst, m.Data...)
	}
	return append(dst, nextPart...)
}

func appendEnvelopePart(dst []byte, m *gateway.Message) []byte {
	envelope := m.Encoded(Envelope)
	dst = append(dst, "Content-Type: application/json"...)
	dst = appendPartHead(dst, m.Cursor(), len(envelope))
	dst = append(dst, envelope...)
	return append(dst, nextPart...)
}

// appendPartHead appends the fields that every message's part ends its head with, and the empty line.
func appendPartHead(dst []byte, at gateway.Cursor, length int) []byte {
	dst = append(dst, "\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(length), 10)
	dst = append(dst, "\r\nTidings-Cursor: "...)
	dst = at.Append(dst)
	return append(dst, "\r\n\r\n"...)
}

// holdsDelimiter reports whether a part with the body data could end early. The line break that belongs to a delimiter may
// be the one before the body (RFC 2046 section 5.1.1), and some readers take a bare line feed for one.
func holdsDelimiter(data []byte) bool {
	const dashed = "--" + Boundary
	return bytes.HasPrefix(data, []byte(dashed)) || bytes.Contains(data, []byte("\n"+dashed))
}

// appendFieldValue appends s as a header field's value: bytes outside of printable ASCII are percent-encoded, and "%"
// with them where the reader is to decode the value.
func appendFieldValue(dst []byte, s string, percent bool) []byte {
	for _, b := range []byte(s) {
		if b < ' ' || b >= 0x7f || percent && b == '%' {
			dst = append(dst, '%', upperHex[b>>4], upperHex[b&15])
			continue
		}
		dst = append(dst, b)
	}
	return dst
}

const upperHex = "0123456789ABCDEF"

func appendDeletedPart(dst []byte, m *gateway.Message) []byte {
	return appendNoticePart(dst, "deleted", m.Encoded(Envelope), nextPart)
}

// appendNoticePart appends an object other than a message as a part of multipart/mixed.
func appendNoticePart(dst []byte, name string, object []byte, end string) []byte {
	dst = append(dst, "Content-Type: application/json\r\nTidings-Notice: "...)
	dst = append(dst, name...)
	dst = append(dst, "\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(object)), 10)
	dst = append(dst, "\r\n\r\n"...)
	dst = append(dst, object...)
	return append(dst, end...)
}

// AppendMultipartHello appends the first part of multipart/mixed.
func AppendMultipartHello(dst []byte, h Hello) []byte {
	return appendNoticePart(dst, "hello", AppendHello(nil, h), nextPart)
}

// noticeNames are the names of notices by their kind.
var noticeNames = [...]string{
	gateway.NoticeGap: "gap", gateway.NoticeLive: "live", gateway.NoticeDeleted: "deleted", gateway.NoticePing: "ping",
}

// AppendMultipartNotice appends a notice as a part of multipart/mixed.
func AppendMultipartNotice(dst []byte, n gateway.Notice) []byte {
	return appendNoticePart(dst, noticeNames[n.Kind], AppendNotice(nil, n), nextPart)
}

// AppendMultipartBye appends the last part of multipart/mixed and the end of the body.
func AppendMultipartBye(dst []byte, b transport.Bye) []byte {
	return appendNoticePart(dst, "bye", AppendBye(nil, b), lastPart)
}
