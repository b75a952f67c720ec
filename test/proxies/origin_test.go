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
	o.Pressure.Level = "ask"
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
		w = &counted{ResponseWriter: w, fresh: &g.fresh}
	}
	g.Server.ServeHTTP(w, r)
}

// counted counts the answers that have a body.
type counted struct {
	http.ResponseWriter
	fresh *atomic.Int64
}

func (s *counted) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s *counted) WriteHeader(status int) {
	if status == http.StatusOK {
		s.fresh.Add(1)
	}
	s.ResponseWriter.WriteHeader(status)
}
