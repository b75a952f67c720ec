package server

import (
	"net/http"
	"strings"

	"tidings/transport"
	"tidings/transport/park"
)

// What pages of other origins may send and see (Fetch standard, "CORS protocol"). Cookies are not used, so that there is
// no Access-Control-Allow-Credentials.
const (
	corsMethods = "GET, HEAD, POST, DELETE"
	corsSend    = "Authorization, Content-Type, Last-Event-ID, Idempotency-Key, If-Match, If-None-Match, Prefer, " +
		"Tidings-Event, Tidings-Key, Tidings-TTL, Tidings-Durability"
	corsSee = "ETag, Retry-After, Tidings-Cursor, Tidings-Count, Tidings-Bytes, Tidings-Followers"
	corsAge = "600" // seconds for which a browser may remember a preflight
)

// corsFields are what lets the page read the answer to a request that was admitted. That answers differ by origin is said beside them:
// by every transport's head, and by cors.
func (s *Server) corsFields(e *entry, cache transport.Cache) []park.Field {
	if cache == transport.CacheForAll {
		return []park.Field{{Name: "Access-Control-Allow-Origin", Value: "*"}, {Name: "Access-Control-Expose-Headers", Value: corsSee}}
	}
	if e.origin == "" {
		return nil
	}
	// The origin is a piece of the request's head, and a held poll keeps its fields.
	return []park.Field{{Name: "Access-Control-Allow-Origin", Value: strings.Clone(e.origin)}, {Name: "Access-Control-Expose-Headers", Value: corsSee}}
}

// cors adds what lets the page read the answer, if its origin is allowed, and answers preflights itself: then it returns
// true.
func (s *Server) cors(w *recorder, r *http.Request) (answered bool) {
	h := w.Header()
	h.Add("Vary", "Origin")
	e := entryOf(r, toLook)
	if e.origin == "" {
		return false
	}
	preflight := r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
	if preflight {
		w.route = "preflight"
		h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
	}
	if _, p := s.admit(&e); p != nil {
		if preflight {
			s.fail(w, r, p)
		}
		return preflight // any other request is refused where it goes
	}
	for _, f := range s.corsFields(&e, transport.CacheNone) {
		h.Set(f.Name, f.Value)
	}
	if preflight {
		h.Set("Access-Control-Allow-Methods", corsMethods)
		h.Set("Access-Control-Allow-Headers", corsSend)
		h.Set("Access-Control-Max-Age", corsAge)
		w.WriteHeader(http.StatusNoContent)
	}
	return preflight
}
