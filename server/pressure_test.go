package server

import (
	"bufio"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tidings/fallback"
	"tidings/gateway"
	"tidings/transport"
)

// pressedSite is a site whose open files its test makes up: so many of a hundred.
type pressedSite struct {
	*site
	files atomic.Uint64
}

func startPressed(t *testing.T, o Options) *pressedSite {
	p := new(pressedSite)
	p.site = startWith(t, o, func(s *Server) {
		s.press.mu.Lock()
		defer s.press.mu.Unlock()
		s.press.measure = func() fallback.Reading { return fallback.Reading{Files: p.files.Load(), FileLimit: 100} }
		s.press.look(time.Now())
	})
	return p
}

// press has so many files be open, and that be noticed.
func (p *pressedSite) pressTo(files uint64, want fallback.Level) {
	p.t.Helper()
	p.files.Store(files)
	p.press.mu.Lock()
	p.press.look(time.Now())
	p.press.mu.Unlock()
	if got := p.press.Level(); got != want {
		p.t.Fatalf("%s at %d files of 100, want %s", got, files, want)
	}
}

// offerOf returns the offer in an object of the wire.
func offerOf(t *testing.T, text string) transport.Offer {
	t.Helper()
	var object struct{ Offer transport.Offer }
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return object.Offer
}

func polls(o transport.Offer) bool {
	return len(o.Transports) == 1 && o.Transports[0] == "poll" && o.Shared
}

const upgradeFields = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"

// Who comes for a stream is asked to poll, on every transport in a way that its client can see; who polls is served.
func TestAskedToPoll(t *testing.T) {
	s := startPressed(t, Options{})
	s.ask("POST", "/topics/a", "one")
	if o := offerOf(t, s.ask("GET", "/topics/a", "").body); len(o.Transports) != 5 || o.Shared {
		t.Errorf("%+v is offered though nothing is short", o)
	}
	s.pressTo(80, fallback.Ask)

	a := s.ask("GET", "/topics/a?transport=stream", "")
	if a.code(t) != "pressure" || a.status != 503 || a.header.Get("Retry-After") != "5" || !polls(offerOf(t, a.body)) {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	for path, event := range map[string]string{"/topics/a": "event: tidings.bye\ndata: {", "/topics/a?wrap=1": `data: {"bye":{`} {
		a = s.ask("GET", path, "", "Accept: text/event-stream", "Last-Event-ID: abcdefgh-1")
		if a.status != 200 || !strings.Contains(a.body, event+`"code":4003,"reason":"pressure"`) || !strings.Contains(a.body, "\nretry: ") ||
			!strings.Contains(a.body, `"offer":{"transports":["poll"],"shared":true}`) || strings.Contains(a.body, "id:") {
			t.Errorf("an EventSource reads %d %q", a.status, a.body)
		}
	}
	for protocol, want := range map[string]string{
		"": "", "Sec-WebSocket-Protocol: tidings.v1\r\n": `{"bye":{"code":4003,"reason":"pressure","retry_ms":`,
	} {
		r := s.connect()
		r.send(atLoops("/topics/a", upgradeFields+protocol))
		resp, err := http.ReadResponse(r.in, nil)
		if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%v %v: a browser would not see why", resp, err)
		}
		rest, _ := readAll(r.in)
		if protocol != "" && (!strings.Contains(rest, want) || strings.Contains(rest, "hello") || !strings.Contains(rest, `["poll"]`)) {
			t.Errorf("a WebSocket reads %q", rest)
		}
		if !strings.Contains(rest, "\x0f\xa3pressure") { // 4003, and the reason
			t.Errorf("a WebSocket is closed with %q", rest)
		}
		r.Close()
	}

	if a = s.ask("GET", "/topics/a?wait=5&since=all", ""); a.status != 200 || !polls(offerOf(t, a.body)) {
		t.Errorf("a long poll: %d %s", a.status, a.body)
	}
	if n := s.counters.refusals[pressed].Load(); n != 5 {
		t.Errorf("%d were asked, want 5", n)
	}
	s.pressTo(95, fallback.Refuse)
	if a = s.ask("GET", "/topics/a?wait=5&since=all", ""); a.code(t) != "pressure" || !polls(offerOf(t, a.body)) {
		t.Errorf("a long poll: %d %s", a.status, a.body)
	}
	if p := s.poll("/topics/a"); len(p.Items) != 1 {
		t.Errorf("%+v", p)
	}
}

