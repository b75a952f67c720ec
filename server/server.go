package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"tidings/fallback"
	"tidings/fallback/session"
	"tidings/gateway"
	"tidings/gateway/journal/memory"
	"tidings/gateway/socket"
	"tidings/transport"
	"tidings/transport/front"
	"tidings/transport/park"
)

// Server is the gateway's HTTP application. It is an http.Handler: serve it with [Server.Serve], or put it into another
// program's mux. Its methods may be called from several goroutines.
type Server struct {
	options    Options
	gateway    *gateway.Gateway
	owned      bool // whether Close closes the gateway
	ladder     *fallback.Ladder
	transports [len(transport.Kinds)]transport.Transport
	doors      *doors
	limits     *limits
	record     fallback.Record
	press      *press
	counters   *counters
	sessions   *session.Registry
	pulse      pulse
	upstreams  sync.Map // *upstream by rights
	echo       *echo.Echo
	served     map[string]bool // the paths that the router knows, but those with parameters

	sockets      *socket.Set
	socketRoutes atomic.Pointer[socketRoutes] // nil where there is none
	toldOrigin   atomic.Int64                 // when the log was told of a page that was refused; Unix time in nanoseconds, 0 for never

	// ctx ends with Close: what a WebSocket sends up outlives the request that it came by.
	ctx      context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup // ends soon after ctx
	stopping atomic.Bool
}

var _ http.Handler = (*Server)(nil)

// New makes a server. Close it when it is not needed any more. It fails if the options hold mistakes, and names them all.
func New(o Options) (*Server, error) {
	s := &Server{options: o.withDefaults(), counters: newCounters()}
	s.transports = transports(s.itemBytes(), s.options.DeflateFrom)
	var ladderErr, doorsErr, pressErr error
	s.ladder, ladderErr = fallback.NewLadder(fallback.LadderOptions{Off: o.Off, Rules: o.Ladder, HeadStart: o.HeadStart})
	s.doors, doorsErr = newDoors(o)
	s.press, pressErr = newPress(o.Pressure)
	if err := errors.Join(s.options.validate(), ladderErr, doorsErr, pressErr); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	s.gateway = o.Gateway
	if s.gateway == nil {
		core := s.options.Core
		if core.Journal == nil {
			core.Journal = memory.New()
		}
		var err error
		if s.gateway, err = gateway.New(core); err != nil {
			return nil, fmt.Errorf("server: %w", err)
		}
		s.owned = true
	}
	if len(s.gateway.Stats().Classes) < transport.Classes {
		return nil, fmt.Errorf("server: the gateway counts fewer classes of followers (Options.Classes) than %d", transport.Classes)
	}
	s.sockets = socket.NewSet()
	s.sockets.Panicked = s.socketPanicked
	s.sockets.Most = 2 * s.options.Connections // some are over and kept, or between two links
	s.limits = &limits{connections: s.options.Connections, held: s.options.HeldPolls, open: s.holding}
	s.sessions = session.New(session.Options{Most: s.options.Sessions, Away: s.options.PollAway})
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.echo = s.router()
	s.press.begin(s.streams, s.moveStreams)
	s.running.Go(func() { s.press.run(s.ctx) })
	return s, nil
}

// Gateway returns the gateway that is served, to publish to it from within the program.
func (s *Server) Gateway() *gateway.Gateway { return s.gateway }

// The bounds of what a client may keep a connection busy with before its request is there, and between requests.
const (
	headTimeout = 5 * time.Second
	idleTimeout = 2 * time.Minute
	headBytes   = 16 << 10
)

// loopbackKey is where a request's context says whether its listener can be reached from this machine only.
type loopbackKey struct{}

// Serve answers connections of ln until ctx ends, and then stops in order: [Server.Drain], and requests in flight finish
// within Options.DrainTimeout. It returns nil after such a stop. It refuses to begin at an address that is not loopback when
// there is neither a publish key nor Options.Insecure. ln is closed in every case.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	loopback := local(ln.Addr())
	if !loopback && len(s.doors.keys) == 0 && !s.doors.insecure {
		_ = ln.Close() // nothing was accepted from it
		return fmt.Errorf("server: %s can be reached by others, and everybody could publish: set a publish key, "+
			"listen on 127.0.0.1, or say that it is to be insecure", ln.Addr())
	}
	in, err := front.Listen(ln, &desk{server: s, loopback: loopback}, s.host)
	if err != nil {
		_ = ln.Close() // nothing was accepted from it
		return fmt.Errorf("server: %w", err)
	}
	defer in.Release()
	defer in.Quiet()
	var unused fresh
	// Streams end when they end: there is no WriteTimeout. A slow body is bounded where it is read.
	web := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headBytes,
		ConnState:         unused.observe,
		ErrorLog:          slog.NewLogLogger(s.options.Logger.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context {
			return park.WithLoops(context.WithValue(context.WithoutCancel(ctx), loopbackKey{}, loopback), in.Loops())
		},
	}
	failed := make(chan error, 1)
	var serving sync.WaitGroup
	serving.Go(func() { failed <- web.Serve(in) })
	defer serving.Wait()
	select {
	case err := <-failed:
		_ = web.Close() // the listener's error is the one to tell
		return fmt.Errorf("server: %w", err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.options.DrainTimeout)
	defer cancel()
	// Shutdown closes the listener first, so that who is told to come back does not come back to us.
	done := make(chan error, 1)
	go func() { done <- web.Shutdown(stop) }()
	defer time.AfterFunc(freshGrace, func() {
		unused.close()
		in.Quiet()
	}).Stop()
	if err := errors.Join(s.Drain(stop), <-done); err != nil {
		_ = web.Close() // what is left has had its time
		return fmt.Errorf("server: stopped with requests in flight: %w", err)
	}
	return nil
}

// host has the loops of a listener run by the shards: what a client asks and what it is answered never change hands. The gateway's
// other listeners have goroutines of their own.
func (s *Server) host(n int, l *park.Loop) (release func()) {
	if n >= s.gateway.Shards() {
		return nil
	}
	return s.gateway.Host(n, l)
}

// Drain makes the server unready, refuses new followers and sockets, tells followers to come back later, and closes sockets with 1001. It
// returns when they were told and have closed, or with ctx. Publishing goes on until Close.
func (s *Server) Drain(ctx context.Context) error {
	s.stopping.Store(true)
	told := make(chan error, 1)
	go func() { told <- s.gateway.Drain(ctx) }()
	return errors.Join(s.drainSockets(ctx), <-told)
}

// ErrHandlers is what Close fails with where handlers of sockets have not returned, though their contexts have ended.
var ErrHandlers = errors.New("server: handlers of sockets have not returned")

// Close ends everything at once, waits for the handlers of sockets, but no longer than Options.DrainTimeout, and closes the gateway too if New
// made it.
func (s *Server) Close() error {
	s.stopping.Store(true)
	s.cancel()
	s.sessions.Close()
	err := s.closeSockets()
	s.running.Wait()
	if !s.owned {
		return err
	}
	return errors.Join(err, s.gateway.Close())
}
