package server

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"tidings/gateway"
	"tidings/transport"
	"tidings/transport/wire"
)

const (
	goodPage = "https://good.example"
	badPage  = "https://bad.example"
)

// TestScripts: what a page that may read gets by script, and that nobody else does.
func TestScripts(t *testing.T) {
	s, fakes := startFakes(t, Options{Iframe: true, JSONP: true, Origins: []string{goodPage}})
	iframe := func(fields ...string) []string { return append(fields, "Sec-Fetch-Dest: iframe") }
	for _, c := range []struct {
		name   string
		target string
		fields []string
		kind   transport.Kind
		want   string // what show says, or the code of a refusal
	}{
		{"JSONP", "callback=f", []string{"Referer: " + goodPage + "/a?b"}, transport.Poll, "a@all calls f"},
		{"JSONP of an unusual spelling", "callback=f", []string{"Referer: HTTPS://Good.Example"}, transport.Poll, "a@all calls f"},
		{"JSONP in our page", "callback=f", []string{"Sec-Fetch-Site: same-origin", "Sec-Fetch-Dest: script"}, transport.Poll, "a@all calls f"},
		{"JSONP in our page, old browser", "callback=f", []string{"Referer: OWN/"}, transport.Poll, "a@all calls f"},
		{"JSONP with an Origin", "callback=f", []string{"Origin: " + goodPage, "Sec-Fetch-Site: cross-site"}, transport.Poll, "a@all calls f"},
		{"JSONP held", "callback=a.b&wait=2", []string{"Referer: " + goodPage}, transport.LongPoll, "a@now wait=2s calls a.b"},
		{"JSONP elsewhere", "callback=f", []string{"Referer: " + badPage, "Sec-Fetch-Site: cross-site"}, 0, "forbidden_origin"},
		{"JSONP with an Origin elsewhere", "callback=f", []string{"Origin: " + badPage, "Referer: " + goodPage}, 0, "ERROR forbidden_origin"},
		{"JSONP at a sister", "callback=f", []string{"Referer: https://good.example.bad.example/https://good.example", "Sec-Fetch-Site: same-site"}, 0, "forbidden_origin"},
		{"JSONP in a name's clothes", "callback=f", []string{"Referer: https://good.example@bad.example/"}, 0, "forbidden_origin"},
		{"JSONP without Referer", "callback=f", nil, 0, "forbidden_origin"},
		{"JSONP without Referer from elsewhere", "callback=f", []string{"Sec-Fetch-Site: cross-site"}, 0, "forbidden_origin"},
		{"JSONP of no URL", "callback=f", []string{"Referer: ://"}, 0, "forbidden_origin"},
		{"JSONP of code", "callback=f();g", []string{"Referer: " + goodPage}, 0, "bad_request"},
		{"JSONP of a call", "callback=f()", []string{"Referer: " + goodPage}, 0, "invalid_parameter"},
		{"JSONP of too long a name", "callback=" + strings.Repeat("f", 65), []string{"Referer: " + goodPage}, 0, "invalid_parameter"},
		{"JSONP for a stream", "callback=f&transport=stream", []string{"Referer: " + goodPage}, 0, "invalid_parameter"},
		{"JSONP for SSE", "callback=f", []string{"Referer: " + goodPage, "Accept: text/event-stream"}, 0, "invalid_parameter"},

		{"iframe calls", "transport=iframe&callback=f", nil, transport.Stream, "a@now text/html session calls f"},
		{"iframe calls our page", "transport=iframe&callback=f", iframe("Sec-Fetch-Site: same-origin"), transport.Stream, "a@now text/html session calls f"},
		{"iframe posts", "transport=iframe&origin=" + goodPage, nil, transport.Stream, "a@now text/html session posts to " + goodPage},
		{"iframe posts to another page", "transport=iframe&origin=HTTPS://GOOD.example", iframe("Sec-Fetch-Site: cross-site"), transport.Stream, "a@now text/html session posts to " + goodPage},
		{"frame posts to our page", "transport=iframe&origin=OWN", []string{"Sec-Fetch-Dest: frame"}, transport.Stream, "a@now text/html session posts to OWN"},
		{"iframe is sent here by another page", "transport=iframe&callback=f", iframe("Sec-Fetch-Site: cross-site"), 0, "forbidden_origin"},
		{"iframe is sent here by a sister", "transport=iframe&callback=f", iframe("Sec-Fetch-Site: same-site"), 0, "forbidden_origin"},
		{"no iframe", "transport=iframe&callback=f", []string{"Sec-Fetch-Dest: document", "Sec-Fetch-Site: none"}, 0, "forbidden_origin"},
		{"an object", "transport=iframe&origin=" + goodPage, []string{"Sec-Fetch-Dest: object"}, 0, "forbidden_origin"},
		{"a script", "transport=iframe&origin=" + goodPage, []string{"Sec-Fetch-Dest: script"}, 0, "forbidden_origin"},
		{"iframe posts to who may not read", "transport=iframe&origin=" + badPage, nil, 0, "forbidden_origin"},
		{"iframe posts to who may not read, it says ours", "transport=iframe&origin=" + badPage, iframe("Sec-Fetch-Site: same-origin"), 0, "forbidden_origin"},
		{"iframe posts to all", "transport=iframe&origin=*", nil, 0, "invalid_parameter"},
		{"iframe posts to null", "transport=iframe&origin=null", nil, 0, "invalid_parameter"},
		{"iframe posts to a page's URL", "transport=iframe&origin=" + goodPage + "/", nil, 0, "invalid_parameter"},
		{"iframe adds a directive", "transport=iframe&origin=" + goodPage + "%3B", nil, 0, "invalid_parameter"},
		{"iframe adds an origin", "transport=iframe&origin=" + goodPage + "%20*", nil, 0, "invalid_parameter"},
		{"iframe ends a string", "transport=iframe&origin=https://%22)", nil, 0, "invalid_parameter"},
		{"iframe for nobody", "transport=iframe", nil, 0, "invalid_parameter"},
		{"iframe for two", "transport=iframe&callback=f&origin=" + goodPage, nil, 0, "invalid_parameter"},
		{"iframe of code", "transport=iframe&callback=f%3Cscript", nil, 0, "invalid_parameter"},

		// Who may be told is told in its own way.
		{"JSONP of nothing", "callback=f&since=never", []string{"Referer: " + goodPage}, 0, "ERROR invalid_since"},
		{"JSONP of too many since", "callback=f&since=now&since=now", []string{"Referer: " + goodPage}, 0, "ERROR invalid_since"},
		{"JSONP of a wrong wait", "callback=f&wait=x", []string{"Referer: " + goodPage}, 0, "ERROR invalid_parameter"},
		{"JSONP of no transport", "callback=f&transport=pigeon", []string{"Referer: " + goodPage}, 0, "ERROR invalid_parameter"},
		{"iframe of nothing", "transport=iframe&callback=f&since=never", nil, 0, "ERROR invalid_since"},
		{"iframe of nothing, posted", "transport=iframe&origin=" + goodPage + "&since=never", nil, 0, "ERROR invalid_since"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fields := make([]string, len(c.fields))
			for i, f := range c.fields {
				fields[i] = strings.ReplaceAll(f, "OWN", s.url)
			}
			a := s.ask("GET", "/topics/a?"+strings.ReplaceAll(c.target, "OWN", s.url), "", fields...)
			kind, got := served(t, fakes)
			if code, told := strings.CutPrefix(c.want, "ERROR "); told {
				if got != nil || a.status != http.StatusOK || refusalOf(t, a) != code {
					t.Errorf("%d %s", a.status, a.body)
				}
				return
			}
			if !strings.Contains(c.want, "@") {
				if got != nil || a.code(t) != c.want {
					t.Errorf("%d %s", a.status, a.body)
				}
				return
			}
			if got == nil {
				t.Fatalf("%d %s", a.status, a.body)
			}
			if kind != c.kind || show(got) != strings.ReplaceAll(c.want, "OWN", s.url) {
				t.Errorf("%s: %s, want %s", kind, show(got), c.want)
			}
		})
	}
}

