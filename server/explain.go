package server

import (
	"net/netip"
	"slices"

	"tidings/fallback"
	"tidings/transport"
)

// explanation is what the gateway sees of a client, and what it makes of it.
type explanation struct {
	Address   string            `json:"address"`             // behind trusted proxies
	Peer      string            `json:"peer"`                // who holds the connection
	Forwarded string            `json:"forwarded,omitempty"` // X-Forwarded-For, as it came
	Via       string            `json:"via,omitempty"`       // the proxies that name themselves (RFC 9110 section 7.6.3)
	HTTP      string            `json:"http"`
	Upgrade   bool              `json:"upgrade"` // it asks to become a WebSocket, and that came through
	Encodings string            `json:"accept_encoding,omitempty"`
	UserAgent string            `json:"user_agent,omitempty"`
	Deflates  bool              `json:"deflates"` // it may be sent deflated WebSocket messages
	Level     string            `json:"level"`    // of pressure
	Offer     *transport.Offer  `json:"offer"`
	LeftOut   map[string]string `json:"left_out,omitempty"` // what is not in the offer, and why: off, rule, client, pressure
}

// explain answers GET /explain: why a client gets the transports that it gets, for what it would follow (topic=).
func (s *Server) explain(c *call) error {
	q := inquiryOf(c)
	var items []transport.FollowItem
	for _, topic := range c.r.URL.Query()["topic"] {
		items = append(items, transport.FollowItem{Topic: topic})
	}
	peer := q.remote.Remote()
	address := s.behindProxies(peer, q.forwarded)
	quirks := fallback.QuirksOf(q.userAgent)
	rungs := s.ladder.Rungs(s.ladder.ClientAt(address), items)
	offer, level := s.ladder.OfferTo(rungs, quirks), s.press.Level()
	out := explanation{
		Address: written(address), Peer: written(peer), Forwarded: q.forwarded, Via: c.r.Header.Get("Via"), HTTP: c.r.Proto,
		Upgrade: q.upgrades(), Encodings: q.encodings, UserAgent: q.userAgent, Deflates: quirks.Deflates() && !s.options.NoDeflate,
		Level: level.String(), Offer: offer, LeftOut: map[string]string{},
	}
	if level != fallback.Normal {
		out.Offer = offer.Cheaper
	}
	for _, kind := range transport.Kinds {
		name := kind.String()
		switch {
		case slices.Contains(out.Offer.Transports, name):
		case !s.ladder.On().Has(kind):
			out.LeftOut[name] = "off"
		case !rungs.Has(kind):
			out.LeftOut[name] = "rule"
		case !slices.Contains(offer.Transports, name):
			out.LeftOut[name] = "client"
		default:
			out.LeftOut[name] = "pressure"
		}
	}
	return answerJSON(c, out)
}

// written writes an address, or nothing if it is not known.
func written(addr netip.Addr) string {
	if !addr.IsValid() {
		return ""
	}
	return addr.String()
}