func readAll(in *bufio.Reader) (string, error) {
	var b strings.Builder
	_, err := in.WriteTo(&b)
	return b.String(), err
}

// Who may not poll is served for as long as there is room at all.
func TestWhoMayNotPollIsServed(t *testing.T) {
	s := startPressed(t, Options{Off: []transport.Kind{transport.Poll}})
	s.pressTo(94, fallback.Move)
	resp := s.open("GET", "/topics/a?transport=stream", nil)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("%d", resp.StatusCode)
	}
	s.pressTo(95, fallback.Refuse)
	a := s.ask("GET", "/topics/a?transport=stream", "")
	if o := offerOf(t, a.body); a.code(t) != "pressure" || len(o.Transports) != 4 || o.Shared {
		t.Errorf("%s", a.body)
	}
}

// Streams are moved, with what they are to do instead as their last word.
func TestStreamsAreMoved(t *testing.T) {
	s := startPressed(t, Options{})
	resp := s.open("GET", "/topics/a?transport=stream", nil)
	defer resp.Body.Close()
	held := s.connect()
	held.send(atLoops("/topics/a?wait=50", ""))
	s.awaitFollowers("a", 2)
	level := fallback.Move
	s.press.fix(&level)
	for s.moved() == 0 { // the rate counts from the reading before
		s.press.mu.Lock()
		s.press.look(time.Now().Add(time.Minute))
		s.press.mu.Unlock()
	}
	text, err := readAll(bufio.NewReader(resp.Body))
	if err != nil || !strings.Contains(text, `{"hello":`) || !strings.Contains(text, `"transports":["websocket"`) ||
		!strings.Contains(text, `{"bye":{"code":4003,"reason":"pressure","retry_ms":`) ||
		!strings.HasSuffix(text, `"offer":{"transports":["poll"],"shared":true}}}`+"\n") {
		t.Errorf("%v %q", err, text)
	}
	s.awaitFollowers("a", 1) // the poll holds on
	var state pressureState
	s.ask("GET", "/pressure", "").decode(t, &state)
	if state.Level != "move" || !state.Fixed || state.Moved != 1 {
		t.Errorf("%+v", state)
	}
}

// A rush is noticed before the next measuring.
func TestARushIsNoticed(t *testing.T) {
	s := startPressed(t, Options{})
	s.pressTo(70, fallback.Normal)
	s.files.Store(85)
	for i := range 20 {
		resp := s.open("GET", "/topics/a?transport=stream", nil)
		defer resp.Body.Close()
		if resp.StatusCode == http.StatusServiceUnavailable {
			if i != 9 {
				t.Errorf("noticed at the %d-th", i+1)
			}
			return
		}
	}
	t.Error("20 streams came, where there was room for 10 more files")
}

