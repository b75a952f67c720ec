package server

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"tidings/fallback"
	"tidings/gateway/socket"
	"tidings/transport"
	"tidings/transport/park"
	"tidings/transport/websocket"
)

// Socket is one conversation. A program that embeds the server needs no other package for its sockets.
type Socket = socket.Socket

type (
	// SocketHandler serves one.
	SocketHandler = socket.Handler
	// SocketOptions are those of a path.
	SocketOptions = socket.Options
	// SocketRequest is what the client asked for.
	SocketRequest = socket.Request
	// SocketRefusedError is what Options.Accept refuses with.
	SocketRefusedError = socket.RefusedError
	// SocketCloseError is how one ended.
	SocketCloseError = socket.CloseError
	// SocketMessage is what comes.
	SocketMessage = socket.Message
)

// The kinds of a socket's messages.
const (
	Text   = socket.Text
	Binary = socket.Binary
)

// socketRoutes are the paths of sockets. They never change; another path makes others.
type socketRoutes struct {
	exact    map[string]*socket.Path
	subtrees []*socket.Path // longest first
}

// Socket has sockets served by handler at a path, or, where it ends in a slash, at all below it that nothing else serves, as in
// [http.ServeMux]. At most one Options is given. It may be called while the server serves.
func (s *Server) Socket(path string, handler socket.Handler, options ...socket.Options) error {
	p := &socket.Path{Name: path, Handler: handler}
	switch {
	case !strings.HasPrefix(path, "/"):
		return fmt.Errorf("server: the path of a socket begins with /, not %q", path)
	case handler == nil:
		return fmt.Errorf("server: the socket %s has no handler", path)
	case len(options) > 1:
		return fmt.Errorf("server: the socket %s has %d Options", path, len(options))
	case len(options) == 1:
		p.Options = options[0]
	}
	if p.Options.Ping == 0 {
		p.Options.Ping = s.options.Ping
	}
	if err := p.Options.Validate(); err != nil {
		return fmt.Errorf("server: the socket %s: %w", path, err)
	}
	for {
		have := s.socketRoutes.Load()
		with := &socketRoutes{exact: map[string]*socket.Path{path: p}}
		if have != nil {
			if have.exact[path] != nil {
				return fmt.Errorf("server: there is a socket %s already", path)
			}
			maps.Copy(with.exact, have.exact)
			with.subtrees = slices.Clone(have.subtrees)
		}
		if strings.HasSuffix(path, "/") {
			with.subtrees = append(with.subtrees, p)
			slices.SortFunc(with.subtrees, func(a, b *socket.Path) int { return len(b.Name) - len(a.Name) })
		}
		if s.socketRoutes.CompareAndSwap(have, with) {
			s.sockets.List(p)
			return nil
		}
	}
}

// Sockets are the open sockets of a path, as it was given to [Server.Socket].
func (s *Server) Sockets(path string) iter.Seq[*Socket] { return s.sockets.All(path) }

// Broadcast sends a message to all sockets of a path and returns to how many. See [socket.Set.Broadcast].
func (s *Server) Broadcast(path string, kind socket.Kind, data []byte) int {
	return s.sockets.Broadcast(path, kind, data)
}

// socketAt returns the socket that is served at a path; exact says that it is at this very one.
func (s *Server) socketAt(path string) (p *socket.Path, exact bool) {
	routes := s.socketRoutes.Load()
	if routes == nil {
		return nil, false
	}
	if p = routes.exact[path]; p != nil {
		return p, true
	}
	if s.builtIn(path) {
		return nil, false
	}
	for _, p := range routes.subtrees {
		if strings.HasPrefix(path, p.Name) {
			return p, false
		}
	}
	return nil, false
}

// posts reports whether a POST to a topic's path is one of a socket that is served there.
func (s *Server) posts(r *http.Request) bool {
	if s.socketRoutes.Load() == nil {
		return false
	}
	_, ours := splitSocketQuery(r.URL.RawQuery)
	_, exact := s.socketAt(r.URL.Path)
	return exact && ours != ""
}

// builtIn reports whether the router serves something at a path.
func (s *Server) builtIn(path string) bool {
	return s.served[path] || strings.HasPrefix(path, "/topics/")
}

// splitSocketQuery splits a query into what is the application's and what is ours: that is the last parameter tidings and all behind it.
func splitSocketQuery(query string) (app, ours string) {
	const name = "tidings="
	at := strings.LastIndex(query, "&"+name)
	switch {
	case at >= 0:
		return query[:at], query[at+1:]
	case strings.HasPrefix(query, name):
		return "", query
	}
	return query, ""
}

