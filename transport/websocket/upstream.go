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

// obeyOne does what a client asks for and answers it. It returns false if text is nothing that the wire allows.
func (t *talk) obeyOne(text []byte) bool {
	var r request
	if err := json.Unmarshal(text, &r); err != nil {
		return false
	}
	upstream := t.rights()
	switch {
	case r.Follow == nil && r.Unfollow == nil && r.Publish == nil && r.Token == nil:
		if r.Ping {
			t.ack(r.ID, nil)
		}
	case upstream == nil:
		t.refuse(r.ID, forbidden)
	case r.Follow != nil:
		t.follow(upstream, &r)
	case r.Unfollow != nil:
		t.unfollow(&r)
	case r.Publish != nil:
		t.ack(r.ID, upstream.Publish(r.Publish))
	case r.Token != nil:
		t.token(upstream, &r)
	}
	return true
}

// token replaces the client's rights, if the token has any.
func (t *talk) token(upstream transport.Upstream, r *request) {
	with, refusal := upstream.Token(*r.Token)
	if refusal != nil {
		t.refuse(r.ID, refusal)
		return
	}
	t.mu.Lock()
	t.upstream = with
	t.mu.Unlock()
	t.ack(r.ID, nil)
}

// The refusals that are not the server's.
var (
	forbidden     = &transport.Refusal{Code: "forbidden", Status: 403, Detail: "nothing may be sent up this connection"}
	tooManyTopics = &transport.Refusal{Code: "too_many_topics", Status: 400, Detail: gateway.ErrTooManyTopics.Error()}
)

func (t *talk) follow(upstream transport.Upstream, r *request) {
	for i := range r.Follow {
		if r.Follow[i].Since == "" {
			r.Follow[i].Since = "now"
		}
	}
	follows, refusal := upstream.Admit(r.Follow)
	if refusal != nil {
		t.refuse(r.ID, refusal)
		return
	}
	var err error
	t.ask(func() (room bool) {
		room, err = t.peer.Add(follows, func(at gateway.Cursor) []byte {
			return ack(r.ID, append(at.Append([]byte(`"at":"`)), '"'))
		})
		return room
	})
	if err != nil { // there is no other reason
		t.refuse(r.ID, tooManyTopics)
	}
}

func (t *talk) unfollow(r *request) {
	patterns := make([]gateway.Pattern, 0, len(r.Unfollow))
	for _, text := range r.Unfollow {
		pattern, err := gateway.ParsePattern(text)
		if err != nil {
			t.refuse(r.ID, &transport.Refusal{Code: "invalid_topic", Status: 400, Detail: err.Error()})
			return
		}
		patterns = append(patterns, pattern)
	}
	t.ask(func() bool { return t.peer.Remove(patterns, ack(r.ID, nil)) })
}

func (t *talk) ack(i id, members []byte) { t.reply(ack(i, members)) }

func (t *talk) refuse(i id, r *transport.Refusal) {
	text, _ := json.Marshal(r) // strings and a number always marshal
	t.ack(i, append([]byte(`"error":`), text...))
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