// A plain poll that says nothing of its client may be answered by a proxy, under pressure only.
func TestPollsUnderPressureAreCacheable(t *testing.T) {
	const page = "Origin: https://a.example"
	for _, c := range []struct {
		name    string
		origins []string
		path    string
		fields  []string
		cache   string
		vary    string
		allow   string
	}{
		{"plain", nil, "/topics/a", nil, "public, max-age=1", "Accept, Accept-Encoding, Origin", ""},
		{"several", nil, "/topics?topic=a&topic=b/*", nil, "public, max-age=1", "Accept, Accept-Encoding, Origin", ""},
		{"since", nil, "/topics/a?since=all", nil, "no-cache", "Accept, Accept-Encoding, Origin", ""},
		{"session", nil, "/topics/a?session=x", nil, "no-cache", "Accept, Accept-Encoding, Origin", ""},
		{"held", nil, "/topics/a?wait=1&since=all", nil, "no-store", "Accept, Accept-Encoding, Origin", ""},
		{"a page that is listed", []string{"https://a.example"}, "/topics/a", []string{page}, "public, max-age=1", "Accept, Accept-Encoding, Origin", "https://a.example"},
		{"any page", []string{"*"}, "/topics/a", []string{page}, "public, max-age=1", "Accept, Accept-Encoding", "*"},
		{"no page where any may", []string{"*"}, "/topics/a", nil, "public, max-age=1", "Accept, Accept-Encoding", "*"},
		{"an old browser", []string{"*"}, "/topics/a", []string{page, "User-Agent: Version/5.1 PhantomJS/1."}, "public, max-age=1", "Accept, Accept-Encoding", "*"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := startPressed(t, Options{Origins: c.origins})
			s.ask("POST", "/topics/a", "one")
			before := s.ask("GET", c.path, "", c.fields...)
			if got := before.header.Get("Cache-Control"); strings.Contains(got, "public") {
				t.Errorf("%q though nothing is short", got)
			}
			s.pressTo(80, fallback.Ask)
			bodies := map[string]bool{}
			for _, more := range [][]string{nil, {"TE: trailers"}} { // by the loops, and by net/http
				a := s.ask("GET", c.path, "", append(more, c.fields...)...)
				vary := strings.Split(strings.Join(a.header.Values("Vary"), ", "), ", ")
				for want := range strings.SplitSeq(c.vary, ", ") {
					if !strings.Contains(strings.Join(vary, ", "), want) {
						t.Errorf("Vary: %v lacks %s", vary, want)
					}
				}
				if strings.Contains(strings.Join(vary, ", "), "Origin") != strings.Contains(c.vary, "Origin") {
					t.Errorf("Vary: %v, want %s", vary, c.vary)
				}
				if a.header.Get("Cache-Control") != c.cache || a.header.Get("Access-Control-Allow-Origin") != c.allow || a.header.Get("Set-Cookie") != "" {
					t.Errorf("%v", a.header)
				}
				if !polls(offerOf(t, a.body)) {
					t.Errorf("%s", a.body)
				}
				bodies[a.body] = true
			}
			if c.cache != "no-store" && len(bodies) != 1 {
				t.Errorf("not all are answered the same: %v", bodies)
			}
		})
	}
}

// Under pressure, nobody who polls keeps a connection.
func TestPollsUnderPressureGiveTheirConnectionBack(t *testing.T) {
	s := startPressed(t, Options{})
	s.pressTo(80, fallback.Ask)
	for _, request := range []string{
		atLoops("/topics/a", ""), atHTTP("/topics/a", ""), atLoops("/topics/a?wait=0.01", ""), atHTTP("/topics/a?wait=0.01", ""),
		atLoops("/topics/a?transport=stream", ""), atLoops("/topics/a", "Accept: text/event-stream\r\n"),
	} {
		r := s.connect()
		r.send(request)
		if resp, _ := r.answer(); !resp.Close {
			t.Errorf("%s keeps its connection: %v", request, resp.Header)
		}
		r.Close()
	}
}

