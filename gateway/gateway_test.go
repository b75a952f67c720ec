package gateway

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// parseSinceIn parses a since in which "@N" stands for the cursor of seq N in the gateway's own epoch.
func parseSinceIn(g *Gateway, text string) (Since, error) {
	if seq, ok := strings.CutPrefix(text, "@"); ok {
		text = g.Epoch() + "-" + seq
	}
	return ParseSince(text, time.Now())
}

func TestReadSaysWhatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		three := Retention{Messages: 3}
		all, _ := ParsePattern("last/**")
		g := newGateway(t, Options{Default: three, Rules: []Rule{{Pattern: all, Retention: Retention{Messages: 1}}}})
		for i := 1; i <= 5; i++ {
			publish(t, g, "a", fmt.Sprint("a", i)) // seq 1-5: 3-5 stay
		}
		publish(t, g, "b", "b6")
		publish(t, g, "last/x", "x7")
		publish(t, g, "last/x", "x8")
		if _, err := g.Delete(t.Context(), "b"); err != nil { // seq 9
			t.Fatal(err)
		}
		for _, c := range []struct{ since, follow, want string }{
			{"@0", "a", "gap(a,1-2,limit) a3 a4 a5"},
			{"@1", "a", "gap(a,2-2,limit) a3 a4 a5"},
			{"@2", "a", "a3 a4 a5"},
			{"@4", "a", "a5"},
			{"@9", "a", ""},
			{"all", "a", "a3 a4 a5"},
			{"latest", "a", "a5"},
			{"last:2", "a", "a4 a5"},
			{"last:9", "a", "a3 a4 a5"},
			{"now", "a", ""},
			{"1h", "a", "a3 a4 a5"},
			{"@99", "a", "gap(a,0-0,unknown_cursor) gap(a,1-2,limit) a3 a4 a5"},
			{"zzzzzzzz-1", "a", "gap(a,0-0,restart) gap(a,1-2,limit) a3 a4 a5"},
			{"@0", "b", "gap(b,1-9,deleted)"},
			{"@6", "b", "gap(b,7-9,deleted)"},
			{"all", "b", ""},
			{"@0", "last/x", "x8"}, // conflation is no gap
			{"@7", "last/*", "x8"},
			{"@0", "**", "gap(a,1-2,limit) gap(b,1-9,deleted) a3 a4 a5 x8"},
			{"@4", "*", "a5 gap(b,5-9,deleted)"},
			{"last:1", "**", "a5 x8"},
			{"all", "**", "a3 a4 a5 x8"},
			{"@0", "nothing", ""},
		} {
			if got := read(t, g, c.since, c.follow); got != c.want {
				t.Errorf("%s since %s:\n got %s\nwant %s", c.follow, c.since, got, c.want)
			}
		}
	})
}

func TestFollowersReadOnAndLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{})
		publish(t, g, "a", "a1")
		p := newLinePeer()
		f := follow(t, g, p, "all", "a", "b/*")
		publish(t, g, "b/c", "b2")
		publish(t, g, "c", "c3")
		publish(t, g, "a", "a4")
		synctest.Wait()
		if got, want := text(withoutLive(p.lines(t))), "a1 b2 a4"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		f.Close(ReasonKicked)
		synctest.Wait()
		if reason, at := p.end(); reason != ReasonKicked || at != 4 {
			t.Errorf("closed with %q at %d", reason, at)
		}
	})
}

func withoutLive(lines []line) (out []line) {
	for _, l := range lines {
		if l.Kind != "live" {
			out = append(out, l)
		}
	}
	return out
}

func TestASlowFollowerReadsOnWhereItStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{Default: Retention{Messages: 4}})
		p := newLinePeer()
		f := follow(t, g, p, "now", "a")
		synctest.Wait()
		p.setRoom(30) // the first message is written in part
		for i := 1; i <= 9; i++ {
			publish(t, g, "a", fmt.Sprint("a", i))
			synctest.Wait()
		}
		if got := text(withoutLive(p.lines(t))); got != "" {
			t.Errorf("got %s before there was room", got)
		}
		p.setRoom(-1)
		f.Ready()
		synctest.Wait()
		if got, want := text(withoutLive(p.lines(t))), "a1 gap(a,2-5,limit) a6 a7 a8 a9"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestIdleFollowersArePinged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{})
		p := newLinePeer()
		start, _ := g.Start(follows(t, g, "now", "a"))
		if _, err := begin(g, start, p, Terms{Ping: 20 * time.Second}); err != nil {
			t.Fatal(err)
		}
		publish(t, g, "other", "x")
		time.Sleep(20*time.Second + wheelTick)
		synctest.Wait()
		if got, want := text(p.lines(t)), "ping(1)"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestHeldPollsAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{})
		for _, c := range []struct {
			publish bool
			want    string
		}{{true, "a1"}, {false, ""}} {
			p := newLinePeer()
			p.polls = true
			start, _ := g.Start(follows(t, g, "now", "a"))
			if _, err := begin(g, start, p, Terms{Wait: 25 * time.Second}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if p.answer() != nil {
				t.Fatal("answered before there was anything")
			}
			if c.publish {
				publish(t, g, "a", "a1")
			} else {
				time.Sleep(26 * time.Second)
			}
			synctest.Wait()
			answer := p.answer()
			if got := text(p.lines(t)); answer == nil || got != c.want || answer.Cursor.Seq != 1 {
				t.Errorf("got %q (%+v), want %q", got, answer, c.want)
			}
		}
	})
}
