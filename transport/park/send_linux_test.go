package park

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// dialed returns both ends of a TCP connection.
func dialed(t testing.TB) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return near, far
}

// pair returns a parked TCP connection and its other end, from which a goroutine reads.
func pair(t testing.TB) (c Conn, heard *ears) {
	t.Helper()
	near, far := dialed(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 64<<10)
		_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{near}, buf)
		near.Close()
	}()
	c, heard = own(far, nil, nil), newEars()
	c.Serve(heard)
	t.Cleanup(func() {
		c.Close()
		<-done
	})
	return c, heard
}

// TestRoomMissed: room that came before it was waited for is noticed all the same.
func TestRoomMissed(t *testing.T) {
	near, far := dialed(t)
	defer near.Close()
	c := own(far, nil, nil)
	defer c.Close()
	total := 0
	for want := 10_000; ; {
		n, err := c.Write(batch(1, want))
		if err != nil {
			t.Fatal(err)
		}
		if total += n; n < want {
			break
		}
	}
	if _, err := io.CopyN(io.Discard, near, int64(total)); err != nil {
		t.Fatal(err)
	}
	heard := newEars()
	c.Serve(heard)
	<-heard.ready
}

func batch(n, bytes int) [][]byte {
	parts := make([][]byte, n)
	for i := range parts {
		parts[i] = []byte(strings.Repeat("x", bytes))
	}
	return parts
}

func TestWriteAllocatesNothing(t *testing.T) {
	c, heard := pair(t)
	parts := batch(100, 10)
	if n := testing.AllocsPerRun(1000, func() {
		if n, err := c.Write(parts); err != nil {
			t.Error(err)
		} else if n < 1000 {
			<-heard.ready
		}
	}); n != 0 {
		t.Errorf("a write allocates %v times", n)
	}
}

func BenchmarkWrite(b *testing.B) {
	c, heard := pair(b)
	parts := batch(64, 100)
	b.ReportAllocs()
	b.SetBytes(6400)
	for b.Loop() {
		if n, err := c.Write(parts); err != nil {
			b.Fatal(err)
		} else if n < 6400 {
			<-heard.ready
		}
	}
}

// TestFinishWithNothing: to finish without a last word is to close.
func TestFinishWithNothing(t *testing.T) {
	near, far := dialed(t)
	defer near.Close()
	c := own(far, nil, nil)
	c.Serve(newEars())
	c.Finish(nil)
	_ = near.SetReadDeadline(time.Now().Add(FinishTime / 2))
	if n, err := near.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("got %d bytes and %v", n, err)
	}
}
