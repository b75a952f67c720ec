package session

import (
	"maps"
	"sync"

	"tidings/gateway"
	"tidings/transport"
)

// stripe holds a part of the sessions, so that who comes seldom waits for another.
type stripe struct {
	most int // never changes

	mu      sync.Mutex          // guards the rest
	by      map[uint64]*session // by the hash of the label: a label is not kept
	peak    int                 // for how many sessions by has room
	ring    session             // the root: older is the session that was there last, newer the one that has been away for longest
	pollers [len(transport.Kinds)]int

	_ [64]byte // the next one is another processor's
}

// circle makes s a ring of its own.
func (s *session) circle() { s.newer, s.older = s, s }

// unlink takes s out of its ring.
func (s *session) unlink() { s.newer.older, s.older.newer = s.older, s.newer }

// get returns a session, made if there is none, and notes that it is there now.
func (t *stripe) get(key uint64) *session {
	s := t.by[key]
	if s == nil {
		if t.by == nil {
			t.by = make(map[uint64]*session)
		}
		s = &session{key: key}
		s.circle()
		t.by[key] = s
		t.peak = max(t.peak, len(t.by))
	}
	t.touch(s)
	return s
}

// touch makes s the session that was there last.
func (t *stripe) touch(s *session) {
	s.unlink()
	s.newer, s.older = &t.ring, t.ring.older
	s.newer.older, s.older.newer = s, s
}

func (t *stripe) remove(s *session) {
	t.uncount(s)
	s.unlink()
	delete(t.by, s.key)
}

// polled notes a poll.
func (t *stripe) polled(key uint64, q *Request, f *gateway.Follower, now, until ticks, out *leaving) {
	s := t.get(key)
	s.until = max(s.until, until)
	switch {
	case !q.ordered():
		if live(s.poll) {
			return // it is one more beside that, such as what comes with a write
		}
		s.poll = f
	case s.late(q.N):
		out.add(f)
		return
	default:
		s.n = q.N
		out.add(s.poll)
		s.poll = f
		s.pollsOn(now, out)
	}
	s.kind = q.Kind
	t.count(s)
}

// streamed notes a stream.
func (t *stripe) streamed(key uint64, q *Request, f *gateway.Follower, now ticks, out *leaving) {
	s := t.by[key]
	switch {
	case s == nil && !q.ordered():
		return // there is nothing to end, and it is counted as what it is
	case s == nil:
		s = t.get(key)
	case q.ordered() && s.late(q.N):
		return
	}
	if q.strong() {
		out.add(s.poll)
	}
	s.poll, s.kind = nil, q.Kind
	switch {
	case q.ordered():
		s.n = q.N
		s.opens(f, now, out)
		t.touch(s)
	case !live(s.stream) && !live(s.former):
		t.remove(s)
		return
	}
	t.count(s)
}

// sweep looks at every session, and lets go who stays away. It returns false if there are none left.
func (t *stripe) sweep(now, away ticks) (some bool) {
	var out []leaving
	t.mu.Lock()
	s := t.ring.newer
	for range len(t.by) {
		next := s.newer
		var over leaving
		if !s.look(now, away, &over) {
			t.remove(s)
		} else {
			t.count(s)
			if s.present() {
				t.touch(s) // who is away goes before who is there
			}
		}
		if over.n > 0 {
			out = append(out, over)
		}
		s = next
	}
	t.shrink()
	some = len(t.by) > 0
	t.mu.Unlock()
	for i := range out {
		out[i].end()
	}
	return some
}

// shrink gives back the room of those that have left: a map does not by itself.
func (t *stripe) shrink() {
	const fewer = 4
	if t.peak == 0 || len(t.by) > t.peak/fewer {
		return
	}
	var by map[uint64]*session
	if len(t.by) > 0 {
		by = make(map[uint64]*session, len(t.by))
		maps.Copy(by, t.by)
	}
	t.by, t.peak = by, len(by)
}

// count counts a session as what it is: one that has a stream is counted with the streams.
func (t *stripe) count(s *session) {
	t.uncount(s)
	if polls(s.kind) && !live(s.stream) && !live(s.former) {
		s.counts, s.polls = true, s.kind
		t.pollers[s.polls]++
	}
}

func (t *stripe) uncount(s *session) {
	if s.counts {
		s.counts = false
		t.pollers[s.polls]--
	}
}
