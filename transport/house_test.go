package transport_test

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tidings/gateway"
	"tidings/gateway/journal/memory"
	"tidings/transport"
	"tidings/transport/park"
	"tidings/transport/poll"
	"tidings/transport/sse"
	"tidings/transport/stream"
	"tidings/transport/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a gateway behind the smallest HTTP server that admits everybody.
type house struct {
	*gateway.Gateway
	t      *testing.T
	server *httptest.Server
}

var transports = map[string]transport.Transport{
	"sse": sse.New(0), "stream": stream.New(0), "longpoll": poll.NewLong(), "poll": poll.New(0),
}

// open starts a gateway and its server; they end with the test.
func open(t *testing.T, o gateway.Options, start func(*httptest.Server)) *house {
	t.Helper()
	o.Journal, o.Classes = memory.New(), transport.Classes
	g, err := gateway.New(o)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{Gateway: g, t: t}
	h.server = httptest.NewUnstartedServer(h)
	start(h.server)
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		h.server.Client().CloseIdleConnections()
		h.server.Close()
	})
	return h
}

func (h *house) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f := &transport.Request{
		Gateway: h.Gateway, Wrap: q.Has("wrap"), Format: q.Get("format"), PollMS: 5000, Session: "s1", Node: "n1",
		Ping: 20 * time.Second, Compress: q.Has("compress"), Offer: transport.Offer{Transports: []string{"sse", "poll"}},
	}
	f.Limit, _ = strconv.Atoi(q.Get("limit"))
	f.Wait, _ = time.ParseDuration(q.Get("wait"))
	if ping := q.Get("ping"); ping != "" {
		f.Ping, _ = time.ParseDuration(ping)
	}
	f.Callback, f.Origin = q.Get("callback"), q.Get("origin")
	f.Prelude = q.Has("prelude")
	f.Tick, _ = time.ParseDuration(q.Get("tick"))
	since, err := gateway.ParseSince(cmp.Or(q.Get("since"), "all"), time.Now())
	if err != nil {
		h.t.Error(err)
	}
	for _, topic := range q["topic"] {
		pattern, err := gateway.ParsePattern(topic)
		if err != nil {
			h.t.Error(err)
		}
		f.Follows = append(f.Follows, gateway.Follow{Pattern: pattern, Since: since})
	}
	if f.Start, err = h.Start(f.Follows); err != nil {
		h.t.Error(err)
	}
	f.Known = strings.Join(r.Header["If-None-Match"], ",")
	if _, err := transports[q.Get("transport")].Serve(park.HTTP(w, r), f); err != nil {
		h.t.Error(err)
	}
}

// publish publishes text in a topic and returns its cursor.
func (h *house) publish(topic, text string) string {
	h.t.Helper()
	receipt, err := h.Publish(h.t.Context(), gateway.Draft{Topic: topic, Data: []byte(text)})
	if err != nil {
		h.t.Fatal(err)
	}
	return receipt.Cursor.String()
}

// awaitFollowers waits until the topic has n followers.
func (h *house) awaitFollowers(topic string, n int) {
	h.t.Helper()
	for {
		info, err := h.Topic(topic)
		if err != nil {
			h.t.Fatal(err)
		}
		if info.Followers == n {
			return
		}
		runtime.Gosched()
	}
}

// tidy replaces what differs from run to run.
func (h *house) tidy(s string) string {
	s = strings.ReplaceAll(s, h.Epoch(), "EPOCH")
	s = regexp.MustCompile(`"time":[0-9]+`).ReplaceAllString(s, `"time":TIME`)
	s = regexp.MustCompile(`"retry_ms":[0-9]+`).ReplaceAllString(s, `"retry_ms":RETRY`)
	s = regexp.MustCompile(`(?m)^retry: [0-9]+$`).ReplaceAllString(s, "retry: RETRY")
	s = strings.ReplaceAll(s, strings.Repeat(" ", 2046), "(2046 spaces)")
	s = strings.Replace(s, wire.ScriptPrelude, "(prelude)\n", 1)
	return regexp.MustCompile(`(?m)^Content-Length: [0-9]+\r$`).ReplaceAllString(s, "Content-Length: LENGTH\r")
}

// answer is an answer that is being read.
type answer struct {
	*http.Response
	house *house
	body  *bufio.Reader
	read  strings.Builder
	leave func() // breaks the answer off
}

// get asks for something with a query, over whatever protocol the server speaks.
func (h *house) get(query string, header http.Header) *answer {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, h.server.URL+"/?"+query, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	maps.Copy(req.Header, header)
	resp, err := h.server.Client().Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	leave := func() { resp.Body.Close() }
	h.t.Cleanup(leave)
	// net/http asks for gzip by itself, and takes it off again. A poll's answer may be too small for it.
	if in := strings.Contains(query, "&compress"); resp.Uncompressed != in && !strings.Contains(query, "poll") {
		h.t.Errorf("%s: gzip is %v", query, resp.Uncompressed)
	}
	return &answer{Response: resp, house: h, body: bufio.NewReader(resp.Body), leave: leave}
}

// getHTTP10 asks as a client of HTTP/1.0.
func (h *house) getHTTP10(query string) *answer {
	h.t.Helper()
	u, err := url.Parse(h.server.URL)
	if err != nil {
		h.t.Fatal(err)
	}
	c, err := new(net.Dialer).DialContext(h.t.Context(), "tcp", u.Host)
	if err != nil {
		h.t.Fatal(err)
	}
	leave := func() { c.Close() }
	h.t.Cleanup(leave)
	if _, err := io.WriteString(c, "GET /?"+query+" HTTP/1.0\r\nHost: a\r\n\r\n"); err != nil {
		h.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	if resp.Header.Get("Content-Encoding") == "gzip" {
		body, err := gzip.NewReader(resp.Body)
		if err != nil {
			h.t.Fatal(err)
		}
		resp.Body = body
	}
	return &answer{Response: resp, house: h, body: bufio.NewReader(resp.Body), leave: leave}
}

// until reads on up to the end of the next text.
func (a *answer) until(text string) {
	a.house.t.Helper()
	for from := a.read.Len(); !strings.Contains(a.read.String()[from:], text); {
		b, err := a.body.ReadByte()
		if err != nil {
			a.house.t.Fatalf("%v before %q in %q", err, text, a.read.String())
		}
		a.read.WriteByte(b)
	}
}

// all reads to the end, which must be a whole one, and returns everything that was read.
func (a *answer) all() string {
	a.house.t.Helper()
	if _, err := a.body.WriteTo(&a.read); err != nil {
		a.house.t.Fatalf("%v after %q", err, a.read.String())
	}
	return a.house.tidy(a.read.String())
}