// refusalOf returns the code of a refusal by script, after checking its form.
func refusalOf(t *testing.T, a answer) string {
	t.Helper()
	body, ok := strings.CutPrefix(a.body, "/**/f(")
	mediaType, end := "text/javascript; charset=utf-8", ");"
	if !ok {
		mediaType, end = "text/html; charset=utf-8", ")</script>\n"
		rest, framed := strings.CutPrefix(a.body, wire.ScriptPrelude+"<script>function p(o){parent.")
		if _, body, ok = strings.Cut(rest, "<script>p("); !ok || !framed {
			t.Fatalf("%q", a.body)
		}
	}
	if a.header.Get("Content-Type") != mediaType || a.header.Get("X-Content-Type-Options") != "nosniff" ||
		!strings.HasPrefix(a.header.Get("Cache-Control"), "no-store") || strings.Count(body, "\n") > 1 {
		t.Errorf("%v, %q", a.header, body)
	}
	var got struct{ Error problemJSON }
	if err := json.Unmarshal([]byte(strings.TrimSuffix(body, end)), &got); err != nil {
		t.Fatalf("%v in %q", err, body)
	}
	return got.Error.Code
}

// TestScriptsAreOff: nothing is a script unless it is switched on, whoever asks.
func TestScriptsAreOff(t *testing.T) {
	s := start(t, Options{Origins: []string{"*"}, Off: []transport.Kind{transport.SSE}})
	for target, code := range map[string]string{
		"/topics/a?callback=f":                          "jsonp_off",
		"/topics/a?callback=f&wait=1":                   "jsonp_off",
		"/topics/a?transport=iframe&callback=f":         "transport_off",
		"/topics/a?transport=iframe&origin=" + goodPage: "transport_off",
	} {
		a := s.ask("GET", target, "", "Sec-Fetch-Site: same-origin")
		if a.code(t) != code || a.status != http.StatusNotAcceptable {
			t.Errorf("%s: %d %s", target, a.status, a.body)
		}
		if code == "transport_off" {
			var p struct{ Offer transport.Offer }
			if a.decode(t, &p); strings.Join(p.Offer.Transports, " ") != "websocket stream longpoll poll" {
				t.Errorf("%s says that there are %v", target, p.Offer.Transports)
			}
		}
	}
	if a := s.ask("POST", "/follow", `{"follow":[{"topic":"a"}],"transport":"iframe"}`, "Content-Type: text/plain"); a.code(t) != "invalid_parameter" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestScriptsForAll: where all origins are allowed nobody is asked for his, and yet a function is called in our own pages only.
func TestScriptsForAll(t *testing.T) {
	s := start(t, Options{Origins: []string{"*"}, Iframe: true, JSONP: true})
	s.ask("POST", "/topics/a", "one")
	if a := s.ask("GET", "/topics/a?callback=f", "", "Sec-Fetch-Site: cross-site"); !strings.HasPrefix(a.body, `/**/f({"cursor":`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.ask("GET", "/topics/a?transport=iframe&callback=f", "", "Sec-Fetch-Site: cross-site"); a.code(t) != "forbidden_origin" {
		t.Errorf("%d %s", a.status, a.body)
	}
	for target, around := range map[string]string{
		"&callback=f": "'self'", "&origin=" + badPage: badPage, "&origin=https://[::1]:81": "https://[::1]:81",
	} {
		resp := s.open("GET", "/topics/a?transport=iframe"+target, nil, "Sec-Fetch-Dest: iframe")
		for field, want := range map[string]string{
			"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no",
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; frame-ancestors " + around,
		} {
			if got := resp.Header.Get(field); got != want {
				t.Errorf("%s: %s is %q, want %q", target, field, got, want)
			}
		}
		resp.Body.Close()
	}
}

// TestScriptsComeBack: what is worth trying again is told with a time.
func TestScriptsComeBack(t *testing.T) {
	s, fakes := startFakes(t, Options{Iframe: true, JSONP: true})
	for _, kind := range []transport.Kind{transport.Poll, transport.Stream} {
		fakes[kind].fail(gateway.ErrClosed)
	}
	for _, target := range []string{"/topics/a?callback=f", "/topics/a?transport=iframe&callback=f"} {
		a := s.ask("GET", target, "", "Sec-Fetch-Site: same-origin")
		if code := refusalOf(t, a); code != "draining" || !strings.Contains(a.body, `"retry_ms":1000`) {
			t.Errorf("%s: %s", target, a.body)
		}
	}
	if n := s.Stats().Refusals["draining"]; n != 2 {
		t.Errorf("%d refusals were counted", n)
	}
}

func FuzzIsWebOrigin(f *testing.F) {
	for _, seed := range []string{goodPage, "http://localhost:8080", "https://[::1]:443", "https://a;b", "null", "*", "https://a/", "https://a@b", "https://"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if isWebOrigin(text) && (strings.ContainsAny(text, " \t\r\n;,'\"<>\\*@?#") || strings.Count(text, "/") != 2 || strings.ToLower(text) != text) {
			t.Errorf("%q", text)
		}
	})
}
