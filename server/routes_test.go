package server

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tidings/metrics"
	"tidings/transport"
	"tidings/transport/park"
)

func TestNoSuchRoute(t *testing.T) {
	s := start(t, Options{})
	tests := []struct {
		method, path string
		status       int
		code         string
		allow        []string
	}{
		{"GET", "/nothing", 404, "not_found", nil},
		{"GET", "/topic/a", 404, "not_found", nil},
		{"POST", "/", 405, "method_not_allowed", []string{"GET", "HEAD"}},
		{"PUT", "/topics/a", 405, "method_not_allowed", []string{"GET", "HEAD", "POST", "DELETE"}},
		{"PATCH", "/topics", 405, "method_not_allowed", []string{"GET", "POST"}},
		{"DELETE", "/topics", 405, "method_not_allowed", []string{"GET", "POST"}},
		{"GET", "/follow", 405, "method_not_allowed", []string{"POST"}},
		{"POST", "/livez", 405, "method_not_allowed", []string{"GET"}},
		{"POST", "/tidings.js", 405, "method_not_allowed", []string{"GET"}},
		{"BREW", "/topics/a", 405, "method_not_allowed", []string{"GET", "POST"}},
		{"GET", "/livez/", 404, "not_found", nil},
		{"GET", "//livez", 404, "not_found", nil},
	}
	for _, test := range tests {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			a := s.ask(test.method, test.path, "")
			if code := a.code(t); a.status != test.status || code != test.code {
				t.Errorf("%d %s, want %d %s", a.status, code, test.status, test.code)
			}
			for _, method := range test.allow {
				if !hasToken(a.header.Values("Allow"), method) {
					t.Errorf("Allow is %q, without %s", a.header.Values("Allow"), method)
				}
			}
		})
	}
}

func TestCORS(t *testing.T) {
	const page = "https://www.example.com"
	s := start(t, Options{Origins: []string{page}})
	s.ask("POST", "/topics/a", "x")
	tests := []struct {
		name, method, path, origin string
		fields                     []string
		status                     int
		allowed                    string
	}{
		{"poll", "GET", "/topics/a", page, nil, 200, page},
		{"publish", "POST", "/topics/a", page, nil, 201, page},
		{"problem", "GET", "/topics/a?since=x", page, nil, 400, page},
		{"no route", "GET", "/nothing", page, nil, 404, page},
		{"loopback page", "GET", "/topics/a", "http://localhost:3000", nil, 200, "http://localhost:3000"},
		{"no page", "GET", "/topics/a", "", nil, 200, ""},
		{"other page", "GET", "/topics/a", "https://evil.example", nil, 403, ""},
		{"other page writes", "POST", "/topics/a", "https://evil.example", nil, 403, ""},
		{"other page deletes", "DELETE", "/topics/a", "https://evil.example", nil, 403, ""},
		{"other page looks", "GET", "/metrics", "https://evil.example", nil, 403, ""},
		{"other page loads the client", "GET", "/tidings.mjs", "https://evil.example", nil, 200, "*"},
		{"preflight", "OPTIONS", "/topics/a", page, []string{"Access-Control-Request-Method: DELETE"}, 204, page},
		{"other page's preflight", "OPTIONS", "/topics/a", "https://evil.example", []string{"Access-Control-Request-Method: POST"}, 403, ""},
		{"no preflight", "OPTIONS", "/topics/a", page, nil, 204, page},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			fields := test.fields
			if test.origin != "" {
				fields = append(fields, "Origin: "+test.origin)
			}
			a := s.ask(test.method, test.path, "", fields...)
			if got := a.header.Get("Access-Control-Allow-Origin"); a.status != test.status || got != test.allowed {
				t.Errorf("%d, allowed %q; want %d, %q: %s", a.status, got, test.status, test.allowed, a.body)
			}
			if !hasToken(a.header.Values("Vary"), "Origin") {
				t.Errorf("Vary is %q", a.header.Values("Vary"))
			}
			if a.header.Get("Access-Control-Allow-Credentials") != "" {
				t.Error("cookies are invited")
			}
		})
	}
	a := s.ask("OPTIONS", "/topics/a", "", "Origin: "+page, "Access-Control-Request-Method: POST")
	for _, field := range []string{"Authorization", "Content-Type", "Idempotency-Key", "If-Match", "Last-Event-ID", "Tidings-Event"} {
		if !hasToken(a.header.Values("Access-Control-Allow-Headers"), field) {
			t.Errorf("a page may not send %s", field)
		}
	}
	for _, method := range []string{"POST", "DELETE"} {
		if !hasToken(a.header.Values("Access-Control-Allow-Methods"), method) {
			t.Errorf("a page may not %s", method)
		}
	}
	a = s.ask("GET", "/topics/a", "", "Origin: "+page)
	for _, field := range []string{"ETag", "Retry-After", "Tidings-Cursor"} {
		if !hasToken(a.header.Values("Access-Control-Expose-Headers"), field) {
			t.Errorf("a page does not see %s", field)
		}
	}
}

