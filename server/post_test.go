package server

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestPostIsWhatTheRouterAnswers holds the short way of a publish against that by the router.
func TestPostIsWhatTheRouterAnswers(t *testing.T) {
	type asked struct {
		path, body string
		fields     []string
	}
	requests := []asked{
		{"/topics/a", "x", nil},
		{"/topics/a/b?event=e&key=k&ttl=10", "x", []string{"Content-Type: text/html"}},
		{"/topics/a", "", []string{"Tidings-Event: e", "Tidings-Key: k", "Tidings-TTL: 1h", "Tidings-Durability: memory"}},
		{"/topics/a", "x", []string{"Idempotency-Key: k"}},
		{"/topics/a", "x", []string{"Idempotency-Key: k"}},
		{"/topics/a", "y", []string{"Idempotency-Key: k"}},
		{"/topics/a", "x", []string{"If-None-Match: *"}},
		{"/topics/a", "x", []string{`If-Match: "aaaaaaaa-1"`}},
		{"/topics/a", "x", []string{"Content-Encoding: gzip"}},
		{"/topics/a", "{", []string{"Content-Type: application/json"}},
		{"/topics/a", "x", []string{"Content-Type: nonsense"}},
		{"/topics/a", strings.Repeat("x", 1001), nil},
		{"/topics/", "x", nil},
		{"/topics/a//b", "x", nil},
		{"/topics/$a", "x", nil},
		{"/topics/%C3%A9%20b", "x", nil},
		{"/topics/a%00", "x", nil},
		{"/topics/a?x=%zz", "x", nil},
		{"/topics/a", "x", []string{"Host: evil.example"}},
		{"/topics/a", "x", []string{"Sec-Fetch-Site: cross-site"}},
		{"/topics/a", "x", []string{"Authorization: Bearer wrong"}},
	}
	for _, keys := range [][]string{nil, {"k1"}} {
		var servers [2]*site
		for i := range servers {
			servers[i] = start(t, Options{MessageBytes: 1000, PublishKeys: keys})
		}
		for _, ask := range requests {
			var answers [2]string
			for i, s := range servers {
				r := httptest.NewRequest(http.MethodPost, ask.path, strings.NewReader(ask.body)).WithContext(asLoopback(t))
				r.Host = "localhost"
				for _, field := range ask.fields {
					name, value, _ := strings.Cut(field, ": ")
					if name == "Host" {
						r.Host = value
						continue
					}
					r.Header.Set(name, value)
				}
				if keys != nil && r.Header.Get("Authorization") == "" {
					r.Header.Set("Authorization", "Bearer k1")
				}
				w := httptest.NewRecorder()
				if i == 0 {
					if !isPost(r) {
						t.Fatalf("%s does not go the short way", ask.path)
					}
					s.ServeHTTP(w, r)
				} else {
					rec := &recorder{ResponseWriter: w, route: "other"}
					s.echo.ServeHTTP(rec, r)
					s.counters.request(rec.route, rec.status)
				}
				w.Header().Del("Vary")
				var out bytes.Buffer
				_ = w.Result().Write(&out)
				answers[i] = strings.ReplaceAll(out.String(), s.Gateway().Epoch(), "epoch")
			}
			if answers[0] != answers[1] {
				t.Errorf("%v:\n%s\nand by the router\n%s", ask, answers[0], answers[1])
			}
		}
		counts := [2]map[string]int{{}, {}}
		for i, s := range servers {
			for of, n := range s.Stats().Requests {
				counts[i][of.Route+http.StatusText(of.Status)] += int(n)
			}
		}
		if got, want := marshal(counts[0]), marshal(counts[1]); got != want {
			t.Errorf("counted %s, want %s", got, want)
		}
	}
}

// asLoopback is the context of a request that came to a loopback address.
func asLoopback(t *testing.T) context.Context {
	t.Helper()
	return context.WithValue(t.Context(), loopbackKey{}, true)
}

