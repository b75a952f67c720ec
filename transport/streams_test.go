package transport_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"tidings/gateway"
)

var update = flag.Bool("update", false, "write the golden files again")

// TestStreamPrelude: who asks gets a line of 2 KB of spaces before anything else of an NDJSON stream, and nothing changes for others.
func TestStreamPrelude(t *testing.T) {
	for coding, asked := range codings {
		h := open(t, gateway.Options{}, protocols[1].start)
		for _, s := range streams {
			a := h.get(s.query+"&topic=a&prelude=1"+asked, nil)
			h.publish("a", "one")
			a.until("one")
			spaces := strings.HasPrefix(a.read.String(), strings.Repeat(" ", 2047)+"\n{\"hello\"")
			if spaces != (s.name == "ndjson") {
				t.Errorf("%s in %s: %q", s.name, coding, a.read.String())
			}
		}
	}
}

// streams are the answers that do not end by themselves.
var streams = []struct{ name, query, mediaType string }{
	{"sse_raw", "transport=sse", "text/event-stream"},
	{"sse_envelope", "transport=sse&wrap=1", "text/event-stream"},
	{"ndjson", "transport=stream", "application/x-ndjson"},
	{"mixed_raw", "transport=stream&format=multipart/mixed", "multipart/mixed; boundary=tidings"},
	{"mixed_envelope", "transport=stream&format=multipart/mixed&wrap=1", "multipart/mixed; boundary=tidings"},
	{"iframe_callback", "transport=stream&format=text/html&callback=a.b", "text/html; charset=utf-8"},
	{"iframe_origin", "transport=stream&format=text/html&origin=https://page.example", "text/html; charset=utf-8"},
	{"replace_raw", "transport=stream&format=multipart/x-mixed-replace", "multipart/x-mixed-replace; boundary=tidings"},
	{"replace_envelope", "transport=stream&format=multipart/x-mixed-replace&wrap=1", "multipart/x-mixed-replace; boundary=tidings"},
}

// protocols are the ways in which a stream can be framed beneath.
var protocols = []struct {
	name  string
	start func(*httptest.Server)
	get   func(*house, string) *answer
}{
	{"HTTP 1.0", (*httptest.Server).Start, (*house).getHTTP10},
	{"HTTP 1.1", (*httptest.Server).Start, func(h *house, query string) *answer { return h.get(query, nil) }},
	{"HTTP 2", func(s *httptest.Server) { s.EnableHTTP2 = true; s.StartTLS() }, func(h *house, query string) *answer {
		a := h.get(query, nil)
		if a.ProtoMajor != 2 {
			h.t.Errorf("it is %s", a.Proto)
		}
		return a
	}},
}

// codings are what is asked for in a query.
var codings = map[string]string{"plain": "", "gzip": "&compress"}

// onEach runs a test for each stream over each of the first n protocols, in plain and in gzip, in a house of its own: what comes is
// the same.
func onEach(t *testing.T, n int, o gateway.Options, test func(*testing.T, *house, func(query string) *answer) string) {
	t.Helper()
	for _, s := range streams {
		for _, p := range protocols[:n] {
			for coding, asked := range codings {
				t.Run(s.name+"/"+p.name+"/"+coding, func(t *testing.T) {
					h := open(t, o, p.start)
					got := test(t, h, func(query string) *answer {
						a := p.get(h, s.query+"&topic=a"+query+asked)
						for field, want := range map[string]string{
							"Content-Type": s.mediaType, "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no",
							"X-Content-Type-Options": "nosniff", "Vary": "Accept, Accept-Encoding, Origin",
						} {
							if have := a.Header[field]; len(have) != 1 || have[0] != want {
								t.Errorf("%s: %q, want %q", field, have, want)
							}
						}
						return a
					})
					name, _, _ := strings.Cut(t.Name(), "/")
					compare(t, filepath.Join("testdata", name, s.name+".golden"), got)
				})
			}
		}
	}
}

// compare compares text with a golden file, in which CR is written as ␍.
func compare(t *testing.T, path, got string) {
	t.Helper()
	got = strings.ReplaceAll(got, "\r", "␍")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got:\n%s", path, got)
	}
}

// TestStreamLives: what was there, what comes, and an end that says why and where to go on.
func TestStreamLives(t *testing.T) {
	onEach(t, len(protocols), gateway.Options{}, func(t *testing.T, h *house, follow func(string) *answer) string {
		h.publish("a", "one")
		h.publish("b", "elsewhere")
		a := follow("")
		a.until("one") // or its envelope, which holds it too
		h.publish("a", "two\r\nlines")
		a.until("lines")
		h.publish("a", "three")
		a.until("three")
		if err := h.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		return a.all()
	})
}

