package bench

import (
	"fmt"
	"testing"
)

// TestReadingAllocatesNothing holds that a message costs the load no memory, however it is wrapped.
func TestReadingAllocatesNothing(t *testing.T) {
	for _, transport := range []string{"websocket", "sse", "stream"} {
		r, err := Options{URL: "http://127.0.0.1:1", Transport: transport}.begin()
		if err != nil {
			t.Fatal(err)
		}
		f := newFollower(newCrowd(t.Context(), r, 1))
		f.book, f.live, f.stage = newBook(), true, inHead
		head := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		wrap := func(b []byte) []byte { return fmt.Appendf(nil, "%x\r\n%s\r\n", len(b), b) }
		if transport == "websocket" {
			head = "HTTP/1.1 101 Switching Protocols\r\n\r\n"
			wrap = func(b []byte) []byte { return append([]byte{0x82, byte(len(b))}, b...) }
		}
		if err := f.arrived([]byte(head)); err != nil {
			t.Fatal(err)
		}
		var messages [][]byte
		for i := range 101 {
			b := payload(64)
			stamp{run: r.id, phase: measured, number: uint32(i)}.put(b)
			messages = append(messages, wrap(b))
		}
		n := 0
		allocs := testing.AllocsPerRun(100, func() {
			if err := f.arrived(messages[n]); err != nil {
				t.Fatal(err)
			}
			n++
		})
		if allocs != 0 || f.seen[measured].Load() != 101 {
			t.Errorf("%s: %g allocations per message, and %d seen", transport, allocs, f.seen[measured].Load())
		}
	}
}
