package server

import (
	"cmp"
	"errors"
	"net/http"

	"tidings/fallback"
	"tidings/gateway/socket"
	"tidings/transport"
	"tidings/transport/downlink"
	"tidings/transport/park"
	"tidings/transport/wire"
)

// socketVisit is what becomes of a request of a socket that can move.
type socketVisit struct {
	path    *socket.Path
	query   string // what is the application's of it
	ask     socketAsk
	carries bool // the answer is a link; else the request only brings what its client sends
	choice  fallback.Choice
	offer   *transport.Offer
}

// socketHTTP answers a request of a socket that can move, but for an upgrade to WebSocket: it opens the socket or carries it on, gives it what
// the body brings, and answers with a link, or with an acknowledgement.
func (s *Server) socketHTTP(c *call, path *socket.Path, query, ours string) {
	v := &socketVisit{path: path, query: query}
	err := s.planSocket(c, v, ours)
	if err == nil {
		err = s.moveSocket(c, v)
	}
	if err != nil {
		if c.r.ContentLength != 0 {
			c.w.Header().Set("Connection", "close") // what is left of the body must not be taken for the next request
		}
		s.refuseSocket(c, v, problemOf(err))
	}
}

// planSocket decides how a request is served, or why it is not. What it finds is in v: the choice even where it is refused, as soon as that is
// known.
func (s *Server) planSocket(c *call, v *socketVisit, ours string) (err error) {
	var mistake error
	v.ask, mistake = s.readSocket(ours)
	a := &v.ask
	v.choice.Kind = transport.Poll
	v.carries = c.r.Method == http.MethodGet || a.Transport != ""
	q := inquiryOf(c)
	rungs := s.ladder.Rungs(s.clientOf(&q), nil)
	v.offer = s.ladder.OfferTo(rungs, fallback.QuirksOf(q.userAgent))
	var off error
	if v.carries {
		v.choice, off = s.ladder.Choose(fallback.Wish{Transport: a.Transport, Accept: q.accept, Wait: a.terms.wait > 0}, rungs)
	}
	if err := cmp.Or(mistake, off); err != nil {
		return err
	}
	switch {
	case c.r.Method != http.MethodGet && c.r.Method != http.MethodPost:
		p := methodNotAllowed.of("a socket is opened and carried on by GET and POST")
		p.allow = "GET, POST"
		return p
	case c.r.Method == http.MethodGet && c.r.ContentLength != 0:
		return badRequest.of("a GET has no body here; a POST has one") // its bytes would stay on the connection
	case v.choice.Kind == transport.WebSocket:
		return upgradeRequired.of("")
	case v.choice.Format == fallback.HTML:
		return badParameter.of("a socket has no forever iframe")
	}
	if last := q.resume(v.choice.Kind); last != "" {
		// An EventSource that comes back by itself asks as it did at first.
		if err := a.resumeAt(last); err != nil {
			return err
		}
		a.number = 0
	}
	if v.choice.Kind == transport.LongPoll && a.Wait == "" {
		a.terms.wait = maxWait
	}
	e := &c.entry
	e.right, e.kind, e.offer = toTalk, v.choice.Kind, v.offer
	if _, p := s.admit(e); p != nil {
		return p
	}
	if v.carries {
		if p := s.room(e); p != nil {
			return p
		}
	}
	return nil
}

// moveSocket serves a request that was let in.
func (s *Server) moveSocket(c *call, v *socketVisit) error {
	a := &v.ask
	o := &socket.Opening{
		Path: v.path, Request: s.socketRequest(c.r, v.query, a.protocols), ID: a.id, Resume: a.resumes(), Epoch: a.at.Epoch, Since: a.at.Seq,
		Number: a.number, Transport: v.choice.Kind.String(), Ping: a.ping(),
	}
	to, err := s.sockets.Open(o)
	if err != nil {
		return err
	}
	if o.Resume {
		to.Acked(o.Since)
	}
	if v.carries {
		return s.carrySocket(c, v, to, o)
	}
	whole, err := s.takeUp(c, to)
	if err != nil {
		return err
	}
	h := c.w.Header()
	h["Content-Type"], h["X-Content-Type-Options"] = jsonField, noSniffField
	h.Set("Cache-Control", "no-store")
	if !whole {
		h.Set("Connection", "close") // the rest of the body is not read
	}
	c.w.WriteHeader(http.StatusOK)
	_, _ = c.w.Write(append(wire.AppendSocketAck(nil, to.Taken()), '\n')) // whoever asked may have left
	return nil
}

// carrySocket answers with a link. It is attached before the body is read, so that there is a handler who receives what that brings; the
// answer begins behind it.
func (s *Server) carrySocket(c *call, v *socketVisit, to *socket.Socket, o *socket.Opening) error {
	a := &v.ask
	if a.From != "" {
		s.record.Stepped(a.From, v.choice.Kind, a.Cause)
	}
	offer := *v.offer
	polls := v.choice.Kind == transport.Poll || v.choice.Kind == transport.LongPoll
	if s.press.Level() != fallback.Normal {
		offer = *ownPolls(offer.Cheaper)
		if polls {
			c.r.Close = true
			c.w.Header().Set("Connection", "close")
		}
	}
	link := downlink.New(to, downlink.Terms{
		Kind: v.choice.Kind, Prelude: a.terms.prelude, Tick: a.terms.tick, Wait: a.terms.wait, PollMS: int(s.press.stretched(s.options.PollInterval).Milliseconds()),
		Resume: o.Resume, Offer: offer, Node: s.options.Node,
	})
	w, err := to.Attach(link, o)
	replaced := errors.Is(err, socket.ErrReplaced)
	if err != nil && !replaced {
		return err
	}
	whole, err := s.takeUp(c, to)
	if err != nil {
		to.Detach(link)
		return err
	}
	if !whole {
		link.Hurry()
		c.r.Close = true
		c.w.Header().Set("Connection", "close") // the rest of the body is not read
	}
	// Links do not answer through the recorder: they may take the connection from what is below it.
	x := park.HTTP(c.w.ResponseWriter, c.r)
	if replaced {
		c.w.status = downlink.Replaced(x, v.choice.Kind)
		return nil
	}
	status, err := link.Serve(x, w)
	if err != nil {
		return err
	}
	c.w.status = status
	return nil
}

// ownPolls is an offer for a socket, none of whose polls is like another's.
func ownPolls(o *transport.Offer) *transport.Offer {
	own := *o
	own.Shared = false
	return &own
}