// socket answers a request that is a socket's. It returns false where it is none: the router answers then.
func (s *Server) socket(w *recorder, r *http.Request) bool {
	p, exact := s.socketAt(r.URL.Path)
	if p == nil {
		return false
	}
	app, ours := splitSocketQuery(r.URL.RawQuery)
	upgrade := hasToken(r.Header["Upgrade"], "websocket")
	pages := s.options.Pages != nil && (r.Method == http.MethodGet || r.Method == http.MethodHead)
	if !upgrade && ours == "" && (!exact || pages || s.builtIn(r.URL.Path)) {
		return false
	}
	c := &call{w: w, r: r, entry: entryOf(r, toTalk)}
	w.route = p.Name
	err := s.serveSocket(c, p, app, ours, upgrade)
	if err == nil {
		return true
	}
	if errors.Is(err, websocket.ErrVersion) {
		w.Header().Set("Sec-WebSocket-Version", "13")
	}
	if upgrade {
		w.Header().Set("Connection", "close") // as in follow: what comes next may be no HTTP
	}
	s.fail(w, r, problemOf(err))
	return true
}

// serveSocket answers a request that is a socket's.
func (s *Server) serveSocket(c *call, p *socket.Path, app, ours string, upgrade bool) error {
	if !upgrade && ours == "" || upgrade && c.r.Method != http.MethodGet {
		if c.r.Method == http.MethodGet {
			return upgradeRequired.of("")
		}
		refused := methodNotAllowed.of("a WebSocket begins with GET")
		refused.allow = http.MethodGet
		return refused
	}
	if !upgrade {
		s.socketHTTP(c, p, app, ours)
		return nil
	}
	handshake := transport.HandshakeOf(c.r)
	q := inquiryOf(c)
	deflates := !p.Options.NoDeflate && !s.options.NoDeflate && fallback.QuirksOf(q.userAgent).Deflates()
	asked, err := websocket.CheckSocket(&handshake, deflates)
	if err != nil {
		return err
	}
	if ours != "" {
		return s.linkSocket(c, p, app, ours, asked)
	}
	c.entry.kind = transport.WebSocket
	wish := fallback.Wish{Transport: transport.WebSocket.String()}
	if _, off := s.ladder.Choose(wish, s.ladder.Rungs(s.clientOf(&q), nil)); off != nil {
		return off
	}
	if _, refused := s.admit(&c.entry); refused != nil {
		return refused
	}
	if s.stopping.Load() {
		return draining.of("")
	}
	if refused := s.room(&c.entry); refused != nil {
		return refused
	}
	o := &socket.Opening{Path: p, Transport: transport.WebSocket.String(), Request: s.socketRequest(c.r, app, asked.Offered)}
	opened, err := s.sockets.Open(o)
	if err != nil {
		return err
	}
	c.w.status, err = asked.Serve(park.HTTP(c.w.ResponseWriter, c.r), opened, o)
	return err
}

// socketRequest is what a handler is told of the request that opened its socket.
func (s *Server) socketRequest(r *http.Request, query string, offered []string) *socket.Request {
	out := &socket.Request{
		Path: r.URL.Path, Query: query, Host: r.Host, Header: textproto.MIMEHeader(r.Header), Remote: r.RemoteAddr,
		Secure: r.TLS != nil, Protocols: offered,
	}
	if forwarded := strings.Join(r.Header["X-Forwarded-For"], ","); forwarded != "" {
		direct := (httpRemote{r}).Remote()
		if client := s.behindProxies(direct, forwarded); client != direct.Unmap() {
			out.Remote = client.String()
		}
	}
	return out
}

// socketPanicked logs the panic of a handler.
func (s *Server) socketPanicked(one *socket.Socket, cause any, stack []byte) {
	s.options.Logger.Error("panic", "socket", one.Request().Path, "cause", cause, "stack", string(stack))
}

// closeSockets ends all sockets. A handler that does not heed its context must not hold up the end of the process.
func (s *Server) closeSockets() error {
	returned := make(chan struct{})
	go func() {
		s.sockets.Close()
		close(returned)
	}()
	late := time.NewTimer(s.options.DrainTimeout)
	defer late.Stop()
	select {
	case <-returned:
		return nil
	case <-late.C:
		return ErrHandlers
	}
}

// drainSockets closes all sockets, and those that do not answer with ctx.
func (s *Server) drainSockets(ctx context.Context) error {
	if err := s.sockets.Drain(ctx); err != nil {
		return fmt.Errorf("close sockets: %w", err)
	}
	return nil
}
