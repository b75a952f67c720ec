package client

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tidings/gateway/socket"
	"tidings/transport"
)

// What a socket has in common with its other end, under the names that it has there.
type (
	// Kind says what a message is: [Text] or [Binary].
	Kind = socket.Kind
	// CloseError is how a socket ended.
	CloseError = socket.CloseError
)

// The kinds of messages.
const (
	Text   = socket.Text
	Binary = socket.Binary
)

// DialOptions configure a socket. The zero value of every field means its default.
type DialOptions struct {
	// Protocols are the subprotocols that are offered, best first.
	Protocols []string
	// Header is sent with every request: credentials, an Origin.
	Header http.Header
	// Transports are tried in this order; default all, best first.
	Transports []transport.Kind
	// Plain asks for a WebSocket and nothing but RFC 6455: nothing is added to the URL, there is no other transport, and when the connection
	// breaks, so does the socket. Any WebSocket server can be spoken to without it too, as long as it bears a parameter more in its URL and
	// another subprotocol in the offer.
	Plain bool
	// TLS is for https and wss; default that of HTTPClient.
	TLS *tls.Config
	// HTTPClient sends the requests, but WebSockets: default one without an overall time-out, which would cut streams.
	HTTPClient *http.Client

	MessageBytes  int           // bound of an incoming message; default 2 MiB; -1 for none, to be read by Reader
	FragmentBytes int           // bound of an outgoing frame's payload; default 512 KiB (at most 64 KiB where the socket can move)
	BufferBytes   int           // what may be sent and not have left before Send waits; default 1 MiB
	ReceiveBytes  int           // what may have come and not been received before the other side is held back; default 256 KiB
	CloseTime     time.Duration // how long the other side may take to answer a close; default 5 s
	Ping          time.Duration // heartbeat; default what the gateway says, of a plain WebSocket 20 s

	// State, if there is one, is told which transport carries the socket, and when it was lost. It must not block.
	State func(State)
}

// tempo is how patient a socket is.
type tempo struct {
	wait   backoff
	hello  time.Duration // how long a transport may take to speak
	age    time.Duration // how long a connection must last not to count as a failure
	relent time.Duration // how long a transport that failed is left alone
	ack    time.Duration // how long to wait for something that an acknowledgement can go with
	post   time.Duration // how long a POST may take
}

var usual = tempo{
	wait:  backoff{least: 500 * time.Millisecond, most: 5 * time.Second},
	hello: 5 * time.Second, age: 5 * time.Second, relent: 5 * time.Minute,
	ack: 200 * time.Millisecond, post: 30 * time.Second,
}

// Dial opens a socket at an http, https, ws or wss URL and returns once it is open. ctx bounds the opening only. Every transport is tried once
// if need be. It fails with an [*Error] where it is refused, with an error that wraps [ErrUnreachable], or with ctx's.
//
// A gateway's socket outlives its connections: what was not delivered is sent again over the next one, by whichever transport works, in
// order and once, as long as the absence is short. Over any other server's WebSocket it is as good as its connection.
//
// The socket has to be closed: until it has ended ([Socket.Context]), goroutines serve it.
func Dial(ctx context.Context, address string, o DialOptions) (*Socket, error) {
	return dial(ctx, address, o, usual)
}

func dial(ctx context.Context, address string, o DialOptions, t tempo) (*Socket, error) {
	s, err := newSocket(ctx, address, o, t)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	go s.run()
	select {
	case <-s.opened:
	case <-s.gone:
	case <-ctx.Done():
		s.cancel(context.Cause(ctx))
		<-s.gone
		return nil, fmt.Errorf("dial: %w", context.Cause(s.ctx))
	}
	select {
	case <-s.opened: // and perhaps closed already: what came before can be received
		return s, nil
	default:
		return nil, fmt.Errorf("dial: %w", context.Cause(s.ctx))
	}
}

// newSocket makes a socket that is not open yet.
func newSocket(ctx context.Context, address string, o DialOptions, t tempo) (*Socket, error) {
	at, err := socketURL(address)
	if err != nil {
		return nil, err
	}
	if o.Plain {
		o.Transports = []transport.Kind{transport.WebSocket}
	}
	if len(o.Transports) == 0 {
		o.Transports = transport.Kinds[:]
	}
	o.MessageBytes = cmp.Or(o.MessageBytes, 2<<20)
	o.FragmentBytes = cmp.Or(o.FragmentBytes, 512<<10)
	o.BufferBytes = cmp.Or(o.BufferBytes, 1<<20)
	o.ReceiveBytes = cmp.Or(o.ReceiveBytes, 256<<10)
	o.CloseTime = cmp.Or(o.CloseTime, 5*time.Second)
	s := &Socket{
		options: o, tempo: t, at: at, id: rand.Text(), ladder: newLadder(o.Transports, t.relent),
		turn: make(chan struct{}, 1), wake: make(chan struct{}, 1), opened: make(chan struct{}), closing: make(chan struct{}),
		gone: make(chan struct{}), plain: o.Plain,
	}
	s.http = o.HTTPClient
	switch {
	case s.http == nil && o.TLS == nil:
		s.http = &http.Client{}
	case s.http == nil:
		own := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: o.TLS, ForceAttemptHTTP2: true}
		s.http, s.idle = &http.Client{Transport: own}, own.CloseIdleConnections
	case o.TLS == nil:
		s.options.TLS = tlsOf(s.http)
	}
	s.changed.L = &s.mu
	s.in.bound(o)
	s.ctx, s.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	return s, nil
}

// ErrSocketURL is wrapped by the error of [Dial] where the address is none of a socket.
var ErrSocketURL = errors.New("a socket's URL is such as wss://push.example.org/chat")

// socketURL reads the URL of a socket; ws becomes http and wss https.
func socketURL(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSocketURL, err)
	}
	switch u.Scheme {
	case "ws", "wss":
		u.Scheme = "http" + strings.TrimPrefix(u.Scheme, "ws")
	case "http", "https":
	default:
		return nil, ErrSocketURL
	}
	if u.Host == "" || u.Fragment != "" {
		return nil, ErrSocketURL
	}
	return u, nil
}
