package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/labstack/echo/v4"

	"tidings/server/board"
	"tidings/transport"
)

// call is a request on its way through the server.
type call struct {
	w     *recorder
	r     *http.Request
	entry entry
	grant grant

	scratch []byte // room for an answer
}

// handler answers a call, or returns an error with nothing written.
type handler func(*call) error

// router is the only place that knows echo: it finds the handler and hands it a call.
func (s *Server) router() *echo.Echo {
	s.served = map[string]bool{}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = echo.ExtractIPDirect() // X-Forwarded-For is whatever a client says
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		w := c.Response().Writer.(*recorder)
		s.fail(w, c.Request(), fromEcho(err, w.Header().Get(echo.HeaderAllow)))
	}
	on := func(r right, path string, h handler, methods ...string) {
		s.served[path] = true
		for _, method := range methods {
			e.Add(method, path, func(c echo.Context) error {
				in := &call{w: c.Response().Writer.(*recorder), r: c.Request(), entry: entryOf(c.Request(), r)}
				in.w.route = path
				if r != toFollow { // a follow is admitted once its transport is known
					var p *problem
					if in.grant, p = s.admit(&in.entry); p != nil {
						return p
					}
				}
				return h(in)
			})
		}
	}
	const get, head = http.MethodGet, http.MethodHead
	on(toPublish, topicRoute, s.publish, http.MethodPost)
	on(toPublish, "/topics/*", s.delete, http.MethodDelete)
	on(toLook, "/topics/*", s.describe, head)
	on(toFollow, "/topics/*", s.followGet, get)
	on(toPublish, "/topics", s.batch, http.MethodPost)
	on(toFollow, "/topics", s.followGet, get)
	on(toFollow, "/follow", s.followBody, http.MethodPost)
	on(toLook, "/livez", s.live, get, head)
	on(toLook, "/readyz", s.ready, get, head)
	on(toLook, "/explain", s.explain, get)
	if !s.options.NoMetrics {
		on(toLook, "/metrics", plain(s.metricsHandler()), get)
		on(toLook, "/pressure", s.showPressure, get, head)
		on(toPublish, "/pressure", s.putPressure, http.MethodPut)
	}
	for name, file := range clientFiles() {
		on(toFetch, "/"+name, file.serve, get, head)
	}
	if !s.options.NoBoard {
		for name, file := range boardFiles(board.Files) {
			on(toLook, name, file.serve, get, head)
		}
	}
	if s.options.Pages != nil {
		on(toFetch, "/*", plain(s.options.Pages), get, head)
	}
	return e
}

func plain(h http.Handler) handler {
	return func(c *call) error {
		h.ServeHTTP(c.w, c.r)
		return nil
	}
}

// fromEcho says echo's own refusals as ours.
func fromEcho(err error, allow string) *problem {
	var status *echo.HTTPError
	if !errors.As(err, &status) {
		return problemOf(err)
	}
	switch status.Code {
	case http.StatusNotFound:
		return notFound.of("")
	case http.StatusMethodNotAllowed:
		p := methodNotAllowed.of("")
		p.allow = allow
		return p
	}
	return problemOf(err)
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isPost(r) && !s.posts(r) {
		s.post(w, r)
		return
	}
	rec := &recorder{ResponseWriter: w, route: "other"}
	defer s.settle(rec, r)
	s.guardBody(rec, r)
	if !s.cors(rec, r) && !s.socket(rec, r) {
		s.echo.ServeHTTP(rec, r)
	}
}

// settle is deferred to the end of a request: it answers where the handler has failed, counts and logs.
func (s *Server) settle(rec *recorder, r *http.Request) {
	if cause := recover(); cause != nil {
		if cause == http.ErrAbortHandler { //nolint:errorlint // it is compared as net/http compares it
			panic(cause)
		}
		s.options.Logger.Error("panic", "route", rec.route, "cause", cause, "stack", string(debug.Stack()))
		if rec.status == 0 {
			s.fail(rec, r, internalError.of(""))
		}
	}
	s.counters.request(rec.route, rec.status)
	s.logRequest(r.Method, r.URL.Path, rec.status)
}

func (s *Server) logRequest(method, path string, status int) {
	if s.options.Logger.Enabled(context.Background(), slog.LevelDebug) {
		s.options.Logger.Debug("request", "method", method, "path", path, "status", status)
	}
}

// fail answers with a problem, unless an answer has begun.
func (s *Server) fail(w *recorder, r *http.Request, p *problem) {
	s.refused(r, p)
	switch {
	case w.status != 0:
	case w.blind || asksBlind(r):
		p.writeBlind(w)
	default:
		p.write(w)
	}
}

// refused counts and logs a problem. What the gateway is to blame for is an error; all else is its daily work.
func (s *Server) refused(r *http.Request, p *problem) {
	s.counters.refused(p.kind)
	level := slog.LevelDebug
	if p.kind == internalError {
		level = slog.LevelError
	}
	s.options.Logger.Log(r.Context(), level, "refused", "method", r.Method, "path", r.URL.Path, "problem", p.kind.code,
		"detail", p.detail, "cause", p.cause)
}

func entryOf(r *http.Request, want right) entry {
	return entry{
		right: want, kind: transport.Poll, host: r.Host, origin: header(r, "Origin"), site: header(r, "Sec-Fetch-Site"),
		dest: header(r, "Sec-Fetch-Dest"), referer: header(r, "Referer"), token: bearer(header(r, "Authorization")), loopback: loopback(r),
	}
}

// header returns a field whose name is in net/http's spelling, which need not be brought about for each request.
func header(r *http.Request, name string) string {
	if values := r.Header[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// loopback reports whether the address that a request came to can be reached from this machine only. Where another
// program's http.Server serves us that is the connection's address; where not even that is known, others may reach it.
func loopback(r *http.Request) bool {
	if known, ok := r.Context().Value(loopbackKey{}).(bool); ok {
		return known
	}
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && local(addr)
}

// hasToken reports whether a comma-separated list has a token, whatever its case.
func hasToken(fields []string, token string) bool {
	for _, field := range fields {
		for element := range strings.SplitSeq(field, ",") {
			if strings.EqualFold(strings.TrimSpace(element), token) {
				return true
			}
		}
	}
	return false
}
