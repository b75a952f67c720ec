package server

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"tidings/fallback"
	"tidings/gateway"
	"tidings/metrics"
	"tidings/transport"
	"tidings/transport/wire"
)

// Options configure a server. The zero value of every field means its default: a gateway in memory that serves all
// transports, and that everyone who reaches its loopback address may publish to.
type Options struct {
	// Gateway is served as it is and stays the caller's: its Options.Classes must be at least transport.Classes. When it is
	// nil, New makes one of Core and closes it with the server.
	Gateway *gateway.Gateway
	// Core configures the gateway that New makes. Its Journal is the memory log by default; MessageBytes, FollowTopics and
	// Classes are the server's to set.
	Core gateway.Options

	// Off lists transports that are switched off.
	Off []transport.Kind
	// Ladder forces the ladder for some topics and clients.
	Ladder []fallback.Rule
	// HeadStart is how long clients are to wait for a transport to speak before they try the next beside it; 0 leaves that to them.
	HeadStart time.Duration
	// Proxies are the addresses of proxies whose X-Forwarded-For is believed.
	Proxies  []netip.Prefix
	Pressure Pressure

	// Iframe switches the forever iframe on, and JSONP polls by script: for pages in old browsers. See [Options.Origins] for whose.
	Iframe, JSONP bool

	// PublishKeys are the credentials of publishers: with any of them set, publishing and deleting need
	// "Authorization: Bearer <key>". Following is public.
	PublishKeys []string
	// Insecure lets everyone publish who reaches the server, also at an address that is not loopback, without a key.
	Insecure bool
	// Origins are the origins, such as "https://example.com", of web pages that may use the server, beside its own. "*" allows
	// all, "null" pages without one (files, sandboxes).
	Origins []string
	// Hosts are names under which the server is reached beside those of its address: on a loopback address, behind a proxy,
	// requests for other names than loopback ones are refused unless they are listed here.
	Hosts []string

	MessageBytes int           // bound of one message's body; default 1 MiB
	BatchBytes   int           // bound of a batch sent as a JSON array; NDJSON is bounded per line only; default 16 MiB
	FollowTopics int           // bound of topics and patterns per follower; default 100
	Connections  int           // bound of connections that follow or carry sockets, held polls included; of sockets there may be twice as many; default 20,000
	HeldPolls    int           // bound of held polls; default as Connections
	Sessions     int           // bound of clients that are known by their session; default 250,000
	BodyTimeout  time.Duration // how long a body may pause, or a message's body take beyond 1 KiB/s; default 30 s
	DrainTimeout time.Duration // how long a stop waits for requests in flight; default 10 s

	NoDeflate   bool // do not deflate messages on WebSockets
	NoGzip      bool // do not answer followers with gzip
	GzipStreams bool // answer with gzip also on streams whose client accepts it but has not asked by compress=1
	DeflateFrom int  // size in bytes of a message from which it is deflated by either; default 512

	Ping         time.Duration // heartbeat of streams, from 1 s; default 20 s
	PollInterval time.Duration // when a polling client is told to ask again; default 5 s

	// PollAway is how long a client that polls and says its session may stay away and still count as a follower, but at least three
	// times as long as it is told to; default 60 s.
	PollAway time.Duration

	Node    string // this gateway's name in hello and metrics; default: random
	Version string // of the program, for metrics

	// Pages answers GET and HEAD where nothing else does, a socket's path included: pages of the program's own.
	Pages http.Handler
	// Programs tells what programs that serve sockets have done, for metrics.
	Programs func() metrics.ProgramStats

	NoBoard   bool         // do not serve the page at /
	NoMetrics bool         // do not serve /metrics; Operations still does
	Logger    *slog.Logger // default: slog.Default()
}

func (o Options) withDefaults() Options {
	o.MessageBytes = cmp.Or(o.MessageBytes, 1<<20)
	o.BatchBytes = cmp.Or(o.BatchBytes, 16<<20)
	o.FollowTopics = cmp.Or(o.FollowTopics, 100)
	o.Connections = cmp.Or(o.Connections, 20_000)
	o.HeldPolls = cmp.Or(o.HeldPolls, o.Connections)
	o.BodyTimeout = cmp.Or(o.BodyTimeout, 30*time.Second)
	o.DrainTimeout = cmp.Or(o.DrainTimeout, 10*time.Second)
	o.DeflateFrom = cmp.Or(o.DeflateFrom, wire.DefaultDeflateFrom)
	o.Ping = cmp.Or(o.Ping, maxPing)
	o.PollInterval = cmp.Or(o.PollInterval, 5*time.Second)
	o.Sessions = cmp.Or(o.Sessions, 250_000)
	o.PollAway = cmp.Or(o.PollAway, time.Minute)
	if o.Node == "" {
		o.Node = strings.ToLower(rand.Text()[:6])
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	o.Core.MessageBytes = o.MessageBytes
	o.Core.FollowTopics = o.FollowTopics
	o.Core.Classes = transport.Classes
	return o
}

// The bounds of a heartbeat.
const (
	minPing = time.Second
	maxPing = 20 * time.Second
)

// validate reports all mistakes at once. Defaults are filled in already.
func (o Options) validate() error {
	var errs []error
	for _, bound := range []struct {
		name  string
		value int
	}{
		{"MessageBytes", o.MessageBytes},
		{"BatchBytes", o.BatchBytes},
		{"FollowTopics", o.FollowTopics},
		{"Connections", o.Connections},
		{"HeldPolls", o.HeldPolls},
		{"Sessions", o.Sessions},
		{"PollAway", int(o.PollAway)},
		{"BodyTimeout", int(o.BodyTimeout)},
		{"DrainTimeout", int(o.DrainTimeout)},
		{"PollInterval", int(o.PollInterval)},
		{"HeadStart", int(o.HeadStart)},
		{"DeflateFrom", o.DeflateFrom},
	} {
		if bound.value < 0 {
			errs = append(errs, fmt.Errorf("%s is negative", bound.name))
		}
	}
	if o.Ping < minPing || o.Ping > maxPing {
		errs = append(errs, fmt.Errorf("the heartbeat (Ping) is %s: it may be %s to %s", o.Ping, minPing, maxPing))
	}
	return errors.Join(errs...)
}
