package server

import (
	"bufio"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"tidings/transport"
)

// TestCompresses: what is compressed depends on what the client says, the way it takes and what is configured.
func TestCompresses(t *testing.T) {
	const (
		gzip    = "Accept-Encoding: gzip, deflate, br"
		upgrade = "Upgrade: websocket|Connection: Upgrade|Sec-WebSocket-Version: 13|Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
		firefox = "|User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
		safari  = "|User-Agent: Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15"
	)
	type wants map[string]bool // by options
	options := map[string]Options{"default": {}, "off": {NoGzip: true, NoDeflate: true}, "streams": {GzipStreams: true}}
	sites, kinds := map[string]*site{}, map[string][]*fake{}
	for name, o := range options {
		sites[name], kinds[name] = startFakes(t, o)
	}
	for _, c := range []struct {
		query, fields string
		kind          transport.Kind
		want          wants
	}{
		{"", gzip, transport.Poll, wants{"default": true, "streams": true}},
		{"", "Accept-Encoding: br", transport.Poll, nil},
		{"", "Accept-Encoding: gzip;q=0", transport.Poll, nil},
		{"?compress=1", "Accept-Encoding: identity", transport.Poll, nil},
		{"?compress=0", gzip, transport.Poll, nil},
		{"?wait=1", gzip, transport.LongPoll, wants{"default": true, "streams": true}},
		{"?transport=sse", gzip, transport.SSE, wants{"streams": true}},
		{"?transport=sse&compress=1", gzip, transport.SSE, wants{"default": true, "streams": true}},
		{"?transport=sse&compress=0", gzip, transport.SSE, nil},
		{"?transport=stream", gzip, transport.Stream, wants{"streams": true}},
		{"?transport=stream&compress=true", gzip, transport.Stream, wants{"default": true, "streams": true}},
		{"?transport=stream&compress=1", "Accept-Encoding: br", transport.Stream, nil},
		{"", upgrade, transport.WebSocket, wants{"default": true, "streams": true}},
		{"?compress=1", upgrade + firefox, transport.WebSocket, wants{"default": true, "streams": true}},
		{"?compress=0", upgrade + firefox, transport.WebSocket, nil},
		{"?compress=1", upgrade + safari, transport.WebSocket, nil},
	} {
		for name := range options {
			fields := strings.Split(c.fields, "|")
			if !strings.Contains(c.fields, "Accept-Encoding") {
				fields = append(fields, "Accept-Encoding: identity") // or net/http would say gzip
			}
			a := sites[name].ask("GET", "/topics/a"+c.query, "", fields...)
			got := kinds[name][c.kind].take()
			if got == nil {
				t.Errorf("%s %s %s: %d %s", name, c.query, c.fields, a.status, a.body)
			} else if got.Compress != c.want[name] {
				t.Errorf("%s %s %s: %v", name, c.query, c.fields, got.Compress)
			}
		}
	}
	if code := sites["default"].ask("GET", "/topics/a?compress=maybe", "").code(t); code != "invalid_parameter" {
		t.Errorf("a compress that is neither: %s", code)
	}
}

// TestCompressedAll: over the network, whoever asks for compression gets what one gets who does not, in fewer bytes, and an end that
// the checksum agrees with.
func TestCompressedAll(t *testing.T) {
	for _, way := range []string{"transport=sse", "transport=sse&wrap=1", "transport=stream", "transport=poll", "transport=longpoll"} {
		t.Run(way, func(t *testing.T) {
			s := start(t, Options{DeflateFrom: 100})
			for _, text := range []string{"small", strings.Repeat("rain and wind ", 1000), "the end"} {
				s.ask("POST", "/topics/a", text)
			}
			open := func(query string) (*bufio.Reader, *counting) {
				resp := s.open("GET", "/topics/a?since=all&session=s&"+way+query, http.NoBody, "Accept-Encoding: gzip")
				t.Cleanup(func() { resp.Body.Close() })
				sent := &counting{from: resp.Body}
				if in := resp.Header.Get("Content-Encoding") == "gzip"; in != (query == "&compress=1") {
					t.Fatalf("%s: gzip is %v", query, in)
				} else if !in {
					return bufio.NewReader(sent), sent
				}
				body, err := gzip.NewReader(sent)
				if err != nil {
					t.Fatal(err)
				}
				return bufio.NewReader(body), sent
			}
			plain, all := open("&compress=0")
			packed, less := open("&compress=1")
			if got, want := until(t, packed, "the end"), until(t, plain, "the end"); got != want {
				t.Errorf("%.300s, want %.300s", got, want)
			}
			if err := s.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, in := range []*bufio.Reader{plain, packed} {
				if rest, err := io.ReadAll(in); err != nil {
					t.Errorf("%v after %q", err, rest)
				}
			}
			if less.n*5 > all.n {
				t.Errorf("%d bytes, in plain %d", less.n, all.n)
			}
		})
	}
}

// counting counts what is read.
type counting struct {
	from io.Reader
	n    int
}

func (c *counting) Read(b []byte) (int, error) {
	n, err := c.from.Read(b)
	c.n += n
	return n, err
}
