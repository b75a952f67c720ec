package park

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Field is a header field of an answer.
type Field struct{ Name, Value string }

// Head is the part of an answer's head that is the same for all answers of one sort. It is written once a second, because of the
// date, and shared. Make it with [NewHead], once for each sort.
type Head struct {
	fields []Field
	text   atomic.Pointer[dated]
}

// dated is a head's text in one second.
type dated struct {
	at   int64
	head *byte // of a Whole: the head that it begins with
	text []byte
}

// NewHead returns the head with the given fields. Those that frame the body are this package's to say.
func NewHead(fields ...Field) *Head { return &Head{fields: fields} }

// start returns the status line 200 and the header up to what is one answer's own.
func (h *Head) start() []byte {
	now := time.Now()
	if t := h.text.Load(); t != nil && t.at == now.Unix() {
		return t.text
	}
	b := appendStatus(nil, http.StatusOK)
	b = appendFields(b, h.fields)
	b = appendDate(b, now)
	h.text.Store(&dated{at: now.Unix(), text: b})
	return b
}

func appendStatus(dst []byte, status int) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, ' ')
	dst = append(dst, http.StatusText(status)...)
	return append(dst, "\r\n"...)
}

func appendDate(dst []byte, now time.Time) []byte {
	dst = append(dst, "Date: "...)
	dst = now.UTC().AppendFormat(dst, http.TimeFormat)
	return append(dst, "\r\n"...)
}

// breaks are what would end a field.
var breaks = strings.NewReplacer("\r", " ", "\n", " ")

func appendFields(dst []byte, fields []Field) []byte {
	for _, f := range fields {
		dst = append(dst, f.Name...)
		dst = append(dst, ": "...)
		if strings.ContainsAny(f.Value, "\r\n") {
			f.Value = breaks.Replace(f.Value)
		}
		dst = append(dst, f.Value...)
		dst = append(dst, "\r\n"...)
	}
	return dst
}

// The ends of the heads of bodies that end with their connection.
var (
	endChunked = []byte("Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
	endBare    = []byte("Connection: close\r\n\r\n")
)

// stream returns the head of an answer whose body ends with its connection.
func (h *Head) stream(own []Field, chunked bool) [][]byte {
	end := endBare
	if chunked {
		end = endChunked
	}
	if len(own) == 0 {
		return [][]byte{h.start(), end}
	}
	return [][]byte{h.start(), appendFields(nil, own), end}
}

// head appends the own part of a reply's head to dst and returns what precedes it, if that is shared.
func (r *Reply) head(dst []byte, own []Field, last bool) (shared, rest []byte) {
	if r.Status == 0 || r.Status == http.StatusOK {
		shared = r.Head.start()
	} else {
		dst = appendStatus(dst, r.Status)
		for _, f := range r.Head.fields {
			if r.Status != http.StatusNotModified || f.Name != "Content-Type" { // of a body that is not there
				dst = appendFields(dst, []Field{f})
			}
		}
		dst = appendDate(dst, time.Now())
	}
	dst = appendFields(dst, own)
	dst = appendFields(dst, r.Fields)
	if last {
		dst = append(dst, "Connection: close\r\n"...)
	}
	if r.Status != http.StatusNotModified {
		dst = append(dst, "Content-Length: "...)
		dst = strconv.AppendInt(dst, int64(size(r.Parts)), 10)
		dst = append(dst, "\r\n"...)
	}
	return shared, append(dst, "\r\n"...)
}

// Whole remembers a reply, head and all, in one piece: many get the same one, and one piece goes out for less than three. It holds for a
// second, because of the date. The zero value remembers nothing.
type Whole struct{ text atomic.Pointer[dated] }

// wholeBytes bounds what is remembered.
const wholeBytes = 64 << 10

// whole returns the reply in one piece, for a connection that goes on; nil if it is not to be had so.
func (r *Reply) whole() []byte {
	if r.Whole == nil || r.Status > http.StatusOK {
		return nil
	}
	start := r.Head.start()
	if t := r.Whole.text.Load(); t != nil && t.head == &start[0] {
		return t.text
	}
	if size(r.Parts) > wholeBytes {
		return nil
	}
	_, rest := r.head(nil, nil, false)
	b := append(append(make([]byte, 0, len(start)+len(rest)+size(r.Parts)), start...), rest...)
	for _, p := range r.Parts {
		b = append(b, p...)
	}
	r.Whole.text.Store(&dated{head: &start[0], text: b})
	return b
}

// framing holds the fields that only the one who frames the body can say.
var framing = map[string]bool{
	"Connection": true, "Content-Length": true, "Date": true, "Keep-Alive": true, "Trailer": true, "Transfer-Encoding": true,
}

// fieldsOf lists what a handler has set already.
func fieldsOf(header http.Header) (fields []Field) {
	for name, values := range header {
		if framing[name] {
			continue
		}
		for _, value := range values {
			fields = append(fields, Field{name, value})
		}
	}
	return fields
}

// put sets fields in dst. Vary adds up, for both sides speak of what they looked at; of anything else there is one.
func put(dst http.Header, fields []Field) {
	for _, f := range fields {
		if f.Name == "Vary" {
			dst.Add(f.Name, f.Value)
		} else {
			dst.Set(f.Name, f.Value)
		}
	}
}
