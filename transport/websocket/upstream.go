package websocket

import (
	"encoding/json"
	"errors"

	"tidings/gateway"
	"tidings/transport"
)

// request is one object that a client sends up (docs/wire.md). Members that are not known are ignored, and so is an object
// that has none of these.
type request struct {
	ID       id                     `json:"id"`
	Follow   []transport.FollowItem `json:"follow"`
	Unfollow []string               `json:"unfollow"`
	Publish  json.RawMessage        `json:"publish"`
	Ping     bool                   `json:"ping"`
	Token    *string                `json:"token"`
}

// id is a number or a string as it was written, or empty.
type id json.RawMessage

var errID = errors.New("an id is a number or a string")

// UnmarshalJSON implements [json.Unmarshaler].
func (i *id) UnmarshalJSON(b []byte) error {
	if c := b[0]; c != '"' && c != '-' && (c < '0' || c > '9') {
		return errID
	}
	*i = append((*i)[:0], b...)
	return nil
}

// obey does what a client asks for and answers it. It returns false if text is nothing that the wire allows.
func (e *ears) obey(text []byte) bool {
	var r request
	if err := json.Unmarshal(text, &r); err != nil {
		return false
	}
	switch {
	case r.Follow != nil:
		e.follow(&r)
	case r.Unfollow != nil:
		e.unfollow(&r)
	case r.Publish != nil:
		if e.upstream == nil {
			e.refuse(r.ID, forbidden)
			break
		}
		e.ack(r.ID, e.upstream.Publish(r.Publish))
	case r.Ping:
		e.ack(r.ID, nil)
	case r.Token != nil:
		if e.upstream == nil {
			e.refuse(r.ID, forbidden)
			break
		}
		e.ack(r.ID, e.upstream.Token(*r.Token))
	}
	return true
}

// The refusals that are not the server's.
var (
	forbidden     = &transport.Refusal{Code: "forbidden", Status: 403, Detail: "nothing may be sent up this connection"}
	tooManyTopics = &transport.Refusal{Code: "too_many_topics", Status: 400, Detail: gateway.ErrTooManyTopics.Error()}
)

func (e *ears) follow(r *request) {
	if e.upstream == nil {
		e.refuse(r.ID, forbidden)
		return
	}
	for i := range r.Follow {
		if r.Follow[i].Since == "" {
			r.Follow[i].Since = "now"
		}
	}
	follows, refusal := e.upstream.Admit(r.Follow)
	if refusal != nil {
		e.refuse(r.ID, refusal)
		return
	}
	err := e.follower.Add(follows, func(at gateway.Cursor) []byte {
		return ack(r.ID, append(at.Append([]byte(`"at":"`)), '"'))
	})
	if err != nil { // there is no other reason
		e.refuse(r.ID, tooManyTopics)
	}
}

func (e *ears) unfollow(r *request) {
	if e.upstream == nil {
		e.refuse(r.ID, forbidden)
		return
	}
	patterns := make([]gateway.Pattern, 0, len(r.Unfollow))
	for _, text := range r.Unfollow {
		pattern, err := gateway.ParsePattern(text)
		if err != nil {
			e.refuse(r.ID, &transport.Refusal{Code: "invalid_topic", Status: 400, Detail: err.Error()})
			return
		}
		patterns = append(patterns, pattern)
	}
	e.follower.Remove(patterns, ack(r.ID, nil))
}

func (e *ears) ack(i id, members []byte) { e.follower.Reply(ack(i, members)) }

func (e *ears) refuse(i id, r *transport.Refusal) {
	text, _ := json.Marshal(r) // strings and a number always marshal
	e.ack(i, append([]byte(`"error":`), text...))
}

// ack returns the frame of {"ack":{…}} with further members.
func ack(i id, members []byte) []byte {
	text := []byte(`{"ack":{`)
	if len(i) > 0 {
		text = append(append(text, `"id":`...), i...)
		if len(members) > 0 {
			text = append(text, ',')
		}
	}
	text = append(append(text, members...), '}', '}')
	return appendFrame(nil, opText, text)
}
