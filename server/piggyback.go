package server

import (
	"encoding/json"

	"tidings/transport"
	"tidings/transport/poll"
)

// piggyback appends to the members of dst, the answer to a write, what its client would have polled for next: the answer to a poll,
// where the query says what to follow. It is read behind what was written. A follow that is refused undoes nothing: then the member says
// why.
func (s *Server) piggyback(c *call, dst []byte) []byte {
	if c.r.URL.RawQuery == "" {
		return dst
	}
	v := visit{inquiry: inquiry{entry: c.entry}}
	v.inquiry.entry.right = toFollow
	err := v.readPiggyback(c.r.URL.RawQuery)
	if err == nil && len(v.asked.Follow) == 0 {
		return dst
	}
	dst = append(dst, `,"follow":`...)
	if err == nil {
		err = s.plan(&v)
	}
	if err != nil {
		p := problemOf(err)
		s.refused(c.r, p)
		refusal, _ := json.Marshal(struct {
			Error *transport.Refusal `json:"error"`
		}{p.refusal()}) // strings and numbers always marshal
		return append(dst, refusal...)
	}
	s.note(&v)
	return poll.Append(dst, &v.request)
}

// readPiggyback is read for what the query of a write asks to be told.
func (v *visit) readPiggyback(query string) error {
	var err error
	if v.params, err = parseParams(nil, query); err != nil {
		return badRequest.of("the query cannot be parsed: " + err.Error())
	}
	p, a := v.params, &v.asked
	a.Session, a.Limit = p.get("session"), scalar(p.get("limit")) // no n: it says nothing of what else the client has open
	for i := range p {
		if p[i].name == "follow" {
			a.Follow = append(a.Follow, transport.FollowItem{Topic: p[i].value})
		}
	}
	return p.begin(a.Follow)
}
