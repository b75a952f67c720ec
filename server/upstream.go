package server

import (
	"crypto/rand"
	"encoding/json"

	"tidings/fallback"
	"tidings/gateway"
	"tidings/transport"
)

// upstream serves what WebSockets send up that have the same rights. It never changes.
type upstream struct {
	server   *Server
	loopback bool
	client   fallback.Client
	grant    grant
}

var _ transport.Upstream = (*upstream)(nil)

// rights tell upstreams apart.
type rights struct {
	scope    string
	publish  bool
	loopback bool
	client   fallback.Client
}

// upstreamFor returns the one upstream of a grant. There are as many as there are credentials, and ranges of addresses that rules of the
// ladder are for.
func (s *Server) upstreamFor(g grant, client fallback.Client, loopback bool) transport.Upstream {
	key := rights{g.scope, g.publish == nil, loopback, client}
	if have, ok := s.upstreams.Load(key); ok {
		return have.(*upstream)
	}
	have, _ := s.upstreams.LoadOrStore(key, &upstream{server: s, loopback: loopback, client: client, grant: g})
	return have.(*upstream)
}

// Publish implements [transport.Upstream].
func (u *upstream) Publish(item []byte) []byte {
	if u.grant.publish != nil {
		return u.refuse(u.grant.publish)
	}
	receipt, p := u.server.publishItem(u.server.ctx, item, u.grant.scope)
	if p != nil {
		return u.refuse(p)
	}
	body := appendReceipt(make([]byte, 0, 192), &receipt, 0)
	return body[1 : len(body)-1]
}

// Token implements [transport.Upstream]. A wrong token leaves the rights as they were.
func (u *upstream) Token(token string) (transport.Upstream, *transport.Refusal) {
	scope, p := u.server.doors.publisher(token, u.loopback)
	if p != nil {
		u.server.counters.refused(p.kind)
		return nil, p.refusal()
	}
	return u.server.upstreamFor(grant{scope: scope}, u.client, u.loopback), nil
}

// Admit implements [transport.Upstream].
func (u *upstream) Admit(items []transport.FollowItem) ([]gateway.Follow, *transport.Refusal) {
	follows, err := u.server.followsOf(nil, items, transport.WebSocket, "")
	if err == nil && len(follows) == 0 {
		err = badRequest.of("there is no topic to follow")
	}
	if err == nil {
		_, err = u.server.ladder.Choose(fallback.Wish{Upgrade: true}, u.server.ladder.Rungs(u.client, items))
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
