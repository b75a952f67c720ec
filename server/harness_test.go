package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a server that is being tried, and a client of it.
type site struct {
	*Server
	t    *testing.T
	url  string
	http *http.Client
}

// start serves o at a loopback address until the test ends.
func start(t *testing.T, o Options) *site {
	t.Helper()
	return startWith(t, o, func(*Server) {})
}

// startWith is start for a server that is changed before it serves.
func startWith(t *testing.T, o Options, change func(*Server)) *site {
	t.Helper()
	s := newServer(t, o)
	change(s)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ln) }()
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		stop()
		if err := errors.Join(<-served, s.Close()); err != nil {
			t.Error(err)
		}
	})
	return &site{Server: s, t: t, url: "http://" + ln.Addr().String(), http: &http.Client{Transport: transport}}
}

func newServer(t *testing.T, o Options) *Server {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// startPublic serves o as if at an address that others reach.
func startPublic(t *testing.T, o Options) *site {
	t.Helper()
	return startAs(t, o, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), loopbackKey{}, false)))
		})
	})
}

func startAs(t *testing.T, o Options, wrap func(http.Handler) http.Handler) *site {
	t.Helper()
	s := newServer(t, o)
	web := httptest.NewServer(wrap(s))
	t.Cleanup(func() {
		if err := s.Drain(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		web.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &site{Server: s, t: t, url: web.URL, http: web.Client()}
}

// answer is an answer, read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends one request. Fields are "Name: value"; "Host: value" sets the host.
func (s *site) ask(method, path, body string, fields ...string) answer {
	s.t.Helper()
	resp := s.open(method, path, strings.NewReader(body), fields...)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

// open sends one request and returns the answer with its body unread.
func (s *site) open(method, path string, body io.Reader, fields ...string) *http.Response {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		if name == "Host" {
			req.Host = value
			continue
		}
		req.Header.Add(name, value)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp
}

// code returns the code of a problem, after checking that it is one.
func (a answer) code(t *testing.T) string {
	t.Helper()
	var p struct {
		Type, Title, Code string
		Status            int
	}
	if a.header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("status %d, %s is no problem: %s", a.status, a.header.Get("Content-Type"), a.body)
	}
	a.decode(t, &p)
	if p.Status != a.status || p.Type != problemType+p.Code || p.Title == "" {
		t.Errorf("status %d with the problem %s", a.status, a.body)
	}
	return p.Code
}

func (a answer) decode(t *testing.T, into any) {
	t.Helper()
	if err := json.NewDecoder(bytes.NewReader([]byte(a.body))).Decode(into); err != nil {
		t.Fatalf("%q: %v", a.body, err)
	}
}

// page is a poll's answer.
type page struct {
	Cursor string
	Items  []struct {
		Topic, Type, Event, Key string
		Seq, Prev               uint64
		Data                    any
		Data64                  string
		Gap                     any
	}
	More bool
}

// poll reads a topic from its start.
func (s *site) poll(path string, fields ...string) page {
	s.t.Helper()
	a := s.ask("GET", path, "", fields...)
	if a.status != http.StatusOK {
		s.t.Fatalf("GET %s: %d %s", path, a.status, a.body)
	}
	var p page
	a.decode(s.t, &p)
	return p
}
