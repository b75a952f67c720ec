package websocket

import (
	"cmp"
	"net/http"
	"slices"

	"tidings/gateway"
	"tidings/transport"
	"tidings/transport/park"
	"tidings/transport/wire"
)

// DefaultMessageBytes bounds a message that a client sends up: a payload of 1 MiB, the gateway's default, with room for
// base64 or the escapes of JSON.
const DefaultMessageBytes = 4 << 20

// New returns the transport. A client that sends a message of more than messageBytes is closed with 1009; 0 means
// [DefaultMessageBytes].
func New(messageBytes int) transport.Transport {
	return &sockets{messageBytes: cmp.Or(messageBytes, DefaultMessageBytes)}
}

type sockets struct {
	messageBytes   int
	raw, enveloped transport.Shared[terms]
}

var _ transport.Transport = (*sockets)(nil)

// Kind implements [transport.Transport].
func (*sockets) Kind() transport.Kind { return transport.WebSocket }

// terms are what WebSockets have in common that are served the same.
type terms struct {
	gateway.Terms
	offer        transport.Offer
	upstream     transport.Upstream // nil where nothing may be sent up
	messageBytes int
}

func (t *sockets) termsOf(f *transport.Request, enveloped bool) *terms {
	shared, format := &t.raw, Raw
	if enveloped {
		shared, format = &t.enveloped, Enveloped
	}
	return shared.Get(
		func(have *terms) bool {
			return have.Ping == f.Ping && have.upstream == f.Upstream && have.offer.Equal(f.Offer)
		},
		func() *terms {
			return &terms{offer: f.Offer, upstream: f.Upstream, messageBytes: t.messageBytes, Terms: gateway.Terms{
				Format: format, Class: uint8(transport.WebSocket), Ping: f.Ping, Live: enveloped, Raw: !enveloped,
			}}
		},
	)
}

// Serve implements [transport.Transport]. It refuses what is no handshake with one of this package's errors.
func (t *sockets) Serve(x park.Exchange, f *transport.Request) (int, error) {
	accept, protocol, err := handshake(&f.Handshake)
	if err != nil {
		return 0, err
	}
	conn, fields, err := x.Take()
	if err != nil {
		return 0, err
	}
	enveloped := f.Wrap || protocol != ""
	greeting := appendHead(make([]byte, 0, 512), accept, protocol, fields)
	if enveloped {
		greeting = appendFrame(greeting, opText, wire.AppendHello(nil, wire.HelloTo(f, transport.WebSocket)))
	}
	p := &peer{conn: conn, terms: t.termsOf(f, enveloped), greeting: &greeting}
	err = f.Gateway.Follow(&p.Follower, gateway.FollowOptions{Start: f.Start, Peer: p, Terms: &p.terms.Terms})
	if err != nil {
		// The connection is taken, and the gateway has closed since the request was admitted. Serve does nothing then.
		at := f.Start.Cursor()
		p.Close(gateway.ReasonDraining, at, slices.Concat(p.Greeting(nil, at)...))
	}
	conn.Serve((*ears)(p))
	return http.StatusSwitchingProtocols, nil
}
