package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"tidings/transport"
	"tidings/transport/park"
)

// Each test here is an attack that some gateway has fallen for.

// TestDNSRebinding: a page whose own name now resolves to this machine asks under that name, from its own origin.
func TestDNSRebinding(t *testing.T) {
	s := start(t, Options{})
	for _, method := range []string{"GET", "POST", "HEAD", "DELETE"} {
		a := s.ask(method, "/topics/a", "", "Host: evil.example:8080", "Origin: http://evil.example:8080", "Sec-Fetch-Site: same-origin")
		if a.status != http.StatusMisdirectedRequest {
			t.Errorf("%s: %d %s", method, a.status, a.body)
		}
	}
	for _, path := range []string{"/", "/metrics", "/topics?topic=a", "/tidings.js"} {
		if a := s.ask("GET", path, "", "Host: evil.example"); a.code(t) != "forbidden_host" {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	fields := append(strings.Split(upgrade, "\n"), "Host: evil.example")
	if a := s.ask("GET", "/topics/a", "", fields...); a.code(t) != "forbidden_host" {
		t.Errorf("WebSocket: %d %s", a.status, a.body)
	}
}

// TestCrossOriginWrites: a page elsewhere posts what needs no preflight to a gateway on its visitor's machine.
func TestCrossOriginWrites(t *testing.T) {
	s := start(t, Options{})
	for name, fields := range map[string][]string{
		"fetch":             {"Origin: https://evil.example", "Sec-Fetch-Site: cross-site", "Content-Type: text/plain"},
		"old browser":       {"Origin: https://evil.example", "Content-Type: text/plain"},
		"sandbox":           {"Origin: null", "Content-Type: text/plain"},
		"form without page": {"Sec-Fetch-Site: cross-site", "Content-Type: application/x-www-form-urlencoded"},
		"sister site":       {"Origin: https://a.example.com", "Sec-Fetch-Site: same-site"},
	} {
		for _, path := range []string{"/topics/a", "/topics"} {
			if a := s.ask("POST", path, "x", fields...); a.code(t) != "forbidden_origin" || a.status != http.StatusForbidden {
				t.Errorf("%s to %s: %d %s", name, path, a.status, a.body)
			}
		}
	}
	if n := s.Gateway().Stats().Published; n != 0 {
		t.Errorf("%d were stored", n)
	}
}

// TestCrossSiteWebSocket: no preflight and no same-origin policy guard WebSockets; the server alone can.
func TestCrossSiteWebSocket(t *testing.T) {
	s := start(t, Options{})
	fields := append(strings.Split(upgrade, "\n"), "Origin: https://evil.example")
	if a := s.ask("GET", "/topics/a", "", fields...); a.code(t) != "forbidden_origin" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestForgedForwarding: fields that name another client or host give no right that the connection does not have.
func TestForgedForwarding(t *testing.T) {
	forged := []string{
		"X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1", "Forwarded: for=127.0.0.1;host=localhost", "X-Forwarded-Host: localhost",
		"True-Client-IP: 127.0.0.1", "X-HTTP-Method-Override: GET", "X-Original-URL: /livez", "X-Rewrite-URL: /livez",
	}
	public := startPublic(t, Options{})
	if a := public.ask("POST", "/topics/a", "x", forged...); a.code(t) != "unauthorized" {
		t.Errorf("%d %s", a.status, a.body)
	}
	loopback := start(t, Options{})
	if a := loopback.ask("GET", "/topics/a", "", append(forged, "Host: evil.example")...); a.code(t) != "forbidden_host" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestPublicWithoutKey: embedded into a program that listens to the world, the server still takes no message from it.
func TestPublicWithoutKey(t *testing.T) {
	s := startPublic(t, Options{})
	for method, path := range map[string]string{"POST": "/topics/a", "DELETE": "/topics/a"} {
		if a := s.ask(method, path, "x"); a.code(t) != "unauthorized" || a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %s", method, a.status, a.body)
		}
	}
	if a := s.ask("GET", "/topics/a", ""); a.status != http.StatusOK {
		t.Errorf("following is public: %d %s", a.status, a.body)
	}
	if a := startPublic(t, Options{Insecure: true}).ask("POST", "/topics/a", "x"); a.status != http.StatusCreated {
		t.Errorf("told to be insecure: %d %s", a.status, a.body)
	}
}

// TestKeyGuardsEveryWrite: what needs the key needs it on every way in, and the key does not travel in a URL.
func TestKeyGuardsEveryWrite(t *testing.T) {
	s := start(t, Options{PublishKeys: []string{"k1"}})
	for _, way := range []struct{ method, path, kind string }{
		{"POST", "/topics/a", "text/plain"},
		{"POST", "/topics/a?authorization=Bearer+k1&token=k1&access_token=k1", "text/plain"},
		{"POST", "/topics", "application/x-ndjson"},
		{"POST", "/topics", "application/json"},
		{"DELETE", "/topics/a", ""},
	} {
		if a := s.ask(way.method, way.path, `{"topic":"a","data":"x"}`, "Content-Type: "+way.kind); a.code(t) != "unauthorized" {
			t.Errorf("%s %s: %d %s", way.method, way.path, a.status, a.body)
		}
	}
	if a := s.ask("POST", "/topics/a", "x", "Authorization: Bearer k1"); a.status != http.StatusCreated {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestSmuggledBytes: what is encoded in a path becomes neither a header, nor another path, nor a shorter string.
func TestSmuggledBytes(t *testing.T) {
	s := start(t, Options{})
	for _, path := range []string{
		"a%0d%0aX-Evil:%201", "a%0aX-Evil:1", "a%00b", "a%2fb", "a%2Fb", "%2e%2e/metrics", "..%2fmetrics", "a%7f", "a%c2%9f", "a%ed%a0%80", "a%80", "./a", "a/.",
	} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			a := s.ask(method, "/topics/"+path, "")
			if a.code(t) != "invalid_topic" || a.header.Get("X-Evil") != "" {
				t.Errorf("%s %s: %d %v", method, path, a.status, a.header)
			}
		}
	}
	// Decoded once, and only once.
	if a := s.ask("POST", "/topics/a%252fb", "x"); !strings.Contains(a.body, `"topic":"a%2fb"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestSlowBody: a body that stops coming is given up, and its connection with it.
func TestSlowBody(t *testing.T) {
	s := start(t, Options{BodyTimeout: time.Millisecond})
	for _, head := range []string{
		"POST /topics/a HTTP/1.1\r\nContent-Type: text/plain",
		"POST /topics HTTP/1.1\r\nContent-Type: application/x-ndjson",
		"POST /topics HTTP/1.1\r\nContent-Type: application/json",
		"POST /follow HTTP/1.1\r\nContent-Type: application/json",
	} {
		c := s.dial(head + "\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n1")
		if a := s.read(c); a.code(t) != "body_timeout" || a.status != http.StatusRequestTimeout {
			t.Errorf("%s: %d %s", head, a.status, a.body)
		}
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("%s: the connection is open still: %v", head, err)
		}
	}
	if n := s.Gateway().Stats().Published; n != 0 {
		t.Errorf("%d were stored", n)
	}
}

// TestUnreadBody: a request that is refused before its body is looked at does not hold its connection until that body comes.
func TestUnreadBody(t *testing.T) {
	s := start(t, Options{BodyTimeout: time.Millisecond, PublishKeys: []string{"k1"}})
	for target, want := range map[string]string{
		"POST /topics/a": "unauthorized", "DELETE /topics/a": "unauthorized", "POST /nothing": "not_found", "GET /topics/a": "bad_request",
	} {
		c := s.dial(target + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n1")
		if a := s.read(c); a.code(t) != want {
			t.Errorf("%s: %d %s", target, a.status, a.body)
		}
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("%s: the connection is open still: %v", target, err)
		}
	}
}

// TestDeadlineEndsWithBody: the bound on a body does not bound what is answered after it. A deadline that net/http left
// behind would end the request's context.
func TestDeadlineEndsWithBody(t *testing.T) {
	const bound = 100 * time.Millisecond
	s := startWith(t, Options{BodyTimeout: bound}, func(s *Server) { s.transports[transport.Poll] = patient{2 * bound} })
	a := s.ask("POST", "/follow", `{"follow":[{"topic":"a"}]}`, "Content-Type: application/json")
	if a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// patient answers after a while, unless its client has left.
type patient struct{ after time.Duration }

func (patient) Kind() transport.Kind { return transport.Poll }

func (p patient) Serve(x park.Exchange, _ *transport.Request) (int, error) {
	h := x.Hold()
	time.AfterFunc(p.after, func() { h.Reply(park.Reply{Head: noFields}) })
	h.Serve(p)
	return http.StatusOK, nil
}

func (patient) Data([]byte) bool { return false }
func (patient) Ready()           {}
func (patient) Gone()            {}

// TestOversized: neither an announced length nor one that comes in chunks costs memory past the limit.
func TestOversized(t *testing.T) {
	s := start(t, Options{MessageBytes: 1000})
	announced := s.dial("POST /topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000000000000000\r\n\r\n")
	if a := s.read(announced); a.code(t) != "too_large" {
		t.Errorf("%d %s", a.status, a.body)
	}
	chunked := s.dial("POST /topics/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + strings.Repeat("x", 2000))
	if a := s.read(chunked); a.code(t) != "too_large" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestAmbiguousLength: a request with two lengths is read in one way and leaves nothing behind as a second request.
func TestAmbiguousLength(t *testing.T) {
	s := start(t, Options{})
	c := s.dial("POST /topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\nContent-Length: 5\r\n\r\n123456")
	if a := s.read(c); a.status != http.StatusBadRequest {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestManyTopics: a list over the limit is refused before anything is looked up, however it comes.
func TestManyTopics(t *testing.T) {
	s := start(t, Options{})
	var list []string
	for i := range 1000 {
		list = append(list, fmt.Sprintf(`{"topic":"t/%d"}`, i))
	}
	body := `{"follow":[` + strings.Join(list, ",") + `]}`
	if a := s.ask("POST", "/follow", body, "Content-Type: text/plain"); a.code(t) != "too_many_topics" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.ask("GET", "/topics?"+strings.Repeat("topic=t&", 1000), ""); a.code(t) != "too_many_topics" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestHugeSince: a position that no log has reached is answered and waits for nothing.
func TestHugeSince(t *testing.T) {
	s := start(t, Options{})
	s.ask("POST", "/topics/a", "x")
	for _, since := range []string{"aaaaaaaa-9007199254740991", s.Gateway().Epoch() + "-9007199254740991", "last:1000000", "2540400h", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"} {
		if a := s.ask("GET", "/topics/a?since="+since, ""); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", since, a.status, a.body)
		}
	}
}

// TestNothingSecretIsLogged: keys and bodies stay out of the log at every level.
func TestNothingSecretIsLogged(t *testing.T) {
	var log bytes.Buffer
	s := start(t, Options{
		PublishKeys: []string{"the-key"},
		Logger:      slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	s.ask("POST", "/topics/a?idempotency_key=the-key", "the-body", "Authorization: Bearer the-key")
	s.ask("POST", "/topics/a", "the-body", "Authorization: Bearer the-wrong-key")
	s.ask("POST", "/topics", "the-body", "Authorization: Bearer the-key", "Content-Type: application/json")
	if log.Len() == 0 {
		t.Fatal("nothing is logged")
	}
	for _, secret := range []string{"the-key", "the-body", "the-wrong-key"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%s is in the log:\n%s", secret, log.String())
		}
	}
}