func TestWhatGoesTheShortWay(t *testing.T) {
	for target, want := range map[string]bool{
		"POST /topics/a": true, "POST /topics/": true, "POST /topics": false, "GET /topics/a": false, "POST /topics/a%2fb": false,
		"POST /%74opics/a": false, "POST /follow": false, "PUT /topics/a": false, "DELETE /topics/a": false,
	} {
		method, path, _ := strings.Cut(target, " ")
		r := httptest.NewRequest(method, path, http.NoBody)
		if got := isPost(r); got != want {
			t.Errorf("%s: %v", target, got)
		}
		if r.Header.Set("Origin", "http://localhost"); isPost(r) {
			t.Errorf("%s of a page goes the short way", target)
		}
	}
}

// TestAPostAllocatesLittle: what the log keeps (the message, its place, its link, its data) and the cursor's field, which net/http writes
// after the handler.
func TestAPostAllocatesLittle(t *testing.T) {
	s := start(t, Options{})
	came, body := new(content), []byte("12345")
	r := httptest.NewRequest(http.MethodPost, "/topics/a", http.NoBody).WithContext(asLoopback(t))
	r.Host, r.Body, r.ContentLength = "localhost", came, 5
	w := &inProcess{header: http.Header{}}
	const most = 6 + 2 // under the race detector pools forget now and then
	if n := testing.AllocsPerRun(2000, func() {
		came.rest = body
		clear(w.header)
		s.ServeHTTP(w, r)
	}); n > most || w.status != http.StatusCreated {
		t.Errorf("a publish allocates %v times, and answers %d", n, w.status)
	}
}

// TestABatchAllocatesWhatIsKept: for each message the same as above, and for the batch a few more.
func TestABatchAllocatesWhatIsKept(t *testing.T) {
	const kept = 4
	s := start(t, Options{})
	came := new(content)
	r := httptest.NewRequest(http.MethodPost, "/topics", http.NoBody).WithContext(asLoopback(t))
	r.Host, r.Body, r.ContentLength = "localhost", came, -1
	r.Header.Set("Content-Type", "application/x-ndjson")
	r.Header.Set("Prefer", "return=minimal")
	w := &inProcess{header: http.Header{}}
	lines := batchOf(batchLines)
	if n := testing.AllocsPerRun(50, func() {
		came.rest = lines
		clear(w.header)
		s.ServeHTTP(w, r)
	}); n > kept*batchLines+50 || w.status != http.StatusOK {
		t.Errorf("a batch of %d allocates %v times, and answers %d", batchLines, n, w.status)
	}
}

// TestABatchKeepsNoBuffer: messages have memory of their own, so that the pooled buffer they came in is free for the next.
func TestABatchKeepsNoBuffer(t *testing.T) {
	s := start(t, Options{})
	for _, kind := range []string{"application/x-ndjson", "application/json"} {
		for i := range 20 {
			text := strings.Repeat(string(rune('a'+i)), 50)
			line := `{"topic":"` + text + `","data":"` + text + `","event":"` + text + `","key":"` + text + `"}`
			if kind == "application/json" {
				line = "[" + line + "]"
			}
			if a := s.ask("POST", "/topics", line, "Content-Type: "+kind); a.status != http.StatusOK {
				t.Fatal(a.body)
			}
		}
		for i := range 20 {
			text := strings.Repeat(string(rune('a'+i)), 50)
			p := s.poll("/topics/" + text)
			for _, m := range p.Items {
				if m.Topic != text || m.Data != text || m.Event != text || m.Key != text {
					t.Errorf("%s became %+v", text, m)
				}
			}
			if len(p.Items) == 0 {
				t.Errorf("%s is not there", text)
			}
		}
		s.ask("POST", "/topics", strings.Repeat("#", 1000), "Content-Type: "+kind)
	}
	if !utf8.ValidString(s.ask("GET", "/topics?topic=**&since=all", "").body) {
		t.Error("the history is not what was published")
	}
}
