package gateway

import (
	"encoding/json"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"tidings/gateway/journal"
)

// Body says what a message's payload is, and so how an envelope shows it.
type Body uint8

// The kinds of payload.
const (
	BodyBytes Body = iota // any bytes
	BodyText              // a text/* type and valid UTF-8
	BodyJSON              // application/json or …+json, valid JSON
)

// Message is one message of the log. It is immutable: everybody who reads it shares it.
type Message struct {
	Topic   string
	Type    string // media type of Data as published
	Event   string
	Key     string
	Data    []byte
	Seq     uint64
	Prev    uint64 // seq of the message before it in the topic, 0 if none; see docs/wire.md
	Time    int64  // milliseconds since 1970
	Expires int64  // milliseconds since 1970, 0 for never
	Body    Body
	Latest  bool // its topic conflates: older messages may be skipped on purpose
	Deleted bool // a marker: the topic's history up to and including Seq is dropped

	log     *logState
	byKey   bool          // its topic conflates by key
	reborn  bool          // its topic had no state: prev is the floor, not a message
	arrived time.Duration // when it was applied, by the log's monotonic clock

	// encodings is a list that only grows; see [Message.Encoded].
	encodings atomic.Pointer[encoding]
}

// Cursor returns the position just after the message.
func (m *Message) Cursor() Cursor { return Cursor{Epoch: m.log.epoch, Seq: m.Seq} }

// size is what the message costs while it is retained.
func (m *Message) size() int64 {
	return int64(len(m.Topic)+len(m.Type)+len(m.Event)+len(m.Key)+len(m.Data)) + messageOverhead
}

// NewMessage returns the message that a record makes in a log of the given epoch, behind the message prev of its topic. The
// gateway makes its own; this one is for trying formats on.
func NewMessage(epoch string, prev uint64, r *journal.Record) *Message {
	m := newMessage(r, &logState{epoch: epoch})
	m.Prev = prev
	return m
}

func newMessage(r *journal.Record, log *logState) *Message {
	m := &Message{
		Topic: r.Topic, Type: r.Type, Event: r.Event, Key: r.Key, Data: r.Data, Seq: r.Seq, Time: r.Time,
		Body: classify(r.Type, r.Data), Deleted: r.Kind == journal.Deletion, log: log,
	}
	if r.TTL > 0 {
		// A begun millisecond counts whole.
		m.Expires = r.Time + int64((r.TTL-1)/time.Millisecond) + 1
	}
	return m
}

// classify tells how an envelope shows data. JSON was proved valid when it was published.
func classify(mediaType string, data []byte) Body {
	base, err := BaseType(mediaType)
	switch {
	case err != nil:
		return BodyBytes
	case isJSON(base):
		return BodyJSON
	case strings.HasPrefix(base, "text/") && utf8.Valid(data):
		return BodyText
	}
	return BodyBytes
}

func isJSON(base string) bool { return base == "application/json" || strings.HasSuffix(base, "+json") }

// mediaTypeOf fills in and checks the type of a payload that is about to be published.
func mediaTypeOf(mediaType string, data []byte) (string, error) {
	if mediaType == "" {
		if utf8.Valid(data) {
			return "text/plain; charset=utf-8", nil
		}
		return "application/octet-stream", nil
	}
	base, err := BaseType(mediaType)
	// ParseMediaType takes a bare word, and line breaks between parameters: no header may have those.
	if err != nil || !strings.Contains(base, "/") || !isLabel(mediaType) {
		return "", ErrType
	}
	if isJSON(base) && (!utf8.Valid(data) || !json.Valid(data)) {
		return "", ErrJSON
	}
	return mediaType, nil
}
