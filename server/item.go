package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"strings"

	"tidings/gateway"
)

// item is a message within something larger: an element of a batch, or what a WebSocket publishes.
type item struct {
	Topic          string          `json:"topic"`
	Data           json.RawMessage `json:"data"`
	Data64         *string         `json:"data64"`
	Type           string          `json:"type"`
	Event          string          `json:"event"`
	Key            string          `json:"key"`
	TTL            scalar          `json:"ttl"`
	IdempotencyKey string          `json:"idempotency_key"`
	IfMatch        string          `json:"if_match"`

	base64 []byte // data64 as it was read without encoding/json; nil: there is none, or it is in Data64
}

// readItem reads an item. Its data may be a piece of raw; its draft has a copy.
func readItem(raw []byte, known *texts) (item, *problem) {
	if i, ok := quickItem(raw, known); ok {
		return i, nil
	}
	var i item
	if err := json.Unmarshal(raw, &i); err != nil {
		return i, badRequest.of("the item cannot be read: " + jsonMistake(err))
	}
	return i, nil
}

// itemBytes bounds the text of an item: base64 makes four bytes of three, and JSON's escapes two of one, seldom more.
func (s *Server) itemBytes() int { return 4*s.options.MessageBytes + headBytes }

// draft is the message that an item asks for.
func (i *item) draft() (gateway.Draft, error) {
	d := gateway.Draft{Topic: i.Topic, Type: i.Type, Event: i.Event, Key: i.Key}
	if err := gateway.CheckTopic(i.Topic); err != nil {
		return d, err
	}
	var err error
	if d.Data, d.Type, err = i.payload(); err != nil {
		return d, err
	}
	if d.TTL, err = parseTTL(string(i.TTL)); err != nil {
		return d, err
	}
	if d.IdempotencyKey, err = checkIdempotencyKey(i.IdempotencyKey); err != nil {
		return d, err
	}
	d.IfLast, err = parseIfMatch(i.IfMatch)
	return d, err
}

// payload returns an item's bytes and content type: data that is a string is text unless the type says JSON, any other data
// is JSON, and data64 is what its type says.
func (i *item) payload() ([]byte, string, error) {
	coded := i.base64
	if i.Data64 != nil {
		coded = []byte(*i.Data64)
	}
	switch {
	case i.Data != nil && coded != nil:
		return nil, "", badRequest.of("an item has data or data64, not both")
	case coded != nil:
		size := base64.StdEncoding.DecodedLen(len(coded))
		if len(coded)%4 == 0 {
			size -= min(2, bytes.Count(coded, []byte("="))) // a message may be kept for days: no room for what is padding
		}
		b := make([]byte, size)
		n, err := base64.StdEncoding.Decode(b, coded)
		if err != nil {
			return nil, "", badRequest.of("data64 is not standard base64 with padding")
		}
		return b[:n], i.Type, nil
	case i.Data == nil:
		return nil, "", badRequest.of("an item needs data or data64")
	case i.Data[0] == '"' && !saysJSON(i.Type):
		if text, ok := unquote(i.Data); ok {
			return text, i.Type, nil
		}
		var text string
		if err := json.Unmarshal(i.Data, &text); err != nil {
			return nil, "", err
		}
		return []byte(text), i.Type, nil
	case i.Type == "":
		return bytes.Clone(i.Data), "application/json", nil
	}
	return bytes.Clone(i.Data), i.Type, nil
}

func saysJSON(mediaType string) bool {
	base, _ := gateway.BaseType(mediaType) // what cannot be parsed is refused later
	return base == "application/json" || strings.HasSuffix(base, "+json")
}

// publishItem publishes an item for whoever has the scope.
func (s *Server) publishItem(ctx context.Context, raw []byte, scope string) (gateway.Receipt, *problem) {
	i, p := readItem(raw, nil)
	if p != nil {
		return gateway.Receipt{}, p
	}
	d, err := i.draft()
	if err == nil {
		d.Scope = scope
		var receipt gateway.Receipt
		if receipt, err = s.gateway.Publish(ctx, d); err == nil {
			return receipt, nil
		}
	}
	return gateway.Receipt{}, s.itemProblem(i.Topic, err)
}

// itemProblem says why an item was not published. It is not answered on its own, so that it is logged here.
func (s *Server) itemProblem(topic string, err error) *problem {
	p := problemOf(err)
	if p.kind == internalError {
		s.options.Logger.Error("publish", "topic", topic, "cause", err)
	}
	return p
}

// jsonMistake says what is wrong with JSON in words that do not name our types.
func jsonMistake(err error) string {
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if kind.Field != "" {
			return kind.Field + " is " + withArticle(kind.Value)
		}
		if kind.Type.Kind() == reflect.Slice {
			return "it is " + withArticle(kind.Value)
		}
		return "it is " + withArticle(kind.Value) + ", not an object"
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

// withArticle puts an article in front of what encoding/json calls a kind of value.
func withArticle(kind string) string {
	if strings.HasPrefix(kind, "object") || strings.HasPrefix(kind, "array") {
		return "an " + kind
	}
	return "a " + kind
}

// scalar is a string, number or boolean of JSON, as text: what in a query is always text.
type scalar string

// UnmarshalJSON takes null as empty.
func (s *scalar) UnmarshalJSON(b []byte) error {
	switch b[0] {
	case '"':
		return json.Unmarshal(b, (*string)(s))
	case '{', '[':
		return errors.New("an object or array where a number or text belongs")
	case 'n':
		*s = ""
	default:
		*s = scalar(b)
	}
	return nil
}
