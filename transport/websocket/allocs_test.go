//go:build !race

// The race detector makes sync.Pool forget at random, so counts are taken without it.

package websocket

import (
	"strings"
	"testing"

	"tidings/gateway"
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
