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

// withoutNumbers has no loop be made until the test ends, as if there were no descriptors left.
func withoutNumbers(t *testing.T, but int) {
	t.Helper()
	numbered.mu.Lock()
	defer numbered.mu.Unlock()
	var taken []int
	for i := 1; i < len(numbered.all); i++ {
		if numbered.all[i].Load() == nil {
			if but > 0 {
				but--
				continue
			}
			numbered.all[i].Store(new(Loop))
			taken = append(taken, i)
		}
	}
	t.Cleanup(func() {
		for _, i := range taken {
			numbered.all[i].Store(nil)
		}
	})
}

// TestWithoutLoops: where no loop can be had, goroutines hold a connection.
func TestWithoutLoops(t *testing.T) {
	withoutNumbers(t, 0)
	near, far := dialed(t)
	defer near.Close()
	ear := newEars()
	c := own(far, nil, NewLoops(nil, nil))
	c.Serve(ear)
	if _, err := c.Write([][]byte{[]byte("here")}); err != nil {
		t.Fatal(err)
	}
	c.Finish([][]byte{[]byte("bye")})
	if got, err := io.ReadAll(near); err != nil || string(got) != "herebye" {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestListenInPart: loops that were made before one could not be end.
func TestListenInPart(t *testing.T) {
	if mostLoops() < 2 {
		t.Skip("there is one loop")
	}
	withoutNumbers(t, 1)
	ln := listen(t, "tcp", "127.0.0.1:0")
	defer ln.Close()
	loops, released := NewLoops(new(counter), nil), 0
	loops.host = func(_ int, l *Loop) func() {
		return func() { released++ }
	}
	if ok, err := loops.Listen(ln); ok || err == nil {
		t.Fatal(ok, err)
	}
	loops.mu.Lock()
	defer loops.mu.Unlock()
	if len(loops.all) > 0 || released != 1 {
		t.Errorf("%d loops are left, %d were given back", len(loops.all), released)
	}
}
