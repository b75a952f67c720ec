package gateway

import (
	"fmt"
	"testing"
	"testing/synctest"
)

// A marker is never in a ring, and so never leaves one.
func TestMarkersDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{})
		p := newLinePeer()
		follow(t, g, p, "now", "a")
		for range 10 {
			_, _ = g.Delete(t.Context(), "a")
			synctest.Wait()
		}
		if n := g.history.log.encoded.Load(); n != 0 {
			t.Errorf("%d bytes of encodings count", n)
		}
	})
}

func TestARestStaysPinnedUntilItIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{})
		p := newLinePeer()
		f := follow(t, g, p, "now", "a")
		synctest.Wait()
		p.setRoom(3)
		publish(t, g, "a", "hello")
		synctest.Wait()
		p.setRoom(3)
		f.Ready()
		synctest.Wait()
		if n := len(g.history.log.pinned.holders); n != 1 {
			t.Errorf("%d holders", n)
		}
	})
}

func TestAllOfAMessageCounts(t *testing.T) {
	g := newGateway(t, Options{HistoryBytes: 1 << 20})
	before := g.Stats().HistoryBytes
	d := draft("a", "x")
	d.Type = "text/plain; a=" + fmt.Sprintf("%0200d", 1)
	d.Event = "eeeeeeeeee"
	d.Key = "kkkkkkkkkk"
	if _, err := g.Publish(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if n := g.Stats().HistoryBytes - before; n < 256+512+200 {
		t.Errorf("%d bytes", n)
	}
}
