//go:build !race

// The race detector makes sync.Pool forget at random, so counts are taken without it.

package wire

import "testing"

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
