package server

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"tidings/gateway"
	"tidings/transport"
	"tidings/transport/park"
)

// fake is a transport that notes what it is asked to serve.
type fake struct {
	kind transport.Kind
	mu   sync.Mutex
	got  *transport.Request // guarded by mu
	err  error              // guarded by mu
}

// fail has it fail from now on.
func (f *fake) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

// take returns what it got since the last call.
func (f *fake) take() *transport.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	got := f.got
	f.got = nil
	return got
}

func (f *fake) Kind() transport.Kind { return f.kind }

func (f *fake) Serve(x park.Exchange, r *transport.Request) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	kept := *r // only lent
	kept.Follows = slices.Clone(r.Follows)
	f.got = &kept
	if f.err == nil {
		x.Reply(park.Reply{Status: http.StatusNoContent, Head: noFields})
	}
	return http.StatusNoContent, f.err
}

var noFields = park.NewHead()

// startFakes serves o with transports that only note what they are asked.
func startFakes(t *testing.T, o Options) (*site, []*fake) {
	t.Helper()
	var fakes []*fake
	s := startWith(t, o, func(s *Server) {
		for _, kind := range transport.Kinds {
			f := &fake{kind: kind}
			s.transports[kind] = f
			fakes = append(fakes, f)
		}
	})
	return s, fakes
}

// served returns the one request that a transport got since the last call.
func served(t *testing.T, fakes []*fake) (transport.Kind, *transport.Request) {
	t.Helper()
	var kind transport.Kind
	var got *transport.Request
	for _, f := range fakes {
		if r := f.take(); r != nil {
			if got != nil {
				t.Fatal("two transports were asked")
			}
			kind, got = f.kind, r
		}
	}
	return kind, got
}

const upgrade = "Connection: keep-alive, Upgrade\nUpgrade: WebSocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="

// show says a request in short, leaving out what is as usual.
func show(r *transport.Request) string {
	var out []string
	for _, f := range r.Follows {
		since := map[gateway.SinceKind]string{
			gateway.SinceNow: "now", gateway.SinceAll: "all", gateway.SinceCursor: f.Since.Cursor.String(),
			gateway.SinceLast: fmt.Sprint("last:", f.Since.N), gateway.SinceTime: "time",
		}[f.Since.Kind]
		out = append(out, f.Pattern.String()+"@"+since)
	}
	add := func(is bool, text string) {
		if is {
			out = append(out, text)
		}
	}
	add(r.Wrap, "wrap")
	add(r.Format != "" && r.Format != "text/event-stream", r.Format)
	add(r.Wait != 0, fmt.Sprint("wait=", r.Wait))
	add(r.Limit != maxLimit, fmt.Sprint("limit=", r.Limit))
	add(r.Ping != maxPing, fmt.Sprint("ping=", r.Ping))
	add(r.Tick != 0, fmt.Sprint("tick=", r.Tick))
	add(r.Prelude, "prelude")
	add(r.Session != "", "session")
	add(r.Upstream != nil, "upstream")
	add(r.Callback != "", "calls "+r.Callback)
	add(r.Origin != "", "posts to "+r.Origin)
	return strings.Join(out, " ")
}
