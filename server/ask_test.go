package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"unsafe"

	"tidings/transport"
)

// reader reads answers one after the other from one connection.
type reader struct {
	net.Conn
	in *bufio.Reader
	t  *testing.T
}

func (s *site) connect() *reader {
	s.t.Helper()
	c := s.dial("")
	return &reader{c, bufio.NewReader(c), s.t}
}

func (r *reader) send(text string) {
	r.t.Helper()
	if _, err := io.WriteString(r, text); err != nil {
		r.t.Fatal(err)
	}
}

// answer reads the next answer and returns its status and body.
func (r *reader) answer() (*http.Response, string) {
	r.t.Helper()
	resp, err := http.ReadResponse(r.in, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp, string(b)
}

// atLoops is a request that the loops read, and atHTTP the same with a field that only net/http knows.
func atLoops(target, fields string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n"
}

func atHTTP(target, fields string) string { return atLoops(target, "TE: trailers\r\n"+fields) }

// TestAnswersKeepNoHead: the origin is a piece of the request's head, which must not live for as long as a poll is held.
func TestAnswersKeepNoHead(t *testing.T) {
	s := newServer(t, Options{})
	defer s.Close()
	e := entry{origin: "https://good.example"}
	if f := s.corsFields(&e, transport.CacheNone); f[0].Value != e.origin || unsafe.StringData(f[0].Value) == unsafe.StringData(e.origin) {
		t.Errorf("%v", f)
	}
}

// TestLoopsAndHTTPAnswerTheSame asks for the same by either way in.
func TestLoopsAndHTTPAnswerTheSame(t *testing.T) {
	s := start(t, Options{Node: "n1", Origins: []string{"https://good.example"}, Iframe: true, JSONP: true})
	s.ask("POST", "/topics/a", "one")
	s.ask("POST", "/topics/large", strings.Repeat("one ", 500))
	const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
	const webKit = "User-Agent: Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1\r\n"
	own := regexp.MustCompile(`(?m)^Date: .*\r\n|"session":"[^"]*",|, `)
	for _, c := range []struct{ target, fields string }{
		{"/topics/a", ""},
		{"/topics/a?since=now", ""},
		{"/topics/a", "Origin: https://good.example\r\n"},
		{"/topics/a", "Origin: https://bad.example\r\n"},
		{"/topics/a", "If-None-Match: *\r\n"},
		{"/topics/a?wait=1&since=all", ""},
		{"/topics/a?wait=1&since=all", "Origin: https://good.example\r\n"},
		{"/topics/a?since=all", "Accept: text/event-stream\r\n"},
		{"/topics/a?since=all&wrap=1", "Accept: text/event-stream\r\nOrigin: https://good.example\r\n"},
		{"/topics/a", "Accept: text/event-stream\r\nLast-Event-ID: " + s.Gateway().Epoch() + "-0\r\n"},
		{"/topics/a?since=all", "Accept: application/x-ndjson\r\n"},
		{"/topics/a?since=all", "Accept: multipart/mixed\r\n"},
		{"/topics?topic=a&topic=b&since=all", "Accept: application/x-ndjson\r\n"},
		{"/topics/a?since=all", upgrade},
		{"/topics/a?since=all", upgrade + "Sec-WebSocket-Protocol: x\r\nSec-WebSocket-Protocol: tidings.v1\r\nOrigin: https://good.example\r\n"},
		{"/topics/a?since=all", upgrade + "Origin: https://bad.example\r\n"},
		{"/topics/a", strings.Replace(upgrade, "13", "8", 1)},
		{"/topics/a?since=all", upgrade + "Sec-WebSocket-Extensions: permessage-deflate\r\n"},
		{"/topics/a?since=all", upgrade + "Sec-WebSocket-Extensions: x\r\nSec-WebSocket-Extensions: permessage-deflate\r\n" + webKit},
		{"/topics/a?since=all", upgrade + "Sec-WebSocket-Extensions: permessage-deflate;\r\n"},
		{"/topics/a?since=all&compress=1", "Accept: text/event-stream\r\nAccept-Encoding: br\r\nAccept-Encoding: gzip\r\n"},
		{"/topics/large", "Accept-Encoding: gzip\r\n"},
		{"/topics/large?compress=0", "Accept-Encoding: gzip\r\n"},
		{"/topics/large?wait=1&since=all", "Accept-Encoding: gzip\r\n"},
		{"/topics/a?callback=f.g", "Referer: https://good.example/page?a\r\n"},
		{"/topics/a?callback=f.g", "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Dest: script\r\n"},
		{"/topics/a?callback=f.g", "Referer: https://bad.example/page?a\r\n"},
		{"/topics/a?callback=f.g&wait=1&since=all", "Referer: https://good.example/\r\n"},
		{"/topics/a?callback=f.g&since=never", "Referer: https://good.example/\r\n"},
		{"/topics/a?transport=iframe&callback=f&since=all", ""},
		{"/topics/a?transport=iframe&origin=https://good.example&since=all", "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Dest: iframe\r\n"},
		{"/topics/a?transport=iframe&origin=https://bad.example&since=all", ""},
		{"/topics/a?transport=iframe&callback=f&since=all", "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Dest: iframe\r\n"},
		{"/topics/a?since=never", ""},
		{"/topics/a//b", ""},
		{"/topics", ""},
		{"/topics/%24own", ""},
		{"/nothing", ""},
	} {
		var answers [2]string
		for i, request := range []string{atLoops(c.target, c.fields), atHTTP(c.target, c.fields)} {
			r := s.connect()
			r.send(request)
			head, err := readHead(r.in)
			if err != nil {
				t.Fatalf("%q: %v", request, err)
			}
			// Of what does not end by itself as much as there is at once: the first message.
			var body string
			if strings.HasPrefix(head, "HTTP/1.1 304") || strings.Contains(head, "Content-Length") {
				b := make([]byte, r.in.Buffered())
				_, _ = io.ReadFull(r.in, b) // they are there
				body = string(b)
			} else {
				body = until(t, r.in, "one")
			}
			answers[i] = own.ReplaceAllString(sortedLines(head)+body, "")
			r.Close()
		}
		if answers[0] != answers[1] {
			t.Errorf("GET %s %q:\n%s\nand from net/http\n%s", c.target, c.fields, answers[0], answers[1])
		}
	}
}

func readHead(in *bufio.Reader) (string, error) {
	var head strings.Builder
	for {
		line, err := in.ReadString('\n')
		head.WriteString(line)
		if err != nil || line == "\r\n" {
			return head.String(), err
		}
	}
}

// sortedLines forgets the order of header fields, and joins those that came several times.
func sortedLines(head string) string {
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(head)), &http.Request{Method: http.MethodHead})
	if err != nil {
		return head
	}
	resp.Body.Close()
	for name, values := range resp.Header {
		resp.Header[name] = []string{strings.Join(strings.Split(strings.Join(values, ","), ", "), ",")}
	}
	var out strings.Builder
	fmt.Fprintln(&out, resp.Status, resp.TransferEncoding, resp.ContentLength, resp.Close)
	for _, name := range []string{"Vary"} { // its order is nobody's business
		fields := strings.Split(resp.Header.Get(name), ",")
		seen := map[string]bool{}
		for _, f := range fields {
			seen[f] = true
		}
		resp.Header.Del(name)
		fmt.Fprintln(&out, name, seen)
	}
	_ = resp.Header.Write(&out) // a builder cannot fail
	return out.String()
}