func TestLadderByConfiguration(t *testing.T) {
	scores, err := gateway.ParsePattern("scores/**")
	if err != nil {
		t.Fatal(err)
	}
	only := fallback.RungsOf(transport.SSE, transport.Stream, transport.LongPoll, transport.Poll)
	s := start(t, Options{
		HeadStart: 300 * time.Millisecond,
		Proxies:   []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		Ladder: []fallback.Rule{
			{Topic: scores, Only: fallback.RungsOf(transport.LongPoll, transport.Poll)},
			{Clients: netip.MustParsePrefix("10.0.0.0/8"), Only: only},
		},
	})
	names := func(o transport.Offer) string { return strings.Join(o.Transports, " ") }
	for _, more := range [][]string{nil, {"TE: trailers"}} { // by the loops, and by net/http
		for _, c := range []struct{ path, forwarded, want string }{
			{"/topics/news", "", "websocket sse stream longpoll poll"},
			{"/topics/scores/a", "", "longpoll poll"},
			{"/topics?topic=news&topic=scores/a", "", "longpoll poll"},
			{"/topics/news", "10.1.2.3", "sse stream longpoll poll"},
			{"/topics/news", "10.1.2.3, 192.0.2.1", "websocket sse stream longpoll poll"}, // says who asked the proxy, truly
			{"/topics/news", "192.0.2.1, 10.1.2.3", "sse stream longpoll poll"},
			{"/topics/news", "nonsense", "websocket sse stream longpoll poll"},
		} {
			fields := more
			if c.forwarded != "" {
				fields = append(fields, "X-Forwarded-For: "+c.forwarded)
			}
			a := s.ask("GET", c.path, "", fields...)
			if o := offerOf(t, a.body); names(o) != c.want || o.HeadMS != 300 {
				t.Errorf("%s for %q: %s", c.path, c.forwarded, a.body)
			}
		}
		a := s.ask("GET", "/topics/scores?transport=sse", "", more...)
		if a.code(t) != "transport_off" || names(offerOf(t, a.body)) != "longpoll poll" {
			t.Errorf("%s", a.body)
		}
		a = s.ask("GET", "/topics/**?transport=stream", "", more...)
		if a.code(t) != "transport_off" {
			t.Errorf("a pattern gets round a rule: %s", a.body)
		}
	}
	// Nor does a WebSocket that follows more.
	up := s.upstreamFor(grant{}, s.ladder.ClientAt(netip.Addr{}), true)
	if _, p := up.Admit([]transport.FollowItem{{Topic: "scores/a"}}); p == nil || p.Code != "transport_off" {
		t.Errorf("%+v", p)
	}
	if _, p := up.Admit([]transport.FollowItem{{Topic: "news"}}); p != nil {
		t.Errorf("%+v", p)
	}
}

func TestStepsAreCounted(t *testing.T) {
	s := start(t, Options{})
	s.ask("GET", "/topics/a?from=websocket&cause=no_hello", "")
	s.ask("GET", "/topics/a?from=websocket&cause=no_hello", "", "TE: trailers")
	s.ask("POST", "/follow", `{"follow":[{"topic":"a"}],"from":"sse","cause":"sunspots"}`, "Content-Type: text/plain")
	s.ask("GET", "/topics/$a?from=websocket&cause=no_hello", "") // is refused
	for step, want := range map[fallback.Step]uint64{
		{From: "websocket", To: transport.Poll, Cause: "no_hello"}: 2, {From: "sse", To: transport.Poll, Cause: "other"}: 1,
	} {
		if got := s.record.Steps()[step]; got != want {
			t.Errorf("%+v: %d, want %d", step, got, want)
		}
	}
}

func TestLevelByHand(t *testing.T) {
	s := start(t, Options{})
	set := func(body string) (a answer, state pressureState) {
		a = s.ask("PUT", "/pressure", body)
		_ = json.Unmarshal([]byte(a.body), &state)
		return a, state
	}
	if _, state := set(`{"level":"ask"}`); state.Level != "ask" || !state.Fixed || state.Files == 0 || state.FileLimit == 0 {
		t.Errorf("%+v", state)
	}
	if a := s.ask("GET", "/topics/a?transport=stream", ""); a.code(t) != "pressure" {
		t.Errorf("%s", a.body)
	}
	if _, state := set(`{"level":"auto"}`); state.Fixed {
		t.Errorf("%+v", state)
	}
	if _, state := set(`{"level":"normal"}`); state.Level != "normal" {
		t.Errorf("%+v", state)
	}
	for body, code := range map[string]string{`{"level":"panic"}`: "invalid_parameter", `{`: "bad_request"} {
		if a, _ := set(body); a.code(t) != code {
			t.Errorf("%s: %s", body, a.body)
		}
	}
	public := startPublic(t, Options{PublishKeys: []string{"k"}})
	if a := public.ask("PUT", "/pressure", `{"level":"refuse"}`, "Authorization: Bearer k"); a.code(t) != "method_not_allowed" {
		t.Errorf("who may publish is the operator: %s", a.body)
	}
	put := func(host string) int {
		r := httptest.NewRequest(http.MethodPut, "http://"+host+"/pressure", strings.NewReader(`{"level":"ask"}`))
		w := httptest.NewRecorder()
		r = r.WithContext(context.WithValue(r.Context(), loopbackKey{}, true))
		public.Operations().ServeHTTP(w, r)
		return w.Code
	}
	if got := put("localhost"); got != 200 || public.press.Level() != fallback.Ask {
		t.Errorf("%d at the operators' listener", got)
	}
	if got := put("evil.example"); got != 421 {
		t.Errorf("%d for a name that a page may have", got)
	}
	if _, err := New(Options{Pressure: Pressure{Level: "panic"}}); err == nil {
		t.Error("a level that there is not was taken")
	}
}

