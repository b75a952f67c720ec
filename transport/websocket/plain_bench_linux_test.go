package websocket

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"

	"tidings/gateway/socket"
)

// echoes sends what it receives.
func echoes(s *socket.Socket) {
	for {
		m, err := s.Receive()
		if err == nil {
			err = s.Send(m.Kind, m.Data)
		}
		if err != nil {
			return
		}
	}
}

// BenchmarkPlainEcho is a round trip of a message of 128 bytes, of many clients at a time, each waiting for its answer. `make bench-compare`
// has it beside others.
func BenchmarkPlainEcho(b *testing.B) {
	const clients = 1000
	dial := plainServer(b, false, &socket.Path{Name: "/", Handler: echoes})
	frame := ws.MustCompileFrame(ws.MaskFrame(ws.NewBinaryFrame([]byte(strings.Repeat("x", 128)))))
	var conns []net.Conn
	for range clients {
		c, _ := dial("")
		conns = append(conns, c)
	}
	b.ReportAllocs()
	b.ResetTimer()
	began := spentCPU(b)
	var all sync.WaitGroup
	for i, c := range conns {
		n := b.N / clients
		if i < b.N%clients {
			n++
		}
		all.Go(func() {
			buf := make([]byte, 4+128)
			for range n {
				_, err := c.Write(frame)
				if err == nil {
					_, err = io.ReadFull(c, buf)
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64((spentCPU(b)-began).Nanoseconds())/float64(b.N), "cpu-ns/op") // of both sides
}

// spentCPU is the processor time of this process.
func spentCPU(b *testing.B) time.Duration {
	b.Helper()
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
