package gateway

import (
	"fmt"
	"testing"
)

func TestBranchesThatLeadNowhereAreCounted(t *testing.T) {
	g := newGateway(t, Options{})
	for i := range 5000 {
		publish(t, g, fmt.Sprint("t", i, "/a"), "x")
	}
	p, _ := ParsePattern("*/nothing")
	start, _ := g.Start([]Follow{{Pattern: p, Since: Since{Kind: SinceCursor, Cursor: Cursor{g.Epoch(), 4000}}}})
	page := g.Read(start, 10, 1<<20)
	if page.Touched == 0 {
		t.Error("work is not counted")
	}
}
