package commands

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"
)

var (
	atPort   = regexp.MustCompile(`--port=\d+`)
	feeding  = regexp.MustCompile(`--topic=(\S+)`)
	hasPage  = regexp.MustCompile(`--(static|devconsole)\b`)
	hasPaths = regexp.MustCompile(`--dir=`)
)

// execs has a program serve, and hears a message of it: over a WebSocket, or in its topic. Where there is a page, it is looked at.
func (v *visit) execs(text string) {
	p := v.start(v.local(atPort.ReplaceAllString(text, "--port=0")))
	base := v.address(p)
	if hasPage.MatchString(text) {
		if page := v.get(base + "/"); !strings.Contains(page, "/tidings-socket.js") {
			v.t.Errorf("the page is %.300s", page)
		}
	}
	switch topic := feeding.FindStringSubmatch(text); {
	case topic != nil:
		p.until("a message in "+topic[1], func() bool { return len(v.poll(base, topic[1], "all").Items) > 0 })
	case hasPaths.MatchString(text):
		v.hears(base, "/count.sh")
	default:
		v.hears(base, "/")
	}
	p.interrupt()
}

// hears opens a WebSocket, says hello, and waits for a message.
func (v *visit) hears(base, path string) {
	v.t.Helper()
	host := strings.TrimPrefix(base, "http://")
	c, err := net.Dial("tcp", host)
	if err != nil {
		v.t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		v.t.Fatal(err)
	}
	// The key is that of RFC 6455 section 1.2; a mask of zeros masks nothing.
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x85\x00\x00\x00\x00hello", path, host)
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		v.t.Fatalf("the handshake was answered with %v, %v", resp, err)
	}
	defer resp.Body.Close()
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		v.t.Fatal(err)
	}
	size := uint16(head[1])
	if size == 126 {
		err = binary.Read(r, binary.BigEndian, &size)
	}
	data := make([]byte, size)
	if _, readErr := io.ReadFull(r, data); err != nil || readErr != nil || head[0] != 0x81 && head[0] != 0x82 || size == 0 {
		v.t.Errorf("heard % x %q, %v, %v", head, data, err, readErr)
	}
}
