package park

import (
	"io"
	"net"
	"strings"
	"testing"
)

// pair returns a parked TCP connection and its other end, from which a goroutine reads.
func pair(t testing.TB) (c *conn, heard *ears) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 64<<10)
		_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{near}, buf)
		near.Close()
	}()
	c, heard = own(far, nil), newEars()
	c.Serve(heard)
	t.Cleanup(func() {
		c.Close()
		<-done
	})
	return c, heard
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
