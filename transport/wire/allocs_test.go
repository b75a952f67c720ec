//go:build !race

// The race detector makes sync.Pool forget at random, so counts are taken without it.

package wire

import (
	"testing"

	"tidings/gateway"
)

// TestAllocations: making a message's bytes allocates these bytes and nothing else.
func TestAllocations(t *testing.T) {
	for _, c := range messages {
		m := c.make()
		m.Encoded(Envelope) // the others wrap it
		for _, f := range formats {
			if n := testing.AllocsPerRun(100, func() { f.Append(nil, m) }); n > 1 {
				t.Errorf("%s, %s: %v allocations, want one", c.name, f.Name, n)
			}
		}
	}
}

// TestGzipAllocations: a message's gzip unit is one allocation too, and a connection counts it for nothing.
func TestGzipAllocations(t *testing.T) {
	for _, n := range []int{100, 1000, 10_000} {
		m := said(string(readings(n)))
		for _, f := range []*gateway.Format{Gzipped(SSERaw, DefaultDeflateFrom), GzippedChunked(SSERaw, DefaultDeflateFrom)} {
			if n := testing.AllocsPerRun(100, func() { f.Append(nil, m) }); n > 1 {
				t.Errorf("%s: %v allocations, want one", f.Name, n)
			}
			var s GzipSum
			parts := [][]byte{m.Encoded(f), m.Encoded(f)}
			chunked := f.Name == "sse.raw.gzip.chunked"
			if n := testing.AllocsPerRun(100, func() { s.Wrote(parts, len(parts[0]), false, chunked) }); n != 0 {
				t.Errorf("%s: %v allocations a connection, want none", f.Name, n)
			}
		}
	}
}