// TestStreamDropsHistory: who keeps up hears that a history was dropped. Over HTTP/2 a connection takes one batch at a time,
// so that a follower may be behind for a moment, and is told by a gap.
func TestStreamDropsHistory(t *testing.T) {
	onEach(t, 2, gateway.Options{}, func(t *testing.T, h *house, follow func(string) *answer) string {
		h.publish("a", "one")
		a := follow("")
		a.until("one")
		if _, err := h.Delete(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		if raw, _ := filepath.Match("*/replace_raw/*/*", t.Name()); !raw { // which cannot say it
			a.until("deleted")
		}
		h.publish("a", "two")
		a.until("two")
		if err := h.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		return a.all()
	})
}

// TestStreamResumes: a cursor is good for what follows it, behind a gap where something is lost.
func TestStreamResumes(t *testing.T) {
	onEach(t, len(protocols), gateway.Options{Default: gateway.Retention{Messages: 2}}, func(t *testing.T, h *house, follow func(string) *answer) string {
		first := h.publish("a", "one")
		for _, text := range []string{"two", "three", "four", "five"} {
			h.publish("a", text)
		}
		a := follow("&since=" + first)
		a.until("five")
		if err := h.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		return a.all()
	})
}

// TestStreamOfAnotherLog: a cursor of another epoch gets everything, behind a gap of unknown extent.
func TestStreamOfAnotherLog(t *testing.T) {
	onEach(t, len(protocols), gateway.Options{}, func(t *testing.T, h *house, follow func(string) *answer) string {
		h.publish("a", "one")
		a := follow("&since=anotherepoch-7")
		a.until("one")
		if err := h.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		return a.all()
	})
}

// TestStreamOfPatterns: several topics and patterns come in the order of the log.
func TestStreamOfPatterns(t *testing.T) {
	for _, query := range []string{"transport=stream", "transport=sse&wrap=1"} {
		h := open(t, gateway.Options{}, protocols[1].start)
		h.publish("w/x", "one")
		h.publish("a", "two")
		h.publish("w/y", "three")
		a := h.get(query+"&topic=w/*&topic=a", nil)
		a.until("three")
		h.publish("a", "four")
		h.publish("w/x", "five")
		a.until("five")
		var at []int
		for _, text := range []string{"one", "two", "three", "four", "five"} {
			at = append(at, strings.Index(a.read.String(), `"data":"`+text))
		}
		for i := range len(at) - 1 {
			if at[i] < 0 || at[i] > at[i+1] {
				t.Fatalf("%s: %s", query, a.read.String())
			}
		}
	}
}

// TestStreamSlowReader: a client that does not read for a while gets everything all the same, whole and in order.
func TestStreamSlowReader(t *testing.T) {
	const count, size = 100, 128 << 10
	fill := make([]byte, size/2)
	rand.NewChaCha8([32]byte{}).Read(fill)
	text := hex.EncodeToString(fill) // half of which gzip saves
	for _, p := range protocols {
		for coding, asked := range codings {
			t.Run(p.name+"/"+coding, func(t *testing.T) {
				h := open(t, gateway.Options{}, p.start)
				a := p.get(h, "transport=stream&topic=a&since=now"+asked)
				a.until("live")
				a.until("\n")
				for i := range count {
					h.publish("a", strconv.Itoa(i)+" "+text)
				}
				for i := range count {
					line, err := a.body.ReadString('\n')
					if err != nil {
						t.Fatal(err)
					}
					var m struct{ Data string }
					if err := json.Unmarshal([]byte(line), &m); err != nil || m.Data != strconv.Itoa(i)+" "+text {
						t.Fatalf("message %d: %v, %.100s", i, err, line)
					}
				}
				if err := h.Drain(t.Context()); err != nil {
					t.Fatal(err)
				}
				if end := a.all(); !strings.HasPrefix(end, "{\"hello\"") || !strings.Contains(end, "\n{\"bye\":") {
					t.Errorf("it ends with %.300s", end)
				}
			})
		}
	}
}

// TestStreamPings: a stream on which nothing happens says that it lives. Pictures have no way to say so.
func TestStreamPings(t *testing.T) {
	h := open(t, gateway.Options{}, protocols[1].start)
	h.publish("a", "one")
	var wg sync.WaitGroup
	for query, want := range map[string]string{
		"transport=sse":                                  "id: EPOCH-1\n\nid: EPOCH-1\n\n",
		"transport=sse&wrap=1":                           "data: {\"ping\":{\"cursor\":\"EPOCH-1\"}}\n\n",
		"transport=stream":                               "{\"ping\":{\"cursor\":\"EPOCH-1\"}}\n",
		"transport=stream&format=multipart/mixed":        "Tidings-Notice: ping\r\n",
		"transport=sse&compress":                         "id: EPOCH-1\n\nid: EPOCH-1\n\n",
		"transport=stream&format=multipart/mixed&wrap=1": "{\"ping\":{\"cursor\":\"EPOCH-1\"}}\r\n--tidings\r\n",
	} {
		wg.Go(func() {
			h.get(query+"&topic=a&since=now&ping=1s", nil).until(strings.ReplaceAll(want, "EPOCH", h.Epoch()))
		})
	}
	wg.Wait()
}

// TestStreamTicks: who asks hears soon where it is. What is raw says it in no way of its own, and so not at all.
func TestStreamTicks(t *testing.T) {
	h := open(t, gateway.Options{}, protocols[1].start)
	h.publish("a", "one")
	var wg sync.WaitGroup
	for _, s := range streams {
		wg.Go(func() {
			a := h.get(s.query+"&topic=a&since=all&tick=50ms", nil)
			a.until("one")
			if strings.Contains(s.query, "wrap=1") || s.name == "ndjson" || strings.HasPrefix(s.name, "iframe") {
				a.until(`{"ping":{"cursor":"` + h.Epoch() + `-1"}}`)
			}
		})
	}
	wg.Wait()
}

// TestNoticesStay: the bytes of a notice stay as they are until the connection has written them, whatever the gateway has
// to tell others meanwhile.
func TestNoticesStay(t *testing.T) {
	const topics = 50
	for _, query := range []string{"transport=sse", "transport=longpoll&wait=1m"} {
		h := open(t, gateway.Options{Shards: 1, Default: gateway.Retention{Messages: 2}}, protocols[2].start)
		first := h.publish("other", "zero")
		for i := range topics {
			for _, text := range []string{"lost", "kept", "kept"} {
				h.publish("topic/"+strconv.Itoa(i), text)
			}
		}
		h.get("transport=poll&topic=other", nil).all() // makes the one connection that all share
		var wg sync.WaitGroup
		for i := range topics {
			wg.Go(func() {
				name := "topic/" + strconv.Itoa(i)
				h.get(query+"&topic="+name+"&since="+first, nil).until(`{"topic":"` + name + `","from":2,"to":` + strconv.Itoa(3*i+2) + ",")
			})
		}
		wg.Wait()
	}
}

// TestStreamCut: wherever a stream in gzip is cut, what has come before can be read up to there, and the cut is seen.
func TestStreamCut(t *testing.T) {
	h := open(t, gateway.Options{}, protocols[1].start)
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", h.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i := range 3 {
		h.publish("a", strings.Repeat(strconv.Itoa(i)+" and ", 200))
	}
	if _, err := io.WriteString(c, "GET /?transport=stream&topic=a&compress HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	unpack := func(from io.Reader) (io.Reader, error) {
		resp, err := http.ReadResponse(bufio.NewReader(from), nil)
		if err != nil {
			return nil, err
		}
		return gzip.NewReader(resp.Body)
	}
	body, err := unpack(io.TeeReader(c, &raw))
	if err != nil {
		t.Fatal(err)
	}
	live := answer{house: h, body: bufio.NewReader(body)}
	live.until(`{"live":`)
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	live.all()
	read := func(n int) (string, error) {
		body, err := unpack(bytes.NewReader(raw.Bytes()[:n]))
		if err != nil {
			return "", err
		}
		text, err := io.ReadAll(body)
		return string(text), err
	}
	whole, err := read(raw.Len())
	if err != nil || strings.Count(whole, "\n") != 6 { // hello, live, three messages, bye
		t.Fatalf("%v in %q", err, whole)
	}
	longest := 0
	for n := bytes.Index(raw.Bytes(), []byte("\r\n\r\n")) + 4; n < raw.Len()-2; n++ { // net/http sees the last line end itself
		text, err := read(n)
		if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) || !strings.HasPrefix(whole, text) {
			t.Fatalf("cut after %d bytes of %d: %v in %.300q", n, raw.Len(), err, text)
		}
		longest = max(longest, len(text))
	}
	if longest != len(whole) {
		t.Errorf("of %d bytes, %d can be read without the end", len(whole), longest)
	}
}

// TestStreamClientLeaves: the gateway forgets followers whose clients have left.
func TestStreamClientLeaves(t *testing.T) {
	for _, s := range streams {
		for _, p := range protocols {
			t.Run(s.name+"/"+p.name, func(t *testing.T) {
				h := open(t, gateway.Options{}, p.start)
				h.publish("a", "one")
				a := p.get(h, s.query+"&topic=a")
				a.until("one")
				h.awaitFollowers("a", 1)
				a.leave()
				h.awaitFollowers("a", 0)
			})
		}
	}
}

// TestStreamOfClosedGateway: who was admitted when the gateway closed is told to come back.
func TestStreamOfClosedGateway(t *testing.T) {
	for _, p := range protocols {
		h := open(t, gateway.Options{}, p.start)
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		got := p.get(h, "transport=stream&topic=a").all()
		if !strings.HasPrefix(got, `{"hello":{`) || !strings.Contains(got, "\n"+`{"bye":{"code":4001,"reason":"draining","retry_ms":`) {
			t.Errorf("%s: %s", p.name, got)
		}
	}
}
