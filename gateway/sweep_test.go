package gateway

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// mate is a member of an audience: it holds that it gets every message from where it came on, in order and once.
type mate struct {
	linePeer
	follower Follower
	want     []string
	got      []string
	left     int // how many more batches it takes before it is full; negative for any number
}

func (p *mate) Write(b *Batch) (n int, err error) {
	for _, part := range b.Parts {
		if p.left == 0 {
			return n, nil
		}
		p.got = append(p.got, string(part))
		n += len(part)
	}
	p.left--
	if p.polls {
		return n, ErrFinished
	}
	return n, nil
}

// Members come, leave and fill up at any moment of a sweep, and messages come in the middle of it.
func TestASweepLosesNobodyAndNothing(t *testing.T) {
	tb := t
	rapid.Check(t, func(rt *rapid.T) {
		g := newGateway(tb, Options{Shards: 1})
		defer func() { _ = g.Close() }()
		s := newShard(g) // driven by hand
		pattern := rapid.SampledFrom([]string{"a", "*"}).Draw(rt, "pattern")
		terms := &Terms{Format: plainFormat, MaxParts: rapid.IntRange(1, 4).Draw(rt, "parts")}
		var members, gone []*mate
		said := 0
		pick := func(t *rapid.T) (int, *mate) {
			if len(members) == 0 {
				t.Skip("nobody")
			}
			i := rapid.IntRange(0, len(members)-1).Draw(t, "who")
			return i, members[i]
		}
		leave := func(i int) {
			gone = append(gone, members[i])
			members = append(members[:i], members[i+1:]...)
		}
		come := func(t *rapid.T, polls bool) {
			s.walk() // so that it begins where it stands
			p := &mate{left: -1}
			p.polls = polls
			start, _ := g.Start(follows(tb, g, "now", pattern))
			p.follower.shard, p.follower.peer, p.follower.terms = s, p, terms
			s.begin(&p.follower, start)
			members = append(members, p)
		}
		serve := func(most int) {
			for range most {
				if s.small.empty() && s.large.empty() {
					return
				}
				s.serveQueue(&s.small, 1)
				s.serveQueue(&s.large, 1)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"come": func(t *rapid.T) { come(t, false) },
			"poll": func(t *rapid.T) { come(t, true) },
			"say": func(t *rapid.T) {
				for range rapid.IntRange(1, 6).Draw(t, "n") {
					said++
					text := fmt.Sprint(said)
					publish(tb, g, "a", text)
					for _, p := range members {
						p.want = append(p.want, text)
					}
				}
				s.walk()
			},
			"leave": func(t *rapid.T) {
				i, p := pick(t)
				s.end(&p.follower, ReasonGone, false)
				leave(i)
			},
			"fill": func(t *rapid.T) {
				_, p := pick(t)
				p.left = rapid.IntRange(0, 2).Draw(t, "left")
			},
			"drain": func(t *rapid.T) {
				_, p := pick(t)
				p.left = -1
				s.obeyOne(&p.follower, &command{op: opReady, follower: &p.follower})
			},
			"mix": func(t *rapid.T) {
				_, p := pick(t)
				s.obeyOne(&p.follower, &command{op: opAdd, follower: &p.follower, with: &arguments{
					follows: follows(tb, g, "now", "other"), at: func(Cursor) []byte { return nil },
				}})
			},
			"serve": func(t *rapid.T) { serve(rapid.IntRange(1, 5).Draw(t, "most")) },
			"all":   func(*rapid.T) { serve(10_000) },
			"": func(t *rapid.T) {
				a := s.audiences.exact["a"]
				for i, p := range slices.Backward(members) {
					if p.follower.is(ended) {
						if len(p.got) == 0 || len(p.got) > terms.MaxParts {
							t.Fatalf("a poll ended with %s", p.got)
						}
						leave(i)
						continue
					}
					if fmt.Sprint(p.got) != fmt.Sprint(p.want[:min(len(p.got), len(p.want))]) {
						t.Fatalf("got %s, want %s", p.got, p.want)
					}
					if f := &p.follower; f.audience != nil && f.audience.lone.at(int(f.slot)).follower != f {
						t.Fatal("a member does not know its place")
					}
					if s.small.empty() && s.large.empty() && !p.follower.is(blocked) && len(p.got) < len(p.want) {
						t.Fatalf("nothing is left to do, and %s came of %s", p.got, p.want)
					}
				}
				if a != nil && (a.sweep != nil) != (a.until > 0 && s.small.audiences.len()+s.large.audiences.len() > 0) {
					t.Fatal("a sweep is not in the queue")
				}
			},
		})
		for _, p := range members {
			p.left = -1
			s.obeyOne(&p.follower, &command{op: opReady, follower: &p.follower})
		}
		serve(10_000)
		for _, p := range members {
			if !p.follower.is(ended) && fmt.Sprint(p.got) != fmt.Sprint(p.want) {
				rt.Fatalf("got %s, want %s in the end", p.got, p.want)
			}
		}
		for _, p := range gone {
			if len(p.got) > len(p.want) {
				rt.Fatal("served after its end")
			}
		}
	})
}
