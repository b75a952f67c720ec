package server

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// freshGrace is how long a connection that has sent nothing yet may still begin a request when the server stops.
// Browsers open connections ahead of need, and http.Server.Shutdown alone waits 5 s for each.
const freshGrace = 500 * time.Millisecond

// fresh knows the connections that have sent nothing yet.
type fresh struct {
	some  atomic.Bool // whether there are any; written under mu
	mu    sync.Mutex
	conns map[net.Conn]struct{} // guarded by mu
}

// observe is an [http.Server]'s ConnState.
func (f *fresh) observe(c net.Conn, state http.ConnState) {
	if state != http.StateNew && !f.some.Load() {
		return // as it is at nearly every request: a connection is new before it is anything else
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if state != http.StateNew {
		delete(f.conns, c)
		f.some.Store(len(f.conns) > 0)
		return
	}
	if f.conns == nil {
		f.conns = make(map[net.Conn]struct{})
	}
	f.conns[c] = struct{}{}
	f.some.Store(true)
}

// close closes them.
func (f *fresh) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		_ = c.Close() // nobody is told anything on it
	}
}
