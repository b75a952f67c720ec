package client

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"tidings/gateway"
	"tidings/transport"
)

// object is one object of the wire: an envelope, or one of the others. Members that it does not know are ignored.
type object struct {
	Topic  string          `json:"topic"`
	Seq    uint64          `json:"seq"`
	Prev   uint64          `json:"prev"`
	Time   int64           `json:"time"`
	Event  string          `json:"event"`
	Type   string          `json:"type"`
	Key    string          `json:"key"`
	Latest bool            `json:"latest"`
	Data   json.RawMessage `json:"data"`
	Data64 *string         `json:"data64"`

	Hello   *hello         `json:"hello"`
	Gap     *Gap           `json:"gap"`
	Live    *Live          `json:"live"`
	Deleted *Deleted       `json:"deleted"`
	Ping    *ping          `json:"ping"`
	Bye     *transport.Bye `json:"bye"`

	// page begins or ends a poll's answer; it never comes over the wire by itself.
	page *page
}

type hello struct {
	Epoch  string          `json:"epoch"`
	Cursor string          `json:"cursor"`
	PingMS int             `json:"ping_ms"`
	Offer  transport.Offer `json:"offer"`
	Node   string          `json:"node"`
}

type ping struct {
	Cursor string `json:"cursor"`
}

// page is what a poll's answer says beside its items.
type page struct {
	Cursor string            `json:"cursor"`
	Items  []json.RawMessage `json:"items"`
	More   bool              `json:"more"`
	PollMS int               `json:"poll_ms"`
	Offer  transport.Offer   `json:"offer"`
	first  bool              // the items follow; else they have been
}

// parseObject reads one object. An object without anything that is known is no mistake: it is to be ignored.
func parseObject(text []byte) (object, error) {
	var o object
	if err := json.Unmarshal(text, &o); err != nil {
		return object{}, fmt.Errorf("%w: what came is no object: %w", ErrUnreachable, err)
	}
	return o, nil
}

// message reads an envelope; nil if the object is none.
func (o *object) message(epoch string) (*Message, error) {
	if o.Topic == "" || o.Seq == 0 {
		return nil, nil
	}
	m := &Message{
		Topic: o.Topic, Seq: o.Seq, Prev: o.Prev, Time: time.UnixMilli(o.Time), Event: o.Event, Key: o.Key, Type: o.Type,
		Latest: o.Latest, Cursor: gateway.Cursor{Epoch: epoch, Seq: o.Seq}.String(),
	}
	switch {
	case o.Data64 != nil:
		data, err := base64.StdEncoding.DecodeString(*o.Data64)
		if err != nil {
			return nil, fmt.Errorf("%w: message %d has no base64: %w", ErrUnreachable, o.Seq, err)
		}
		m.Data = data
	case len(o.Data) > 0 && o.Data[0] == '"':
		var text string
		if err := json.Unmarshal(o.Data, &text); err != nil {
			return nil, fmt.Errorf("%w: message %d has no text: %w", ErrUnreachable, o.Seq, err)
		}
		m.Data = []byte(text)
		if m.Type == "" {
			m.Type = "text/plain; charset=utf-8"
		}
	default:
		m.Data = o.Data
		if m.Type == "" {
			m.Type = "application/json"
		}
	}
	return m, nil
}