// until reads up to and with text, or fails.
func until(t *testing.T, in *bufio.Reader, text string) string {
	t.Helper()
	var got strings.Builder
	for !strings.Contains(got.String(), text) {
		b, err := in.ReadByte()
		if err != nil {
			if strings.Contains(got.String(), `"code"`) {
				return got.String()
			}
			t.Fatalf("%v before %q in %q", err, text, got.String())
		}
		got.WriteByte(b)
	}
	return got.String()
}

// TestPollsShareAConnection: polls, held and not, writes and others go over one connection, whoever reads them.
func TestPollsShareAConnection(t *testing.T) {
	s := start(t, Options{})
	r := s.connect()
	for round := range 3 {
		for i, ask := range []string{
			atLoops("/topics/a", ""),
			atLoops("/topics/a?wait=1&since=all&limit=1", ""),
			atLoops("/topics/a?wait=1&since=all&limit=1", ""),
			atHTTP("/topics/a?wait=1&since=all&limit=1", ""),
			atLoops("/topics/a?since=all", ""),
			atLoops("/livez", ""),
			"POST /topics/b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\ntwo",
			"POST /follow HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 59\r\n\r\n" +
				`{"follow":[{"topic":"a","since":"all"}],"wait":1,"limit":1}`,
		} {
			if round == 0 && i == 0 {
				s.ask("POST", "/topics/a", "one")
			}
			r.send(ask)
			resp, body := r.answer()
			if resp.StatusCode/100 != 2 || strings.Contains(ask, "/topics/a") && !strings.Contains(body, `"data":"one"`) || resp.Close {
				t.Fatalf("round %d, %q: %d %v %s", round, ask, resp.StatusCode, resp.Header, body)
			}
		}
	}
	r.send(atLoops("/topics/a?wait=1&since=all", "Connection: close\r\n"))
	if resp, body := r.answer(); !resp.Close || !strings.Contains(body, "one") {
		t.Errorf("%v %s", resp.Header, body)
	}
	if _, err := r.in.ReadByte(); err != io.EOF {
		t.Errorf("the connection goes on: %v", err)
	}
}

