package server

import (
	"tidings/gateway"
	"tidings/transport"
	"tidings/transport/wire"
)

// socketByes is how the refusals of a socket are said to a page that sees no status: on an event stream, and on a WebSocket that can move. What
// is not in it is worth another try, and is left to look like a broken connection.
var socketByes = map[*errorKind]transport.Bye{
	badRequest:         {Code: transport.BadRequest, Reason: "bad_request"},
	badParameter:       {Code: transport.BadRequest, Reason: "bad_request"},
	badSince:           {Code: transport.BadRequest, Reason: "bad_request"},
	forbiddenOrigin:    {Code: transport.Forbidden, Reason: "forbidden"},
	forbiddenHost:      {Code: transport.Forbidden, Reason: "forbidden"},
	socketRefused:      {Code: transport.Forbidden, Reason: "forbidden"},
	tooManyConnections: {Code: transport.Limit, Reason: "limit"},
	transportOff:       {Code: transport.TransportOff, Reason: "transport_off"},
	socketGone:         {Code: transport.Gone, Reason: "gone"},
	draining:           {Code: transport.Draining, Reason: "draining"},
	pressed:            {Code: transport.Pressure, Reason: "pressure"},
}

// byeOf returns how a refusal is said to who sees no status; ok is false where it is not.
func byeOf(p *problem) (bye transport.Bye, ok bool) {
	bye, ok = socketByes[p.kind]
	if bye.Code.Again() {
		bye.RetryMS = int(p.retry.Milliseconds()) + transport.RetryMS()
	}
	if p.offer != nil {
		bye.Offer = ownPolls(p.offer)
	}
	return bye, ok
}

// refuseSocket answers a request of a socket that is refused, in a way that its client can see.
func (s *Server) refuseSocket(c *call, v *socketVisit, p *problem) {
	s.refused(c.r, p)
	if c.w.status != 0 {
		return
	}
	if p.offer != nil {
		p.offer = ownPolls(p.offer)
	}
	bye, said := byeOf(p)
	switch {
	case v.ask.blind:
		p.writeBlind(c.w)
	case v.choice.Kind == transport.SSE && said:
		answerEvents(c, p, wire.AppendSSEBye(nil, bye, gateway.Cursor{}))
	default:
		p.write(c.w)
	}
}
