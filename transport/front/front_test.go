package front

import (
	"errors"
	"io"
	"net"
	"testing"

	"tidings/transport/park"
)

// nobody answers nothing.
type nobody struct{}

func (nobody) Ask(*park.Fresh, *Request) bool { return false }

// TestPassedLate: what the loops pass on once nobody accepts any more is closed.
func TestPassedLate(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f, err := Listen(ln, nobody{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Release()
	nc, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	// That it is accepted shows in what is passed on before.
	if _, err := io.WriteString(nc, "POST / HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	passed, err := f.Accept()
	if err != nil {
		t.Skip("there are no loops")
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f.Pass(passed)
	if _, err := nc.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("it is not closed: %v", err)
	}
}