func TestFiles(t *testing.T) {
	s := start(t, Options{})
	for path, kind := range map[string]string{
		"/": "text/html; charset=utf-8", "/board/icon.svg": "image/svg+xml", "/board/board.css": "text/css; charset=utf-8",
		"/board/board.js": "text/javascript; charset=utf-8", "/tidings.js": "text/javascript; charset=utf-8",
		"/tidings.mjs": "text/javascript; charset=utf-8", "/tidings.d.ts": "text/plain; charset=utf-8",
		"/tidings-socket.js": "text/javascript; charset=utf-8", "/tidings-socket.mjs": "text/javascript; charset=utf-8",
		"/tidings-socket.d.ts": "text/plain; charset=utf-8",
	} {
		t.Run(path, func(t *testing.T) {
			bare := s.ask("GET", path, "", "Accept-Encoding: gzip;q=0")
			if bare.status != http.StatusOK || bare.header.Get("Content-Type") != kind || bare.body == "" {
				t.Fatalf("%d %v", bare.status, bare.header)
			}
			if bare.header.Get("X-Content-Type-Options") != "nosniff" || bare.header.Get("Cache-Control") == "" {
				t.Errorf("%v", bare.header)
			}
			zipped := s.ask("GET", path, "", "Accept-Encoding: br, GZIP")
			if zipped.header.Get("Content-Encoding") == "gzip" {
				z, err := gzip.NewReader(strings.NewReader(zipped.body))
				if err != nil {
					t.Fatal(err)
				}
				if b, err := io.ReadAll(z); err != nil || string(b) != bare.body {
					t.Errorf("unzipped it is another: %v", err)
				}
				if zipped.header.Get("ETag") == bare.header.Get("ETag") || !hasToken(zipped.header.Values("Vary"), "Accept-Encoding") {
					t.Errorf("caches mix up both: %v", zipped.header)
				}
			}
			for _, tag := range []string{zipped.header.Get("ETag"), "W/" + zipped.header.Get("ETag"), `"x", ` + zipped.header.Get("ETag"), "*"} {
				again := s.ask("GET", path, "", "Accept-Encoding: gzip", "If-None-Match: "+tag)
				if again.status != http.StatusNotModified || again.body != "" {
					t.Errorf("If-None-Match %s: %d", tag, again.status)
				}
			}
			if head := s.ask("HEAD", path, "", "Accept-Encoding: gzip;q=0"); head.status != http.StatusOK || head.header.Get("ETag") != bare.header.Get("ETag") {
				t.Errorf("HEAD: %d %v", head.status, head.header)
			}
		})
	}
	policy := s.ask("GET", "/", "").header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "script-src 'self'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the page's policy %q lacks %s", policy, want)
		}
	}
	if a := s.ask("GET", "/board/embed.go", ""); a.status != http.StatusNotFound {
		t.Errorf("%d for what is no file of the page", a.status)
	}
}

func TestWithoutBoardAndMetrics(t *testing.T) {
	s := start(t, Options{NoBoard: true, NoMetrics: true})
	for path, want := range map[string]int{"/": 404, "/board/board.js": 404, "/metrics": 404, "/tidings.js": 200, "/livez": 200} {
		if a := s.ask("GET", path, ""); a.status != want {
			t.Errorf("%s: %d, want %d", path, a.status, want)
		}
	}
}

// TestPages holds that a program's own pages are where nothing else is, at names that are ours only.
func TestPages(t *testing.T) {
	s := start(t, Options{NoBoard: true, Pages: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "page "+r.URL.Path)
	})})
	for path, want := range map[string]string{"/": "page /", "/a/b": "page /a/b", "/livez": `{"status":"live"}`, "/topics/x": `{"cursor"`} {
		if a := s.ask(http.MethodGet, path, ""); a.status != http.StatusOK || !strings.HasPrefix(a.body, want) {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := s.ask(http.MethodPost, "/a/b", "x"); a.status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", a.status)
	}
	if a := s.ask(http.MethodGet, "/a", "", "Host: evil.example"); a.status != http.StatusMisdirectedRequest {
		t.Errorf("by another name: %d", a.status)
	}
}

