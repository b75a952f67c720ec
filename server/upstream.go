package server

import (
	"crypto/rand"
	"encoding/json"
	"sync"

	"tidings/gateway"
	"tidings/transport"
)

// upstream serves what one WebSocket sends up, with the rights it was admitted with, and those of a token it sends later.
type upstream struct {
	server   *Server
	loopback bool

	mu    sync.Mutex // guards grant
	grant grant
}

var _ transport.Upstream = (*upstream)(nil)

// Publish implements [transport.Upstream].
func (u *upstream) Publish(item []byte) []byte {
	u.mu.Lock()
	g := u.grant
	u.mu.Unlock()
	if g.publish != nil {
		return u.refuse(g.publish)
	}
	receipt, p := u.server.publishItem(u.server.ctx, item, g.scope, "")
	if p != nil {
		return u.refuse(p)
	}
	body, _ := json.Marshal(bodyOf(receipt)) // strings and numbers always marshal
	return body[1 : len(body)-1]
}

// Token implements [transport.Upstream]. A wrong token leaves the rights as they were.
func (u *upstream) Token(token string) []byte {
	scope, p := u.server.doors.publisher(token, u.loopback)
	if p != nil {
		return u.refuse(p)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.grant = grant{scope: scope}
	return nil
}

// Admit implements [transport.Upstream].
func (u *upstream) Admit(items []transport.FollowItem) ([]gateway.Follow, *transport.Refusal) {
	follows, err := u.server.followsOf(items, transport.WebSocket, "")
	if err == nil && len(follows) == 0 {
		err = badRequest.of("there is no topic to follow")
	}
	if err != nil {
		p := problemOf(err)
		u.server.counters.refused(p.kind)
		return nil, p.refusal()
	}
	return follows, nil
}

func (u *upstream) refuse(p *problem) []byte {
	u.server.counters.refused(p.kind)
	body, _ := json.Marshal(struct {
		Error *transport.Refusal `json:"error"`
	}{p.refusal()}) // strings and numbers always marshal
	return body[1 : len(body)-1]
}

// newSession returns a label of at least 128 random bits.
func newSession() string { return rand.Text() }
