package server

import (
	"net/http"
	"strings"
	"testing"

	"tidings/fallback"
	"tidings/gateway/socket"
	"tidings/transport"
)

// TestSocketRefusalsByHTTP: what is refused is refused on every transport, and a page that sees no status is told all the same.
func TestSocketRefusalsByHTTP(t *testing.T) {
	s := socketSite(t, Options{Off: []transport.Kind{transport.LongPoll}}, nil, socket.Options{Accept: func(r *socket.Request) (string, error) {
		if r.Query == "refuse" {
			return "", &socket.RefusedError{Status: 451, Detail: "not here"}
		}
		return "", nil
	}})
	elsewhere := []string{"Origin: https://elsewhere.example", "Sec-Fetch-Site: cross-site"}
	for _, c := range []struct {
		name   string
		path   string // the application's part
		more   string
		fields []string
		status int
		code   string
		bye    transport.Code
	}{
		{"a page elsewhere", "/echo", "", elsewhere, 403, "forbidden_origin", transport.Forbidden},
		{"an image elsewhere", "/echo", "", []string{"Sec-Fetch-Site: cross-site"}, 403, "forbidden_origin", transport.Forbidden},
		{"another host", "/echo", "", []string{"Host: elsewhere.example"}, 421, "forbidden_host", transport.Forbidden},
		{"the handler", "/echo?refuse", "", nil, 451, "socket_refused", transport.Forbidden},
		{"n", "/echo", "&n=0", nil, 400, "invalid_parameter", transport.BadRequest},
		{"wait", "/echo", "&wait=x", nil, 400, "invalid_parameter", transport.BadRequest},
		{"since", "/echo", "&since=now", nil, 400, "invalid_since", transport.BadRequest},
		{"protocols", "/echo", "&protocols=a,,b", nil, 400, "invalid_parameter", transport.BadRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := func() string {
				d := s.dialog(c.path)
				return strings.Replace(d.url(""), "&n=1", "", 1) + c.more
			}
			for _, r := range [][2]string{{"GET", "&transport=stream"}, {"GET", "&transport=poll"}, {"POST", "&transport=poll"}, {"POST", ""}} {
				if a := s.ask(r[0], url()+r[1], "", c.fields...); a.status != c.status || a.code(t) != c.code {
					t.Errorf("%s %s: %d %s", r[0], r[1], a.status, a.body)
				}
			}
			if a := s.ask("GET", url()+"&transport=stream&blind=1", "", c.fields...); a.status != 200 || !strings.HasPrefix(a.body, `{"error":{`) ||
				!strings.Contains(a.body, `"code":"`+c.code+`"`) {
				t.Errorf("blind: %d %s", a.status, a.body)
			}
			d := s.dialog(c.path)
			h := d.beginBy("GET", "&transport=sse"+c.more, nil, c.fields...)
			if strings.HasPrefix(c.more, "&n=") || strings.HasPrefix(c.more, "&since=") {
				return // the first of two counts
			}
			if last := h.ends(); last.Bye == nil || last.Bye.Code != int(c.bye) {
				t.Errorf("sse: %s", last.text)
			}
		})
	}
	if a := s.ask("GET", s.dialog("/echo").url("&transport=longpoll"), ""); a.code(t) != "transport_off" {
		t.Error(a.body)
	}
	if a := s.ask("GET", s.dialog("/echo").url("&transport=websocket"), ""); a.code(t) != "upgrade_required" {
		t.Error(a.body)
	}
	if a := s.ask("GET", s.dialog("/echo").url("&transport=iframe"), ""); a.code(t) != "invalid_parameter" {
		t.Error(a.body)
	}
	if a := s.ask("GET", s.dialog("/echo").url("&transport=carrier-pigeon"), ""); a.code(t) != "invalid_parameter" {
		t.Error(a.body)
	}
	if a := s.ask("GET", s.dialog("/echo").url("&a=%zz"), ""); a.code(t) != "bad_request" {
		t.Error(a.body)
	}
	if a := s.ask("DELETE", s.dialog("/echo").url(""), ""); a.code(t) != "method_not_allowed" || a.header.Get("Allow") != "GET, POST" {
		t.Errorf("%v %s", a.header, a.body)
	}
	if a := s.ask("GET", s.dialog("/echo").url(""), "a body"); a.code(t) != "bad_request" {
		t.Error(a.body)
	}
	for label, want := range map[string]int{
		"16-letters-0_9-A": 200, "15-letters-0_9-": 400, strings.Repeat("x", 64): 200, strings.Repeat("x", 65): 400, "a-label-of-a-test-%C3%A9": 400, "": 400,
	} {
		if a := s.ask("GET", "/echo?tidings="+label, ""); a.status != want {
			t.Errorf("%s: %d %s", label, a.status, a.body)
		}
	}
	// The application may have a parameter of such a name.
	if a := s.ask("GET", "/echo?blind=1&x=1&"+strings.TrimPrefix(s.dialog("/echo").url("&since=x"), "/echo?"), ""); a.status != http.StatusBadRequest {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestSocketOfAnotherOrigin: a page of an origin that is allowed may open sockets, and read what they say.
func TestSocketOfAnotherOrigin(t *testing.T) {
	const page = "https://page.example"
	s := socketSite(t, Options{Origins: []string{page}}, nil)
	fields := []string{"Origin: " + page, "Sec-Fetch-Site: cross-site"}
	d := s.dialog("/echo")
	h := d.listen("sse", fields...)
	a := s.ask("POST", d.url(""), d.text("a"), fields...)
	b := s.ask("POST", d.url("&transport=poll"), "", fields...)
	for name, got := range map[string]http.Header{"sse": h.resp.Header, "up": a.header, "poll": b.header} {
		if got.Get("Access-Control-Allow-Origin") != page || !strings.Contains(strings.Join(got["Vary"], ","), "Origin") {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := h.heard(); *got.Data != "a" {
		t.Error(got.text)
	}
}

// TestSocketLimitsByHTTP: links count as connections of their transport, and what is full says so.
func TestSocketLimitsByHTTP(t *testing.T) {
	s := socketSite(t, Options{Connections: 1}, nil, socket.Options{Sockets: 2})
	d := s.dialog("/echo")
	d.listen("stream")
	if a := s.ask("GET", s.dialog("/echo").url("&transport=stream"), ""); a.code(t) != "limit" || a.header.Get("Retry-After") != "5" {
		t.Errorf("%v %s", a.header, a.body)
	}
	if last := s.dialog("/echo").begin("sse").ends(); last.Bye == nil || last.Bye.Code != int(transport.Limit) {
		t.Error(last.text)
	}
	other := s.dialog("/echo")
	other.poll("&transport=poll", other.text("a poll holds no connection"))
	if a := s.ask("GET", s.dialog("/echo").url("&transport=poll"), ""); a.code(t) != "limit" {
		t.Errorf("a third socket: %s", a.body)
	}
}

// TestSocketsUnderPressure: who opens a stream is asked to poll, and polls do.
func TestSocketsUnderPressure(t *testing.T) {
	s := socketSite(t, Options{Pressure: Pressure{Level: fallback.Ask.String()}}, nil)
	d := s.dialog("/echo")
	a := d.ask("GET", d.url("&transport=stream"), "")
	if a.code(t) != "pressure" || !strings.Contains(a.body, `"offer":{"transports":["poll"]}`) {
		t.Error(a.body)
	}
	if last := s.dialog("/echo").begin("sse").ends(); last.Bye == nil || last.Bye.Code != int(transport.Pressure) || !strings.Contains(last.text, `"offer":{"transports":["poll"]`) {
		t.Error(last.text)
	}
	a = d.ask("POST", d.url("&transport=poll"), d.text("a"))
	if a.status != http.StatusOK || !strings.Contains(a.body, `"offer":{"transports":["poll"]`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if ack := d.post(); ack != 1 {
		t.Errorf("%d are taken", ack)
	}
}
