package socket

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"iter"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// Set is all sockets of a server.
type Set struct {
	// Panicked, where it is not nil, hears of handlers that have panicked. It is set before the first socket is opened.
	Panicked func(s *Socket, cause any, stack []byte)
	// Most, where it is not 0, bounds all sockets, also those whose clients are away, and those that are over and kept: none of them costs its
	// client a connection. It is set before the first socket is opened.
	Most int

	began    time.Time
	handlers sync.WaitGroup

	mu      sync.Mutex // guards the rest; taken under a socket's lock
	closed  bool
	paths   []*Path
	labels  map[label]*Socket
	open    int                  // sockets that are not over
	held    map[*Socket]struct{} // those, and those that are kept
	links   map[string]int       // that are attached, by transport
	awaited []*Socket            // to be carried soon
	timer   *time.Timer          // of the sweep; nil while there is no socket
	changed sync.Cond            // open has fallen
}

// label is how a client names its socket.
type label struct {
	path *Path
	id   string
}

// NewSet makes an empty set.
func NewSet() *Set {
	s := &Set{began: time.Now(), labels: map[label]*Socket{}, held: map[*Socket]struct{}{}, links: map[string]int{}}
	s.changed.L = &s.mu
	return s
}

func (s *Set) now() time.Time { return time.Now() }

// Path is what serves the sockets of one path. It is not to be changed once a socket was opened.
type Path struct {
	Name    string
	Handler Handler
	Options Options

	once    sync.Once
	options Options // with defaults

	// What follows is guarded by the set's lock.
	listed    bool
	sockets   map[*Socket]struct{} // that are not over
	addresses map[string]int       // how many sockets they have, where that is bounded
	counts    counts
}

func (p *Path) prepare() {
	p.once.Do(func() {
		p.options = p.Options.withDefaults()
		p.sockets, p.addresses = map[*Socket]struct{}{}, map[string]int{}
		p.counts = newCounts()
	})
}

// Opening is a request to open a socket, or to carry one on.
type Opening struct {
	Path    *Path
	Request *Request
	// ID is the label that the client has given its socket, which only it knows; empty for a plain WebSocket: that is the socket itself.
	ID string
	// Resume says that the client has heard of its socket before: it is not made again. Epoch is what it was told then, and Since is up to where
	// it has its frames.
	Resume bool
	Epoch  string
	Since  uint64
	// Number rises with every link of a socket; 0 stands for the newest.
	Number uint32
	// Transport names what the link is.
	Transport string
	// Ping is the link's heartbeat; 0 is that of the path's options.
	Ping time.Duration
	// Unpack is what reads messages whose frames are Packed. It is given to [Socket.Attach].
	Unpack Unpack
}

// Open makes a socket, or finds the one that is to be carried on. No link is attached yet, and no handler runs: a socket that was made, and
// that no link comes to, is let go by [Socket.Drop], or as one whose client is away. It fails with a [*RefusedError], or with [ErrGone], [ErrFull], [ErrClosed].
func (s *Set) Open(o *Opening) (*Socket, error) {
	p := o.Path
	p.prepare()
	if o.ID != "" {
		found, err := s.find(o)
		if found != nil || err != nil {
			return found, err
		}
	}
	protocol, err := p.accept(o.Request)
	if err != nil {
		return nil, err
	}
	made := &Socket{set: s, path: p, request: o.Request, id: o.ID, protocol: protocol, address: host(o.Request.Remote)}
	made.context, made.cancel = context.WithCancelCause(context.Background())
	made.out.room.L = &made.mu
	made.up.arrived.L = &made.up.mu
	made.away = s.now()
	made.began = made.away
	if o.ID != "" {
		made.epoch = strings.ToLower(rand.Text()[:13])
	}
	made.due.Store(made.away.Add(p.options.Absence).Sub(s.began).Nanoseconds())
	s.mu.Lock()
	defer s.mu.Unlock()
	switch have := s.labels[label{p, o.ID}]; {
	case s.closed:
		return nil, ErrClosed
	case have != nil: // another request of the same client was faster
		return have, nil
	case s.Most > 0 && len(s.held) >= s.Most,
		p.options.Sockets > 0 && len(p.sockets) >= p.options.Sockets,
		p.options.PerAddress > 0 && p.addresses[made.address] >= p.options.PerAddress:
		return nil, ErrFull
	}
	s.add(made)
	return made, nil
}

// List has the figures of a path in the statistics before its first socket is opened.
func (s *Set) List(p *Path) {
	p.prepare()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list(p)
}

// list is List. s.mu is held.
func (s *Set) list(p *Path) {
	if !p.listed {
		p.listed = true
		s.paths = append(s.paths, p)
	}
}

