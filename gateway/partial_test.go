package gateway

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
)

// What arrives does not hang on where the socket fills up: every number of bytes at a time gives the same.
func TestPartialWritesGiveTheSameBytes(t *testing.T) {
	run := func(room int) (got string) {
		synctest.Test(t, func(t *testing.T) {
			o := Options{Shards: 1, Default: Retention{Messages: 3}}
			g := newGateway(t, o)
			for i := range 6 {
				publish(t, g, "a", fmt.Sprint("a", i))
				publish(t, g, "b", fmt.Sprint("b", i))
			}
			remove(t, g, "b")
			publish(t, g, "b", "after")
			p := newLinePeer()
			p.greeting = "{\"Kind\":\"reply\",\"Topic\":\"hello\"}\n"
			p.setRoom(room)
			start, _ := g.Start(append(follows(t, g, "@2", "a", "b"), follows(t, g, "@99", "c")...))
			f, err := begin(g, start, p, Terms{Live: true, MaxParts: 4})
			if err != nil {
				t.Fatal(err)
			}
			flow := func() {
				for before := -1; ; {
					synctest.Wait()
					p.mu.Lock()
					n, left := p.got.Len(), p.room
					p.mu.Unlock()
					if left != 0 || n == before {
						return
					}
					before = n
					p.setRoom(room)
					f.Ready()
				}
			}
			flow()
			if _, err := f.Add(follows(t, g, "@1", "d", "b"), func(at Cursor) []byte {
				return fmt.Appendf(nil, "{\"Kind\":\"reply\",\"Topic\":\"at\",\"Seq\":%d}\n", at.Seq)
			}); err != nil {
				t.Fatal(err)
			}
			flow()
			publish(t, g, "a", "live")
			publish(t, g, "x", "other")
			publish(t, g, "d", "live too")
			flow()
			f.Reply([]byte("{\"Kind\":\"reply\",\"Topic\":\"answer\"}\n"))
			flow()
			remove(t, g, "d")
			publish(t, g, "d", "last")
			flow()
			if err := recount(g); err != nil {
				t.Errorf("room for %d bytes: %v", room, err)
			}
			f.Close(ReasonKicked) // writes the rest
			synctest.Wait()
			got = p.got.String()
		})
		return got
	}
	want := run(-1)
	if n := strings.Count(want, "\n"); n < 15 {
		t.Fatalf("only %d units: %s", n, want)
	}
	for room := 1; room <= len(want); room++ {
		if got := run(room); got != want {
			t.Fatalf("with room for %d bytes at a time:\ngot\n%s\nwant\n%s", room, got, want)
		}
	}
}

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
