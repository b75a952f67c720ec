package server

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"
)

// BenchmarkSocketEcho is a round trip of a message of 128 bytes, of many clients at a time, each waiting for its answer.
func BenchmarkSocketEcho(b *testing.B) {
	s, err := New(Options{NoDeflate: true})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if err := s.Socket("/echo", echoes); err != nil {
		b.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = s.Serve(b.Context(), ln) }()
	benchEcho(b, ln.Addr().String())
}

// BenchmarkBareEcho is the same with gobwas/ws, which reads through a buffer and writes at once, and a goroutine for each connection.
func BenchmarkBareEcho(b *testing.B) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _, _, err := ws.UpgradeHTTP(r, w)
		if err != nil {
			return
		}
		defer c.Close()
		in, room := bufio.NewReader(c), make([]byte, ws.MaxHeaderSize)
		var out bytes.Buffer
		for {
			h, err := ws.ReadHeaderBuffer(in, room)
			if err != nil {
				return
			}
			mask := h.Mask
			h.Masked = false
			out.Reset()
			if err := ws.WriteHeaderBuffer(&out, h, room); err != nil {
				return
			}
			out.Grow(int(h.Length))
			payload := out.AvailableBuffer()[:h.Length]
			if _, err := io.ReadFull(in, payload); err != nil {
				return
			}
			ws.Cipher(payload, mask, 0)
			out.Write(payload)
			if _, err := c.Write(out.Bytes()); err != nil {
				return
			}
		}
	})}
	go func() { _ = web.Serve(ln) }()
	defer web.Close()
	benchEcho(b, ln.Addr().String())
}

func benchEcho(b *testing.B, addr string) {
	const clients = 1000
	frame := ws.MustCompileFrame(ws.MaskFrame(ws.NewBinaryFrame([]byte(strings.Repeat("x", 128)))))
	var conns []net.Conn
	for range clients {
		c, _, _, err := ws.Dialer{}.Dial(b.Context(), "ws://"+addr+"/echo")
		if err != nil {
			b.Fatal(err)
		}
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
				if _, err := c.Write(frame); err != nil {
					b.Error(err)
					return
				}
				if _, err := io.ReadFull(c, buf); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64((spentCPU(b)-began).Nanoseconds())/float64(b.N), "cpu-ns/op") // of both sides
	for _, c := range conns {
		c.Close()
	}
}

// spentCPU is the processor time of this process.
func spentCPU(b *testing.B) time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
