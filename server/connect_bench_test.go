//go:build linux

package server

import (
	"testing"

	"golang.org/x/sys/unix"
)

// BenchmarkConnect is a client that comes, is greeted, and leaves.
func BenchmarkConnect(b *testing.B) {
	for _, c := range []struct{ name, fields string }{
		{"websocket", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: tidings.v1\r\n"},
		{"sse", "Accept: text/event-stream\r\n"},
		{"stream", "Accept: application/x-ndjson\r\n"},
	} {
		b.Run(c.name, func(b *testing.B) {
			_, at := benchAddress(b)
			request := []byte("GET /topics/weather/paris HTTP/1.1\r\nHost: localhost\r\n" + c.fields + "\r\n")
			answer := make([]byte, 8<<10)
			b.ReportAllocs()
			for b.Loop() {
				fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
				if err != nil {
					b.Fatal(err)
				}
				_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
				if err := unix.Connect(fd, &unix.SockaddrInet4{Port: at.Port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
					b.Fatal(err)
				}
				if _, err := unix.Write(fd, request); err != nil {
					b.Fatal(err)
				}
				if n, err := unix.Read(fd, answer); n <= 0 || err != nil {
					b.Fatal(n, err)
				}
				_ = unix.Close(fd)
			}
		})
	}
}
