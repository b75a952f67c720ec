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
// [DefaultMessageBytes]. With clients that speak permessage-deflate, messages of at least deflateFrom bytes are deflated; 0 means
// [wire.DefaultDeflateFrom].
func New(messageBytes, deflateFrom int) transport.Transport {
	t := &sockets{messageBytes: cmp.Or(messageBytes, DefaultMessageBytes)}
	t.raw[0].format, t.enveloped[0].format = Raw, Enveloped
	t.raw[1].format, t.enveloped[1].format = RawDeflated, EnvelopedDeflated
	if deflateFrom != 0 && deflateFrom != wire.DefaultDeflateFrom {
		t.raw[1].format, t.enveloped[1].format = deflated(Raw, deflateFrom), deflated(Enveloped, deflateFrom)
	}
	return t
}

type sockets struct {
	messageBytes   int
	raw, enveloped [2]written // plain, and deflated
}

// written are WebSockets that get the same bytes.
type written struct {
	format *gateway.Format
	terms  transport.Shared[terms]
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
	deflates     bool // permessage-deflate was agreed on
}

func (t *sockets) termsOf(f *transport.Request, enveloped, deflates bool) *terms {
	kinds := &t.raw
	if enveloped {
		kinds = &t.enveloped
	}
	as := &kinds[0]
	if deflates {
		as = &kinds[1]
	}
	return as.terms.Get(
		func(have *terms) bool {
			return have.Ping == f.Ping && have.upstream == f.Upstream && have.offer.Equal(f.Offer)
		},
		func() *terms {
			made := &terms{offer: f.Offer, upstream: f.Upstream, messageBytes: t.messageBytes, deflates: deflates, Terms: gateway.Terms{
				Format: as.format, Class: uint8(transport.WebSocket), Ping: f.Ping, Live: enveloped, Raw: !enveloped,
			}}
			made.Of = made
			return made
		},
	)
}

// Serve implements [transport.Transport]. It refuses what is no handshake with one of this package's errors.
func (t *sockets) Serve(x park.Exchange, f *transport.Request) (int, error) {
	agreed, err := handshake(&f.Handshake)
	if err != nil {
		return 0, err
	}
	if !f.Compress {
		agreed.extensions = ""
	}
	conn, fields, err := x.Take()
	if err != nil {
		return 0, err
	}
	enveloped := f.Wrap || agreed.protocol != ""
	// What is usual fits, so that nothing is made twice.
	greeting, room := agreed.appendHead(make([]byte, 0, 640), fields), [512]byte{}
	if enveloped && f.Refuse == "" {
		greeting = appendFrame(greeting, opText, wire.AppendHello(room[:0], wire.HelloTo(f, transport.WebSocket)))
	}
	on := t.termsOf(f, enveloped, agreed.extensions != "")
	p := &peer{Follower: on.Follower(), conn: conn, greeting: &greeting}
	if f.Refuse != "" {
		p.Close(f.Refuse, gateway.Cursor{}, slices.Concat(p.Greeting(nil, gateway.Cursor{})...))
		return http.StatusSwitchingProtocols, nil
	}
	err = f.Follow(&p.Follower, p)
	if err != nil {
		// The connection is taken, and the gateway has closed since the request was admitted. Serve does nothing then.
		at := f.Start.Cursor()
		p.Close(gateway.ReasonDraining, at, slices.Concat(p.Greeting(nil, at)...))
	}
	conn.Serve((*ears)(p))
	return http.StatusSwitchingProtocols, nil
}
