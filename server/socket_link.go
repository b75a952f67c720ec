package server

import (
	"tidings/fallback"
	"tidings/gateway/socket"
	"tidings/transport"
	"tidings/transport/park"
	"tidings/transport/websocket"
)

// linkSocket answers an upgrade to a WebSocket that carries a socket which can move. What is refused behind a right handshake is said on the
// WebSocket, for a page sees no status.
func (s *Server) linkSocket(c *call, path *socket.Path, query, ours string, asked *websocket.Upgrade) error {
	if !asked.Links() {
		return badParameter.of("a socket that can move is asked for with the subprotocol " + websocket.SocketProtocol)
	}
	v := &socketVisit{path: path, query: query}
	err := s.planLink(c, v, ours)
	if err == nil {
		err = s.link(c, v, asked)
	}
	if err == nil {
		return nil
	}
	p := problemOf(err)
	bye, said := byeOf(p)
	if !said || c.w.status != 0 {
		return p
	}
	s.refused(c.r, p)
	c.w.status, err = asked.Refuse(park.HTTP(c.w.ResponseWriter, c.r), bye)
	return err
}

// planLink decides whether a WebSocket may carry a socket.
func (s *Server) planLink(c *call, v *socketVisit, ours string) (err error) {
	a := &v.ask
	if *a, err = s.readSocket(ours); err != nil {
		return err
	}
	q := inquiryOf(c)
	rungs := s.ladder.Rungs(s.clientOf(&q), nil)
	v.offer = s.ladder.OfferTo(rungs, fallback.QuirksOf(q.userAgent))
	if v.choice, err = s.ladder.Choose(fallback.Wish{Transport: transport.WebSocket.String()}, rungs); err != nil {
		return err
	}
	e := &c.entry
	e.kind, e.offer = v.choice.Kind, v.offer
	if _, refused := s.admit(e); refused != nil {
		return refused
	}
	if refused := s.room(e); refused != nil {
		return refused
	}
	return nil
}

// link has a WebSocket that was let in carry its socket.
func (s *Server) link(c *call, v *socketVisit, asked *websocket.Upgrade) error {
	a := &v.ask
	o := &socket.Opening{
		Path: v.path, Request: s.socketRequest(c.r, v.query, asked.Others()), ID: a.id, Resume: a.resumes(), Epoch: a.at.Epoch, Since: a.at.Seq,
		Number: a.number, Transport: transport.WebSocket.String(), Ping: a.ping(),
	}
	to, err := s.sockets.Open(o)
	if err != nil {
		return err
	}
	if o.Resume {
		to.Acked(o.Since)
	}
	if a.From != "" {
		s.record.Stepped(a.From, transport.WebSocket, a.Cause)
	}
	offer := v.offer
	if offer.Cheaper != nil && s.press.Level() != fallback.Normal {
		offer = ownPolls(offer.Cheaper)
	}
	c.w.status, err = asked.Link(park.HTTP(c.w.ResponseWriter, c.r), to, o, websocket.LinkTerms{Offer: *offer, Node: s.options.Node})
	return err
}
