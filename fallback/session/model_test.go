package session

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"tidings/gateway"
	"tidings/transport"
)

// The model test holds the registry against one that is written down as the words say it: a list of sessions that is gone through,
// with times and clients instead of rings, hashes, ticks and followers.

type modelSession struct {
	n                    uint32
	kind                 transport.Kind
	until, moved         time.Time
	poll, stream, former *modelClient
}

type modelClient struct {
	*client
	kind     transport.Kind
	live     bool
	replaced bool
}

type model struct {
	r    *rig
	away time.Duration
	all  map[string]*modelSession
	seen []*modelClient
}

func (c *modelClient) alive() bool { return c != nil && c.live }

func (c *modelClient) replace() {
	if c.alive() {
		c.live, c.replaced = false, true
	}
}

var modelLabels = []string{anna, ben, "short", "carl-carl-carl-carl"}

func (m *model) request(label string, kind transport.Kind, n uint32) {
	var c *modelClient
	if begun := m.r.begin(kind, label, n); begun != nil {
		c = &modelClient{client: begun, kind: kind, live: true}
		m.seen = append(m.seen, c)
	}
	strong := len(label) >= 16
	ordered := strong && n > 0
	s := m.all[label]
	if s == nil {
		if !polls(kind) && !ordered {
			return
		}
		s = &modelSession{}
		m.all[label] = s
	}
	late := ordered && (n < s.n || n == s.n && (s.poll.alive() || s.stream.alive()))
	now := time.Now()
	if polls(kind) {
		if until := now.Add(m.away); until.After(s.until) {
			s.until = until
		}
		if late {
			c.replace()
			return
		}
		if ordered {
			s.n = n
			s.poll.replace()
			s.poll = c
			if s.stream.alive() {
				switch {
				case s.former.alive():
					s.former.replace()
					s.moved = now
				case s.moved.IsZero():
					s.moved = now
				case now.Sub(s.moved) >= Grace:
					s.stream.replace()
					s.moved = time.Time{}
				}
			}
		} else if s.poll.alive() {
			return
		} else {
			s.poll = c
		}
		s.kind = kind
		return
	}
	if late {
		return
	}
	if strong {
		s.poll.replace()
	}
	s.poll, s.kind = nil, kind
	if !ordered {
		if !s.stream.alive() && !s.former.alive() {
			delete(m.all, label)
		}
		return
	}
	s.n = n
	if !s.stream.alive() {
		s.stream, s.former = s.former, nil
	}
	s.former.replace()
	s.former, s.moved = nil, time.Time{}
	if s.stream.alive() {
		s.former, s.moved = s.stream, now
	}
	s.stream = c
}

// look is what time does.
func (m *model) look() {
	now := time.Now()
	for label, s := range m.all {
		if s.poll != nil {
			if until := now.Add(m.away); until.After(s.until) {
				s.until = until
			}
			if !s.poll.live {
				s.poll = nil
			}
		}
		if !s.stream.alive() {
			s.stream, s.former, s.moved = s.former, nil, time.Time{}
		}
		if !s.stream.alive() {
			s.stream = nil
		}
		if s.former.alive() && now.Sub(s.moved) >= Grace {
			s.former.replace()
			s.former, s.moved = nil, time.Time{}
		}
		if s.poll == nil && s.stream == nil && !now.Before(s.until) {
			delete(m.all, label)
		}
	}
}

func (m *model) pollers() (n [len(transport.Kinds)]int) {
	for _, s := range m.all {
		if polls(s.kind) && !s.stream.alive() && !s.former.alive() {
			n[s.kind]++
		}
	}
	return n
}

// TestTheCountIsThatOfANaiveModel, and who is ended is, over any sequence of polls, moves and absences.
func TestTheCountIsThatOfANaiveModel(t *testing.T) {
	kinds := []transport.Kind{long, long, plain, plain, ws, sse}
	rapid.Check(t, func(rt *rapid.T) {
		type op struct {
			what  string
			label string
			kind  transport.Kind
			n     uint32
		}
		ops := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) op {
			return op{
				what:  rapid.SampledFrom([]string{"ask", "ask", "ask", "leave", "pass"}).Draw(t, "what"),
				label: rapid.SampledFrom(modelLabels).Draw(t, "label"),
				kind:  rapid.SampledFrom(kinds).Draw(t, "kind"),
				n:     rapid.Uint32Range(0, 12).Draw(t, "n"),
			}
		}), 1, 60).Draw(rt, "ops")
		var failed string
		run(t, Options{Away: 15 * time.Second}, func(r *rig) {
			m := &model{r: r, away: 15 * time.Second, all: map[string]*modelSession{}}
			for i, op := range ops {
				switch op.what {
				case "ask":
					m.request(op.label, op.kind, op.n)
				case "leave":
					if len(m.seen) > 0 {
						c := m.seen[int(op.n)%len(m.seen)]
						c.live = false
						r.leave(c.client)
					}
				case "pass":
					for range op.n {
						r.pass(time.Second)
						r.sweep()
						r.pass(0)
						m.look()
					}
				}
				// The registry learns of an end when it looks, at most some seconds later: it does so now.
				r.sweep()
				r.pass(0)
				m.look()
				if got, want := r.Pollers(), m.pollers(); got != want {
					failed = "count"
					rt.Errorf("after %d, %+v: %v, want %v", i, op, got, want)
				}
				for j, c := range m.seen {
					if (c.why() == gateway.ReasonReplaced) != c.replaced {
						failed = "ended"
						rt.Errorf("after %d, %+v: client %d was ended for %q, want %v", i, op, j, c.why(), c.replaced)
					}
				}
				if failed != "" {
					return
				}
			}
			// Once all have left, nothing is left.
			for _, c := range m.seen {
				r.leave(c.client)
			}
			r.pass(time.Minute)
			if n := r.known(); n != 0 {
				rt.Errorf("%d sessions are known in the end", n)
			}
		})
	})
}