// What is measured is what there is.
func TestMeter(t *testing.T) {
	m := newMeter(Pressure{})
	before := m.read()
	var open []*os.File
	for range 50 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		open = append(open, f)
	}
	if after := m.read(); after.Files < before.Files+uint64(len(open)) || after.FileLimit < after.Files {
		t.Errorf("%+v, and with %d files more %+v", before, len(open), after)
	}
	m = newMeter(Pressure{Files: 7, Memory: 1 << 30})
	if r := m.read(); r.FileLimit != 7 || r.MemoryLimit != 1<<30 || r.Memory == 0 || r.Memory > 1<<30 || r.CPU < 0 || r.CPU > 1 {
		t.Errorf("%+v", r)
	}
}

func TestGroupLimit(t *testing.T) {
	for name, c := range map[string]struct {
		table string
		files map[string]string
		want  uint64
	}{
		"version 2":                    {"0::/system.slice/tidings.service\n", map[string]string{"sys/fs/cgroup/system.slice/tidings.service/memory.max": "1048576\n"}, 1 << 20},
		"version 2, none":              {"0::/a\n", map[string]string{"sys/fs/cgroup/a/memory.max": "max\n"}, 0},
		"version 2 within a container": {"0::/kubepods/x\n", map[string]string{"sys/fs/cgroup/memory.max": "2097152\n"}, 2 << 20},
		"version 1":                    {"9:cpu:/a\n4:memory:/a\n", map[string]string{"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "4096\n"}, 4096},
		"version 1, none":              {"4:memory:/a\n0::/\n", map[string]string{"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "9223372036854771712\n"}, 0},
		"nothing":                      {"", nil, 0},
	} {
		root := t.TempDir()
		write := func(path, text string) {
			path = filepath.Join(root, path)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("proc/self/cgroup", c.table)
		for path, text := range c.files {
			write(path, text)
		}
		if got := groupLimit(root); got != c.want {
			t.Errorf("%s: %s, want %d", name, strconv.FormatUint(got, 10), c.want)
		}
	}
	if groupLimit(t.TempDir()) != 0 {
		t.Error("a limit without control groups")
	}
}

// A client can ask why it gets what it gets.
func TestExplain(t *testing.T) {
	scores, err := gateway.ParsePattern("scores")
	if err != nil {
		t.Fatal(err)
	}
	s := startPressed(t, Options{
		Off: []transport.Kind{transport.Stream}, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Ladder: []fallback.Rule{{Topic: scores, Only: fallback.RungsOf(transport.WebSocket, transport.SSE, transport.Poll)}},
	})
	ask := func() (e explanation) {
		a := s.ask("GET", "/explain?topic=scores", "", "X-Forwarded-For: 203.0.113.9, 192.0.2.1", "Via: 1.1 squid",
			"User-Agent: Mozilla/5.0 (X11) AppleWebKit/534.34 (KHTML, like Gecko) PhantomJS/1.9.8 Safari/534.34")
		a.decode(t, &e)
		return e
	}
	e := ask()
	if e.Address != "192.0.2.1" || e.Peer != "127.0.0.1" || e.Via != "1.1 squid" || e.Upgrade || e.Deflates || e.Level != "normal" ||
		strings.Join(e.Offer.Transports, " ") != "sse poll" {
		t.Errorf("%+v", e)
	}
	if want := map[string]string{"stream": "off", "longpoll": "rule", "websocket": "client"}; !maps.Equal(e.LeftOut, want) {
		t.Errorf("%v, want %v", e.LeftOut, want)
	}
	s.pressTo(80, fallback.Ask)
	if e = ask(); e.Level != "ask" || !polls(*e.Offer) || e.LeftOut["sse"] != "pressure" {
		t.Errorf("%+v", e)
	}
}
