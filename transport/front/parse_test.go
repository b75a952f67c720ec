package front

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
)

// same reports how a request that Parse has taken differs from what net/http makes of the same bytes.
func same(t *testing.T, head string, r *Request) {
	t.Helper()
	rest := bufio.NewReader(strings.NewReader(head + "GET /next HTTP/1.1\r\nHost: next\r\n\r\n"))
	q, err := http.ReadRequest(rest)
	if err != nil {
		t.Fatalf("%q is taken, and net/http refuses it: %v", head, err)
	}
	if q.Method != http.MethodGet || q.ProtoMajor != 1 || q.ProtoMinor != 1 || q.ContentLength != 0 || len(q.TransferEncoding) > 0 ||
		len(q.Trailer) > 0 || q.Host != r.Host || q.Close != r.Close || q.URL.EscapedPath() != r.Path || q.URL.RawQuery != r.Query ||
		q.URL.Host != "" || q.URL.User != nil || q.URL.Fragment != "" {
		t.Fatalf("%q is %+v, and %+v to net/http", head, r, q)
	}
	for name, have := range map[string]string{
		"Accept": r.Accept, "Accept-Encoding": r.AcceptEncoding, "Authorization": r.Authorization, "Connection": r.Connection,
		"If-None-Match": r.IfNoneMatch, "Last-Event-Id": r.LastEventID, "Origin": r.Origin, "Referer": r.Referer,
		"Sec-Fetch-Dest": r.SecFetchDest, "Sec-Fetch-Site": r.SecFetchSite,
		"Upgrade": r.Upgrade, "User-Agent": r.UserAgent, "Sec-Websocket-Extensions": r.SecWebSocketExtensions,
		"Sec-Websocket-Key": r.SecWebSocketKey, "Sec-Websocket-Protocol": r.SecWebSocketProtocol,
		"Sec-Websocket-Version": r.SecWebSocketVersion, "X-Forwarded-For": r.XForwardedFor,
	} {
		var values []string
		for _, v := range q.Header[name] {
			if v != "" {
				values = append(values, v)
			}
		}
		if want := strings.Join(values, ","); strings.Trim(have, ",") != strings.Trim(want, ",") {
			t.Fatalf("%q: %s is %q, and %q to net/http", head, name, have, want)
		}
	}
	if next, err := http.ReadRequest(rest); err != nil || next.Host != "next" {
		t.Fatalf("%q: net/http reads on elsewhere: %v, %v", head, next, err)
	}
}

var plain = "GET /topics/weather/paris?since=now HTTP/1.1\r\nHost: localhost:8080\r\n"

