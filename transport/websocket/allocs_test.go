//go:build !race

// The race detector makes sync.Pool forget at random, so counts are taken without it.

package websocket

import (
	"net/textproto"
	"strings"
	"testing"

	"tidings/gateway"
	"tidings/gateway/socket"
)

// TestDeflatedAllocations: a deflated message is its own bytes and nothing else.
func TestDeflatedAllocations(t *testing.T) {
	m := published("text/plain", []byte(strings.Repeat("rain ", 500)))
	for _, f := range []*gateway.Format{RawDeflated, EnvelopedDeflated} {
		if n := testing.AllocsPerRun(100, func() { f.Append(nil, m) }); n > 1 {
			t.Errorf("%s: %v allocations, want one", f.Name, n)
		}
	}
	payload := []byte(packed(strings.Repeat("rain ", 20)))
	if n := testing.AllocsPerRun(100, func() { _, _ = inflate(payload, 1000) }); n > 1 {
		t.Errorf("inflating: %v allocations, want one", n)
	}
}

// sink is a connection that takes everything and keeps nothing.
type sink struct{ narrow }

func (*sink) Write(parts [][]byte) (n int, err error) {
	for _, p := range parts {
		n += len(p)
	}
	return n, nil
}

// TestPlainAllocates: a message that comes and goes allocates its own bytes, for whoever receives it, and nothing else.
func TestPlainAllocates(t *testing.T) {
	set := socket.NewSet()
	defer set.Close()
	o := &socket.Opening{
		Path:    &socket.Path{Name: "/", Handler: func(s *socket.Socket) { <-s.Context().Done() }},
		Request: &socket.Request{Path: "/", Header: textproto.MIMEHeader{}}, Transport: "websocket",
	}
	s, err := set.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	l := newPlain(s, new(sink))
	l.copies = true
	if _, err := s.Attach(l, o); err != nil {
		t.Fatal(err)
	}
	s.Ready(l)
	frame := masked(opText, true, strings.Repeat("x", 128))
	arrived := make([]byte, len(frame))
	if n := testing.AllocsPerRun(100, func() {
		copy(arrived, frame)
		(*plainEars)(l).Data(arrived)
		m, err := s.Receive()
		if err == nil {
			err = s.Send(m.Kind, m.Data)
		}
		if err != nil || len(m.Data) != 128 {
			t.Fatal(err)
		}
	}); n > 1 {
		t.Errorf("%v allocations, want one", n)
	}
}