func TestHealth(t *testing.T) {
	s := start(t, Options{})
	for path, want := range map[string]string{"/livez": `{"status":"live"}`, "/readyz": `{"status":"ready"}`} {
		if a := s.ask("GET", path, ""); a.status != http.StatusOK || strings.TrimSpace(a.body) != want {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
		if a := s.ask("HEAD", path, ""); a.status != http.StatusOK {
			t.Errorf("HEAD %s: %d", path, a.status)
		}
	}
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := s.ask("GET", "/readyz", ""); a.code(t) != "draining" || a.status != http.StatusServiceUnavailable {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.ask("GET", "/livez", ""); a.status != http.StatusOK {
		t.Errorf("a gateway that stops is alive still: %d", a.status)
	}
}

func TestPulse(t *testing.T) {
	begin := time.Unix(0, 0)
	steps := []struct {
		at           time.Duration
		head, behind uint64
		want         bool
	}{
		{0, 0, 0, true},
		{1 * time.Hour, 10, 0, true}, // nothing to do for long
		{1*time.Hour + 1*time.Second, 20, 10, true},
		{1*time.Hour + 3*time.Second, 500, 490, true},  // appended, not walked
		{1*time.Hour + 7*time.Second, 900, 890, false}, // since too long
		{1*time.Hour + 8*time.Second, 900, 889, true},  // it moves again
		{1*time.Hour + 20*time.Second, 900, 889, false},
		{1*time.Hour + 21*time.Second, 900, 0, true},
	}
	var p pulse
	for i, step := range steps {
		if got := p.beats(step.head, step.behind, begin.Add(step.at)); got != step.want {
			t.Errorf("step %d: %v", i, got)
		}
	}
}

func TestMetrics(t *testing.T) {
	s := start(t, Options{Node: "n1", Version: "1.2.3"})
	s.ask("POST", "/topics/a", "x")
	s.ask("GET", "/topics/secret-name", "")
	s.ask("POST", "/topics/$a", "x")
	s.ask("GET", "/nothing/of/the/kind", "")
	for _, h := range []http.Handler{s.Server, s.Operations()} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		h.ServeHTTP(w, r)
		for _, want := range []string{
			`tidings_http_requests_total{route="/topics/*",status="2xx"} 2`, `tidings_http_requests_total{route="other",status="4xx"} 1`,
			`tidings_http_refusals_total{cause="reserved_topic"} 1`, `tidings_transport_choices_total{cause="default",transport="poll"} 1`,
			`tidings_connections{transport="websocket"} 0`, `tidings_held_polls 0`, `"n1"`, `"1.2.3"`,
		} {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s is missing", want)
			}
		}
		if strings.Contains(w.Body.String(), "secret-name") || strings.Contains(w.Body.String(), "kind/") {
			t.Error("a label holds what a client chose")
		}
	}
}

func TestOperations(t *testing.T) {
	s := start(t, Options{})
	h := s.Operations()
	ask := func(method, path string) int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w.Code
	}
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/metrics": 200, "/topics/a": 404} {
		if got := ask("GET", path); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	if got := ask("HEAD", "/livez"); got != http.StatusOK {
		t.Errorf("HEAD: %d", got)
	}
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := ask("GET", "/readyz"); got != http.StatusServiceUnavailable {
		t.Errorf("%d while it stops", got)
	}
}

func TestOperationsRefuseWithProblems(t *testing.T) {
	h := start(t, Options{}).Operations()
	for _, test := range []struct {
		method, path, code, allow string
		status                    int
	}{
		{"GET", "/", "not_found", "", 404},
		{"GET", "/topics/a", "not_found", "", 404},
		{"GET", "//livez", "not_found", "", 404},
		{"POST", "/livez", "method_not_allowed", "GET, HEAD", 405},
		{"DELETE", "/metrics", "method_not_allowed", "GET, HEAD", 405},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(test.method, "http://gateway"+test.path, nil))
		var p struct {
			Code   string
			Status int
		}
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Errorf("%s %s: %v: %q", test.method, test.path, err, w.Body)
		}
		if w.Code != test.status || p.Status != test.status || p.Code != test.code ||
			w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("Allow") != test.allow {
			t.Errorf("%s %s: %d %v %s", test.method, test.path, w.Code, w.Header(), w.Body)
		}
	}
}

func TestStats(t *testing.T) {
	s := start(t, Options{})
	resp := s.open("GET", "/topics/a?transport=sse", nil)
	defer resp.Body.Close()
	for s.Stats().Connections["sse"] == 0 { // the follower is made while its head is on its way
		s.ask("GET", "/livez", "")
	}
	stats := s.Stats()
	if stats.Connections["sse"] != 1 || stats.Connections["websocket"] != 0 || stats.HeldPolls != 0 {
		t.Errorf("%+v", stats)
	}
	if stats.Requests[metrics.Request{Route: "/livez", Status: 200}] == 0 && stats.Connections["sse"] == 0 {
		t.Errorf("%+v", stats)
	}
}

// TestPanic: one broken request ends as an internal error and nothing of it gets out.
func TestPanic(t *testing.T) {
	var log bytes.Buffer
	s := startWith(t, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}, func(s *Server) { s.transports[transport.Poll] = broken{} })
	a := s.ask("GET", "/topics/a", "")
	if a.code(t) != "internal_error" || strings.Contains(a.body, "a secret") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if !strings.Contains(log.String(), "a secret") || !strings.Contains(log.String(), "broken.Serve") {
		t.Errorf("the log does not help: %s", log.String())
	}
}

type broken struct{}

func (broken) Kind() transport.Kind { return transport.Poll }

func (broken) Serve(park.Exchange, *transport.Request) (int, error) { panic("a secret") }
