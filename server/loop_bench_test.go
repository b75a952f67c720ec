//go:build linux

package server

import (
	"io"
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// BenchmarkPollAtTheLoops is a held poll that is answered at once, over one connection: what reading, admitting, following and answering
// take, and leave behind, with a session and without.
func BenchmarkPollAtTheLoops(b *testing.B) {
	b.Run("bare", func(b *testing.B) { benchPoll(b, "") })
	b.Run("session", func(b *testing.B) { benchPoll(b, "&n=1&session="+label) })
}

func benchPoll(b *testing.B, query string) {
	s, at := benchAddress(b)
	c, err := net.Dial("tcp", at.String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	publish := "POST /topics/weather/paris HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nConnection: close\r\n\r\none"
	p, err := net.Dial("tcp", at.String())
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.WriteString(p, publish); err != nil {
		b.Fatal(err)
	}
	if _, err := io.ReadAll(p); err != nil {
		b.Fatal(err)
	}
	p.Close()
	raw, err := c.(*net.TCPConn).File()
	if err != nil {
		b.Fatal(err)
	}
	defer raw.Close()
	fd := int(raw.Fd())
	request := []byte("GET /topics/weather/paris?transport=longpoll&since=" + s.Gateway().Epoch() + "-0&wait=55" + query + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
	answer := make([]byte, 4<<10)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := unix.Write(fd, request); err != nil {
			b.Fatal(err)
		}
		if n, err := unix.Read(fd, answer); n <= 0 || err != nil {
			b.Fatal(n, err)
		}
	}
}