// TestPipelinedPolls: who asks for the next before it has the first gets both, in order.
func TestPipelinedPolls(t *testing.T) {
	s := start(t, Options{})
	r := s.connect()
	held := atLoops("/topics/a?wait=50", "")
	r.send(held + atLoops("/topics/a?wait=50&since=all", "") + atHTTP("/topics/b", "") + atLoops("/topics/a", ""))
	s.awaitFollowers("a", 1)
	s.ask("POST", "/topics/a", "one")
	for i := range 4 {
		resp, body := r.answer()
		if resp.StatusCode != http.StatusOK || strings.Contains(body, "one") != (i != 2) {
			t.Errorf("answer %d: %d %s", i, resp.StatusCode, body)
		}
	}
}

// awaitFollowers waits until a topic has n followers.
func (s *site) awaitFollowers(topic string, n int) {
	s.t.Helper()
	for {
		info, err := s.Gateway().Topic(topic)
		if err != nil {
			s.t.Fatal(err)
		}
		if info.Followers == n {
			return
		}
		s.ask("GET", "/livez", "") // takes a moment
	}
}

// TestWhoLeavesIsNotAwaited: a held poll whose client has left is no follower any more.
func TestWhoLeavesIsNotAwaited(t *testing.T) {
	s := start(t, Options{})
	for _, ask := range []string{atLoops("/topics/a?wait=50", ""), atHTTP("/topics/a?wait=50", "")} {
		r := s.connect()
		r.send(ask)
		s.awaitFollowers("a", 1)
		r.Close()
		s.awaitFollowers("a", 0)
	}
	if n := s.Gateway().Stats().Classes[transport.LongPoll].Closed["gone"]; n != 2 {
		t.Errorf("%d have gone", n)
	}
}

// TestOneByteAtATime: many who send a byte now and then hold nobody up, and are understood in the end.
func TestOneByteAtATime(t *testing.T) {
	s := start(t, Options{})
	s.ask("POST", "/topics/a", "one")
	const slow = 100
	asks := [2]string{atLoops("/topics/a", ""), atHTTP("/topics/a", "")}
	var all [slow]*reader
	for i := range all {
		all[i] = s.connect()
	}
	quick := s.connect()
	for at := range max(len(asks[0]), len(asks[1])) {
		for i, r := range all {
			if ask := asks[i%2]; at < len(ask) {
				r.send(ask[at : at+1])
			}
		}
		quick.send(asks[0])
		if resp, body := quick.answer(); resp.StatusCode != http.StatusOK || !strings.Contains(body, "one") {
			t.Fatalf("%d %s", resp.StatusCode, body)
		}
	}
	for _, r := range all {
		if resp, body := r.answer(); resp.StatusCode != http.StatusOK || !strings.Contains(body, "one") {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
	}
}
