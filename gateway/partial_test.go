package gateway

import (
	"testing"
	"testing/synctest"
)

// However little of it fits at a time.
func TestLiveIsSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{})
		p := newLinePeer()
		p.setRoom(100)
		f := follow(t, g, p, "now", "a", "b", "c", "d")
		for range 20 {
			synctest.Wait()
			p.setRoom(100)
			f.Ready()
		}
		synctest.Wait()
		if got, want := text(p.lines(t)), "live(a0) live(b0) live(c0) live(d0)"; got != want {
			t.Errorf("got %s", got)
		}
	})
}