func TestParse(t *testing.T) {
	for _, c := range []struct {
		head string
		want bool
	}{
		{plain + "\r\n", true},
		{plain + "User-Agent: curl/8\r\nAccept: */*\r\n\r\n", true},
		{plain + "X-Forwarded-For: 192.0.2.1\r\nx-forwarded-for: 192.0.2.2, 192.0.2.3\r\n\r\n", true},
		{plain + "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n", true},
		{plain + "accept: text/event-stream\r\nACCEPT:\tapplication/json \r\nConnection: close\r\n\r\n", true},
		{plain + "X-Anything: \"quoted\" <and> not\r\n\r\n", true},
		{"GET /topics/a%20b?since=%32 HTTP/1.1\r\nHost: [::1]\r\n\r\n", true},
		{"GET /?a?b HTTP/1.1\r\nHost: a\r\n\r\n", true},
		{"GET //a HTTP/1.1\r\nHost: a\r\n\r\n", true},

		{plain, false},
		{"GET /topics/a HTTP/1.1\r\n\r\n", false},
		{"GET /topics/a HTTP/1.0\r\nHost: a\r\n\r\n", false},
		{"get /topics/a HTTP/1.1\r\nHost: a\r\n\r\n", false},
		{"GET  /topics/a HTTP/1.1\r\nHost: a\r\n\r\n", false},
		{"GET /topics/a  HTTP/1.1\r\nHost: a\r\n\r\n", false},
		{"GET http://a/topics/a HTTP/1.1\r\nHost: a\r\n\r\n", false},
		{"GET * HTTP/1.1\r\nHost: a\r\n\r\n", false},
		{"GET /topics/é HTTP/1.1\r\nHost: a\r\n\r\n", false},
		{"GET /topics/%zz HTTP/1.1\r\nHost: a\r\n\r\n", false},
		{"GET /topics/%4 HTTP/1.1\r\nHost: a\r\n\r\n", false},
		{"GET /topics/a#b HTTP/1.1\r\nHost: a\r\n\r\n", false},
		{"GET /topics/a HTTP/1.1\nHost: a\n\n", false},
		{"GET /topics/a HTTP/1.1\r\nHost: a b\r\n\r\n", false},
		{"GET /topics/a HTTP/1.1\r\nHost:\r\n\r\n", false},
		{"HEAD /topics/a HTTP/1.1\r\nHost: a\r\n\r\n", false},
		{plain + "Host: b\r\n\r\n", false},
		{plain + "Content-Length: 0\r\n\r\n", false},
		{plain + "content-length: 5\r\n\r\n", false},
		{plain + "Transfer-Encoding: chunked\r\n\r\n", false},
		{plain + "Expect: 100-continue\r\n\r\n", false},
		{plain + "TE: trailers\r\n\r\n", false},
		{plain + "Trailer: X\r\n\r\n", false},
		{plain + "Connection: Host\r\n\r\n", false},
		{plain + "Connection: keep-alive,,close\r\n\r\n", false},
		{plain + "Origin: http://a\r\nOrigin: http://b\r\n\r\n", false},
		{plain + "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n", false},
		{plain + "Last-Event-ID:\r\n\r\n", false},
		{plain + "X-A : b\r\n\r\n", false},
		{plain + "X-A: b\r\n c\r\n\r\n", false},
		{plain + " X-A: b\r\n\r\n", false},
		{plain + ": b\r\n\r\n", false},
		{plain + "X-A\r\n\r\n", false},
		{plain + "X-A: b\x00c\r\n\r\n", false},
		{plain + "X-A: b\rc\r\n\r\n", false},
		{plain + "X-A: caf\xe9\r\n\r\n", false},
		{plain + strings.Repeat("X-A: b\r\n", maxFields) + "\r\n", false},
	} {
		r := new(Request)
		ok := Parse(c.head, r)
		if ok != c.want {
			t.Errorf("%q: %v", c.head, ok)
		}
		if ok {
			same(t, c.head, r)
		}
	}
}

// FuzzParse: whatever is taken here, net/http reads in the same way.
func FuzzParse(f *testing.F) {
	f.Add(plain + "\r\n")
	f.Add(plain + "Accept: text/event-stream\r\nOrigin: http://localhost\r\nLast-Event-ID: k3f9a2m1-7\r\nSec-Fetch-Site: same-site\r\n\r\n")
	f.Add(plain + "Connection: close, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n\r\n")
	f.Add("GET //a%2fb/./..?x=%00&&;=+ HTTP/1.1\r\nHost: [::1]:80\r\nKeep-Alive: 1\r\nIf-None-Match: W/\"a\"\r\n\r\n")
	f.Fuzz(func(t *testing.T, head string) {
		end := strings.Index(head, "\r\n\r\n")
		if end < 0 {
			return
		}
		head = head[:end+4] // the loops give no more
		if r := new(Request); Parse(head, r) {
			same(t, head, r)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	head := plain + "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\nAccept: text/event-stream\r\n" +
		"Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nOrigin: http://localhost:8080\r\nConnection: keep-alive\r\n\r\n"
	b.ReportAllocs()
	var r Request
	for b.Loop() {
		if !Parse(head, &r) {
			b.Fatal("refused")
		}
	}
}
