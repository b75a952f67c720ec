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

type sockets struct{ messageBytes int }

var _ transport.Transport = (*sockets)(nil)

// Kind implements [transport.Transport].
func (*sockets) Kind() transport.Kind { return transport.WebSocket }

// Serve implements [transport.Transport]. It refuses what is no handshake with one of this package's errors.
func (t *sockets) Serve(w http.ResponseWriter, r *http.Request, f *transport.Request) error {
	head, protocol, err := handshake(w.Header(), r)
	if err != nil {
		return err
	}
	conn, err := park.Take(w)
	if err != nil {
		return err
	}
	p := &peer{conn: conn, format: Raw, offer: f.Offer, head: head}
	if f.Wrap || protocol != "" {
		p.format, p.hello = Enveloped, wire.HelloTo(f, transport.WebSocket)
	}
	follower := new(gateway.Follower)
	err = f.Gateway.Follow(follower, gateway.FollowOptions{Start: f.Start, Peer: p, Terms: &gateway.Terms{
		Format: p.format, Class: uint8(transport.WebSocket), Ping: f.Ping,
		Live: p.format == Enveloped,
		Raw:  p.format != Enveloped,
	}})
	if err != nil {
		// The connection is taken, and the gateway has closed since the request was admitted. Serve does nothing then.
		at := f.Start.Cursor()
		p.Close(gateway.ReasonDraining, at, slices.Concat(p.Greeting(nil, at)...))
	}
	conn.Serve(newEars(p, follower, f, t.messageBytes))
	return nil
}
