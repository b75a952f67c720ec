package transport

import (
	"fmt"
	"time"

	"tidings/gateway"
	"tidings/transport/park"
)

// Kind names a transport. Its number is the class under which the gateway counts its followers.
type Kind uint8

// The transports, best first.
const (
	WebSocket Kind = iota
	SSE
	Stream
	LongPoll
	Poll
)

// Kinds lists all transports, best first.
var Kinds = [...]Kind{WebSocket, SSE, Stream, LongPoll, Poll}

var kindNames = [...]string{"websocket", "sse", "stream", "longpoll", "poll"}

// String returns the transport's name as it is written in URLs, offers and metrics.
func (k Kind) String() string { return kindNames[k] }

// ParseKind returns the transport of a name.
func ParseKind(name string) (Kind, error) {
	for k, have := range kindNames {
		if name == have {
			return Kind(k), nil
		}
	}
	return 0, fmt.Errorf("%q is no transport: there are websocket, sse, stream, longpoll and poll", name)
}

// SessionPoll is the class of held polls whose clients say their session, beyond those of the kinds: such a client is one follower
// for as long as it comes back, held at the moment or not. Classes is how many classes the gateway counts.
const (
	SessionPoll = uint8(len(Kinds))
	Classes     = len(Kinds) + 1
)

// Offer is what the gateway proposes to a client. What it points to is shared and never changes.
type Offer struct {
	Transports []string `json:"transports"`        // best first
	HeadMS     int      `json:"head_ms,omitempty"` // how long one may be silent before the next is tried beside it
	// Shared asks for polls that are the same for everybody, with neither session nor since.
	Shared bool `json:"shared,omitempty"`
	// Cheaper is what is offered instead under pressure; nil where it is the same.
	Cheaper *Offer `json:"-"`
}

// Request is a follow that was admitted.
type Request struct {
	Gateway *gateway.Gateway
	Follows []gateway.Follow
	Start   *gateway.Start // resolved from Follows
	Wrap    bool           // envelopes
	Format  string         // for Stream: the media type to answer with
	Prelude bool           // for an NDJSON stream: begin with what opens the eyes of old browsers
	// Callback is the function that a script calls with what is said: a poll's answer, or each object of a forever frame. Origin is that
	// of the page to which such a frame posts it instead. The server has checked both.
	Callback, Origin string

	Wait    time.Duration // for LongPoll
	Limit   int           // items in one poll answer
	Ping    time.Duration // heartbeat
	Tick    time.Duration // where messages are enveloped: one ping so long after hello; 0 for none
	PollMS  int           // for polls: when to ask again
	Session string        // a label for this client
	Place   Place         // where its session is known; nil if it is not
	Node    string        // this gateway's name
	Shard   int           // see [gateway.FollowOptions]
	Offer   Offer
	// Cache is who else may be given the answer of a plain poll.
	Cache Cache
	// Refuse ends a WebSocket with this reason as soon as it is open: a browser sees no other answer than that. It is empty where the
	// request is served.
	Refuse gateway.Reason
	// Known are the entity tags that the client of a poll has (If-None-Match).
	Known     string
	Handshake Handshake // for WebSocket
	// Compress says that the client may be answered in gzip, or agree on permessage-deflate.
	Compress bool
	// Upstream serves what a client sends up a WebSocket; nil where it may send nothing.
	Upstream Upstream
}

// Place is that of a request among the others of its session.
type Place interface {
	// Take tells of the follower that serves the request. It may be ended at once.
	Take(f *gateway.Follower)
}

// Follow brings the follower to life that serves the request. It fails as [gateway.Gateway.Follow] does.
func (f *Request) Follow(follower *gateway.Follower, peer gateway.Peer) error {
	o := gateway.FollowOptions{Start: f.Start, Peer: peer, Shard: f.Shard}
	if !follower.Terms().Raw {
		o.Tick = f.Tick
	}
	err := f.Gateway.Follow(follower, o)
	if err == nil && f.Place != nil {
		f.Place.Take(follower)
	}
	return err
}

// Cache says who may be given the answer of a plain poll again, by a proxy that keeps it for a second.
type Cache uint8

// The caches.
const (
	CacheNone     Cache = iota // nobody
	CacheByOrigin              // who asks from the same origin
	CacheForAll                // everybody: the answer does not depend on the origin
)

// Upstream is what a two-way transport needs of the server: publishing and following with the rights of its client. It is shared by
// clients of the same rights, and never changes: equal ones are the same.
type Upstream interface {
	// Publish publishes an item (the wire's batch item, JSON) and returns the receipt's or the error's JSON members for the ack,
	// without braces: `"topic":…` or `"error":{…}`.
	Publish(item []byte) []byte
	// Token returns what serves a client that shows this credential instead of the one that it came with.
	Token(token string) (Upstream, *Refusal)
	// Admit parses and checks what is to be followed. The error says code, status and detail.
	Admit(follows []FollowItem) ([]gateway.Follow, *Refusal)
}

// FollowItem is one element of an upstream follow or of POST /follow.
type FollowItem struct {
	Topic string `json:"topic"`
	Since string `json:"since"`
}

// Refusal is an error as the wire says it.
type Refusal struct {
	Code   string `json:"code"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// Transport is one way to a client.
type Transport interface {
	Kind() Kind
	// Serve answers an admitted request and returns the status that it answered with. It keeps neither f nor the slices in it: they are
	// used again. An error means that nothing was sent: the caller answers with a problem.
	Serve(x park.Exchange, f *Request) (status int, err error)
}
