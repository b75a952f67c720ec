package sockets

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"tidings/server"
)

// soaks says that everything is to be of full size.
var soaks = os.Getenv("TIDINGS_SOAK") != ""

// Sizes of the message: GiB where it soaks.
const (
	wholeMessage  = 1 << 30
	littleMessage = 64 << 20
)

// bound is what the process may grow by while the message passes: far below the message, and far above what buffers there are at both ends.
const bound = 16 << 20

// block is how much is written at once. What is masked is a multiple of four, so that each begins where the mask does.
const block = 64 << 10

// flow is the content of the message: blocks of noise, each with its number in front.
type flow struct {
	noise  [block]byte
	masked bool
	at     int64
}

func newFlow(masked bool) *flow {
	f := &flow{masked: masked}
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range f.noise {
		f.noise[i] = byte(rnd.Uint32())
	}
	if masked {
		cover(f.noise[:])
	}
	return f
}

// next returns what comes next, up to n bytes and to the end of a block, until the next call.
func (f *flow) next(n int) []byte {
	within := int(f.at % block)
	if within == 0 {
		number := f.noise[:8]
		if binary.BigEndian.PutUint64(number, uint64(f.at/block)); f.masked {
			cover(number)
		}
	}
	part := f.noise[within:min(block, within+n)]
	f.at += int64(len(part))
	return part
}

// send writes the message in frames of a size.
func (f *flow) send(c net.Conn, size, frame int64) error {
	var out []byte
	opcode := byte(opBinary)
	for left := int64(0); f.at < size; left -= block {
		out = out[:0]
		if left == 0 {
			left = min(frame, size-f.at)
			out = head(out, opcode, f.at+left == size, left)
			opcode = opContinuation
		}
		out = append(out, f.next(block)...)
		if _, err := c.Write(out); err != nil {
			return fmt.Errorf("sending, at %d: %w", f.at, err)
		}
	}
	return nil
}

// receive reads the message and holds that it is the one that was sent. Every MiB it calls look.
func (f *flow) receive(in *bufio.Reader, size int64, look func()) error {
	buf := make([]byte, 32<<10)
	for opcode := byte(opBinary); ; opcode = opContinuation {
		h, err := readHead(in)
		if err != nil {
			return fmt.Errorf("receiving, at %d: %w", f.at, err)
		}
		if h.opcode != opcode {
			return fmt.Errorf("opcode %d where there should be %d, at %d", h.opcode, opcode, f.at)
		}
		for h.length > 0 {
			n, err := in.Read(buf[:min(h.length, int64(len(buf)))])
			if err != nil {
				return fmt.Errorf("receiving, at %d: %w", f.at, err)
			}
			h.length -= int64(n)
			for got := buf[:n]; len(got) > 0; {
				was := f.at
				want := f.next(len(got))
				if !bytes.Equal(got[:len(want)], want) {
					return fmt.Errorf("what comes at %d is not what was sent", was)
				}
				if f.at>>20 != was>>20 {
					look()
				}
				got = got[len(want):]
			}
		}
		if h.last {
			if f.at != size {
				return fmt.Errorf("%d bytes come, not %d", f.at, size)
			}
			return nil
		}
	}
}

// held is the memory that the process has from the system.
func held() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}

// TestAGigabyteStreamsThrough sends a binary message up, through a handler that copies it from its reader to its writer, and down again: as one
// frame and as many. The process, which is server and client, must not grow with it.
func TestAGigabyteStreamsThrough(t *testing.T) {
	size := int64(littleMessage)
	if soaks {
		size = wholeMessage
	}
	s, address := serve(t)
	err := s.Socket("/copy", func(s *server.Socket) {
		for {
			kind, from, err := s.Reader()
			if err != nil {
				return
			}
			to, err := s.Writer(kind)
			if err != nil {
				return
			}
			if _, err := io.Copy(to, from); err != nil {
				return
			}
			if err := to.Close(); err != nil {
				return
			}
		}
	}, server.SocketOptions{MessageBytes: -1, Ping: time.Hour, NoDeflate: true})
	if err != nil {
		t.Fatal(err)
	}
	for name, frame := range map[string]int64{"one frame": size, "frames of 64 KiB": block} {
		t.Run(name, func(t *testing.T) {
			c, in, err := dial(t.Context(), address, "/copy")
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := exchange(c, in, []byte("hello")); err != nil {
				t.Fatal(err)
			}
			runtime.GC()
			debug.FreeOSMemory()
			before, most := held(), int64(0)
			began := time.Now()
			sent := make(chan error, 1)
			go func() {
				err := newFlow(true).send(c, size, frame)
				if err != nil {
					c.Close()
				}
				sent <- err
			}()
			err = newFlow(false).receive(in, size, func() { most = max(most, held()) })
			if err != nil {
				c.Close()
			}
			if err := <-sent; err != nil {
				t.Error(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d MiB there and back in %v; the process had %.1f MiB before, and at most %.1f more",
				size>>20, time.Since(began).Round(time.Millisecond), float64(before)/(1<<20), float64(most-before)/(1<<20))
			if most-before > bound {
				t.Errorf("the process grew by %d bytes", most-before)
			}
		})
	}
}
