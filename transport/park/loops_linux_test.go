package park

import (
	"io"
	"testing"
)

// TestLoopsEndWithTheirConnections: a loop that has lost its last connection is gone, however few there were.
func TestLoopsEndWithTheirConnections(t *testing.T) {
	for range 3 {
		near, far := dialed(t)
		c, heard := own(far, nil, nil), newEars()
		c.Serve(heard)
		near.Close()
		heard.goneOnce(t)
	}
	common.mu.Lock()
	defer common.mu.Unlock()
	if len(common.all) > 0 {
		t.Errorf("%d loops are left", len(common.all))
	}
}

// TestSlotsAreUsedAgain: an event finds the connection it was meant for, though slots and descriptors are used again.
func TestSlotsAreUsedAgain(t *testing.T) {
	stays, far := dialed(t)
	defer stays.Close()
	kept := newEars()
	c := own(far, nil, nil)
	c.Serve(kept) // so that the loops last
	defer c.Close()
	for range 100 {
		near, far := dialed(t)
		heard := newEars()
		own(far, nil, nil).Serve(heard)
		if _, err := io.WriteString(near, "here"); err != nil {
			t.Fatal(err)
		}
		if got := <-heard.data; got != "here" {
			t.Errorf("heard %q", got)
		}
		near.Close()
		heard.goneOnce(t)
	}
	if len(kept.data)+len(kept.gone) > 0 {
		t.Error("a connection heard what was meant for another")
	}
}
