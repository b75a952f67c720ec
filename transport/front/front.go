package front

import (
	"net"
	"sync"
	"time"

	"tidings/transport/park"
)

// Server answers requests to follow.
type Server interface {
	// Ask answers a request, or leaves it untouched and returns false: then net/http reads it again. It is called by a loop and must not
	// block, nor keep r.
	Ask(x *park.Fresh, r *Request) bool
}

// Front is a listener for an http.Server, in front of which loops answer what they can.
type Front struct {
	listener net.Listener
	loops    *park.Loops
	server   Server
	direct   bool // the listener's connections cannot be read by loops: all go to the http.Server

	mu     sync.Mutex
	passed []net.Conn    // guarded by mu
	over   bool          // nobody accepts any more; guarded by mu
	come   chan struct{} // of size 1: there is something in passed
	once   sync.Once
	closed chan struct{}
}

var (
	_ net.Listener = (*Front)(nil)
	_ park.Asker   = (*Front)(nil)
)

// Listen puts s in front of whoever accepts from the Front. Where ln is not one of TCP, or on systems without loops, the Front accepts what ln
// does. host may be nil.
func Listen(ln net.Listener, s Server, host park.Host) (*Front, error) {
	f := &Front{listener: ln, server: s, come: make(chan struct{}, 1), closed: make(chan struct{})}
	f.loops = park.NewLoops(f, host)
	watched, err := f.loops.Listen(ln)
	f.direct = !watched
	return f, err
}

// Loops returns the loops, for the contexts of the http.Server's requests (see [park.WithLoops]). It is nil where they did not accept the
// connections: then they could not pass one on that asks for something else next.
func (f *Front) Loops() *park.Loops {
	if f.direct {
		return nil
	}
	return f.loops
}

// Ask implements [park.Asker].
func (f *Front) Ask(x *park.Fresh, head string) bool {
	r := requests.Get().(*Request)
	defer requests.Put(r)
	return Parse(head, r) && f.server.Ask(x, r)
}

var requests = sync.Pool{New: func() any { return new(Request) }}

// Pass implements [park.Asker].
func (f *Front) Pass(nc net.Conn) {
	f.mu.Lock()
	over := f.over
	if !over {
		f.passed = append(f.passed, nc)
	}
	f.mu.Unlock()
	if over {
		_ = nc.Close() // nobody will read it
		return
	}
	select {
	case f.come <- struct{}{}:
	default:
	}
}

// Accept implements [net.Listener]: it returns what loops have passed on.
func (f *Front) Accept() (net.Conn, error) {
	if f.direct {
		return f.listener.Accept()
	}
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for {
		f.mu.Lock()
		if len(f.passed) > 0 {
			nc := f.passed[0]
			f.passed[0] = nil
			f.passed = f.passed[1:]
			f.mu.Unlock()
			return nc, nil
		}
		f.passed = nil
		f.mu.Unlock()
		select {
		case <-f.come:
		case <-f.closed:
			return nil, net.ErrClosed
		case <-again.C:
			// The loops accept from a descriptor of their own, which does not tell that the listener was closed by somebody else.
			if err := usable(f.listener); err != nil {
				return nil, err
			}
		}
	}
}

// usable returns the error that accepting from a listener of TCP would return, if it was closed.
func usable(ln net.Listener) error {
	raw, err := ln.(*net.TCPListener).SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(uintptr) {})
}

// Close implements [net.Listener]: nothing comes in any more. What is parked stays, and ends with its answers.
func (f *Front) Close() error {
	var err error
	f.once.Do(func() {
		f.loops.Drain()
		err = f.listener.Close()
		close(f.closed)
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, nc := range f.passed {
			_ = nc.Close() // nobody will read it
		}
		f.passed, f.over = nil, true
	})
	return err
}

// Quiet closes the connections on which nothing is asked and nothing is under way.
func (f *Front) Quiet() { f.loops.Quiet() }

// Release closes the Front and gives its loops back from their hosts.
func (f *Front) Release() {
	_ = f.Close() // it was closed before, or its error is nobody's any more
	f.loops.Release()
}

// Addr implements [net.Listener].
func (f *Front) Addr() net.Addr { return f.listener.Addr() }
