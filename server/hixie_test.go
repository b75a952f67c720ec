package server

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// hixie is the head of a handshake as browsers of 2010 send it (draft-ietf-hybi-thewebsocketprotocol-00, "hixie-76"). Eight bytes follow,
// which no field speaks of; the draft before it (hixie-75) has neither keys nor those.
const hixie = "GET /topics/a?since=all HTTP/1.1\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nHost: localhost\r\n" +
	"Origin: http://localhost\r\nSec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\nSec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n"

// TestHixie: Safari 5, iOS 4 and 5 and PhantomJS 1 know no other WebSocket. They are refused at once, whatever becomes of the eight bytes, and
// find the connection closed: so they step down without waiting for anything.
func TestHixie(t *testing.T) {
	for way, site := range map[string]*site{"loops": start(t, Options{}), "net/http": startPublic(t, Options{Origins: []string{"*"}})} {
		for name, c := range map[string]struct{ with, late string }{
			"with its bytes":             {with: hixie + "\r\n^n:ds[4U"},
			"its bytes look like a line": {with: hixie + "\r\nGET /\r\n\r"},
			"its bytes come later":       {with: hixie + "\r\n", late: "^n:ds[4U"},
			"its bytes come in part":     {with: hixie + "\r\n^n:d", late: "s[4U"},
			"its bytes never come":       {with: hixie + "\r\n"},
			"hixie-75":                   {with: strings.Split(hixie, "Sec-")[0] + "WebSocket-Protocol: x\r\n\r\n"},
			"hybi-07":                    {with: strings.Split(hixie, "Sec-")[0] + "Sec-WebSocket-Version: 7\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"},
			"with a field for net/http":  {with: hixie + "TE: trailers\r\n\r\n^n:ds[4U"},
		} {
			t.Run(way+"/"+name, func(t *testing.T) {
				r := site.connect()
				if err := r.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil { // to fail rather than hang
					t.Fatal(err)
				}
				r.send(c.with)
				resp, body := r.answer()
				if resp.StatusCode != http.StatusUpgradeRequired || !resp.Close || resp.Header.Get("Sec-WebSocket-Version") != "13" ||
					resp.Header.Get("Upgrade") != "websocket" || !strings.Contains(body, `"code":"upgrade_required"`) {
					t.Errorf("%d %v %s", resp.StatusCode, resp.Header, body)
				}
				if c.late != "" {
					_, _ = io.WriteString(r, c.late) // there may be nobody any more
				}
				if n, err := io.Copy(io.Discard, r.in); n > 0 || isTimeout(err) {
					t.Errorf("then %d bytes, %v", n, err)
				}
			})
		}
	}
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error) //nolint:errorlint // as net returns it
	return ok && timeout.Timeout()
}