// add lists a new socket. s.mu is held.
func (s *Set) add(made *Socket) {
	p := made.path
	s.list(p)
	p.counts.opened++
	p.sockets[made] = struct{}{}
	if p.options.PerAddress > 0 {
		p.addresses[made.address]++
	}
	if made.id != "" {
		s.labels[label{p, made.id}] = made
	}
	s.held[made] = struct{}{}
	s.open++
	s.handlers.Add(1)
	s.wind()
}

// find finds the socket that is to be carried on; none where it is to be made.
func (s *Set) find(o *Opening) (*Socket, error) {
	s.mu.Lock()
	have := s.labels[label{o.Path, o.ID}]
	closed := s.closed
	s.mu.Unlock()
	switch {
	case have != nil && (!o.Resume || have.epoch == o.Epoch):
		return have, nil
	case o.Resume:
		return nil, ErrGone
	case closed:
		return nil, ErrClosed
	}
	return nil, nil //nolint:nilnil // none is none
}

// accept chooses the subprotocol, or refuses.
func (p *Path) accept(r *Request) (protocol string, err error) {
	if p.Options.Accept == nil {
		for _, offered := range r.Protocols {
			if slices.Contains(p.Options.Protocols, offered) {
				return offered, nil
			}
		}
		return "", nil
	}
	protocol, err = p.Options.Accept(r)
	if err == nil {
		if protocol != "" && !slices.Contains(r.Protocols, protocol) {
			return "", errors.New("socket: Options.Accept chose a subprotocol that was not offered")
		}
		return protocol, nil
	}
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		if refused.Status < 400 || refused.Status > 599 {
			refused = &RefusedError{Status: http403, Detail: refused.Detail}
		}
		return "", refused
	}
	return "", &RefusedError{Status: http403, Detail: err.Error()}
}

const http403 = 403

// host is an address without its port.
func host(remote string) string {
	if name, _, err := net.SplitHostPort(remote); err == nil {
		return name
	}
	return remote
}

// All are the open sockets of a path, in no order.
func (s *Set) All(path string) iter.Seq[*Socket] {
	return func(yield func(*Socket) bool) {
		for _, one := range s.of(path) {
			if !yield(one) {
				return
			}
		}
	}
}

// of returns the open sockets of a path.
func (s *Set) of(path string) (all []*Socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.paths {
		if p.Name == path {
			all = slices.Grow(all, len(p.sockets))
			for one := range p.sockets {
				all = append(all, one)
			}
		}
	}
	return all
}

// Len reports how many sockets are not over.
func (s *Set) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// Broadcast sends a message to all sockets of a path and returns to how many. It waits for none: one whose client is so far behind that more than
// Options.BufferBytes have not left is closed with 1013 instead. It sends nothing where the message is one that [Socket.Send] refuses.
func (s *Set) Broadcast(path string, kind Kind, data []byte) (n int) {
	if check(kind, data) != nil {
		return 0
	}
	c := casting{kind: kind, data: bytes.Clone(data), shared: new(Shared)}
	for _, one := range s.of(path) {
		if one.broadcast(&c) {
			n++
		}
	}
	return n
}

func (s *Socket) broadcast(c *casting) bool {
	s.mu.Lock()
	defer s.unlock()
	switch {
	case s.closing() != nil:
		return false
	case s.out.cost+s.out.waiting > s.path.options.BufferBytes:
		s.say(CloseError{Code: codeLater})
		return false
	case s.out.writing:
		s.out.later(c)
		return true
	}
	s.cast(c)
	return true
}

// Drain closes all sockets with 1001 and opens none any more. A client that is away may still come and hear of it, within Options.CloseTime. It
// returns when all are closed, or with ctx.
func (s *Set) Drain(ctx context.Context) error {
	for _, one := range s.stop() {
		one.mu.Lock()
		one.hurried = true
		one.say(CloseError{Code: codeAway})
		one.bound = s.now().Add(one.path.options.CloseTime)
		one.plan()
		one.unlock()
	}
	defer context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.changed.Broadcast()
	})()
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.open > 0 && ctx.Err() == nil {
		s.changed.Wait()
	}
	if s.open == 0 {
		return nil
	}
	return ctx.Err()
}

// Close ends all sockets with 1001 at once and opens none any more. It returns when all handlers have returned.
func (s *Set) Close() {
	for _, one := range s.stop() {
		one.mu.Lock()
		one.fail(CloseError{Code: codeAway})
		one.unlock()
	}
	s.handlers.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}

// stop has no socket opened any more, and returns those that there are.
func (s *Set) stop() (all []*Socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for one := range s.held {
		all = append(all, one)
	}
	return all
}
