package proxies

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"tidings/gateway"
	"tidings/server"
)

// origin is a gateway under pressure: its plain polls may be shared for a second. It counts what reaches it.
type origin struct {
	*server.Server
	address string
	asked   atomic.Int64 // requests for topics
	fresh   atomic.Int64 // of those, answered 200
	before  atomic.Value // func(): called before each is answered
}

func newOrigin(t *testing.T, o server.Options) *origin {
	t.Helper()
	o.NoBoard, o.NoMetrics = true, true
	s, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	g := &origin{Server: s}
	web := httptest.NewServer(g)
	g.address = strings.TrimPrefix(web.URL, "http://")
	t.Cleanup(func() {
		if err := s.Drain(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		web.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func (g *origin) publish(t *testing.T, data string) {
	t.Helper()
	if _, err := g.Gateway().Publish(t.Context(), gateway.Draft{Topic: "news", Data: []byte(data)}); err != nil {
		t.Fatal(err)
	}
}

func (g *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/topics") {
		g.asked.Add(1)
		if before, _ := g.before.Load().(func()); before != nil {
			before()
		}
		w = &shares{ResponseWriter: w, fresh: &g.fresh, public: !r.URL.Query().Has("since") && !r.URL.Query().Has("session")}
	}
	g.Server.ServeHTTP(w, r)
}

// shares says what the gateway says of its plain polls under pressure.
type shares struct {
	http.ResponseWriter
	fresh  *atomic.Int64
	public bool
}

func (s *shares) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s *shares) WriteHeader(status int) {
	if s.public && s.Header().Get("Cache-Control") == "no-cache" {
		s.Header().Set("Cache-Control", "public, max-age=1")
	}
	if status == http.StatusOK {
		s.fresh.Add(1)
	}
	s.ResponseWriter.WriteHeader(status)
}
