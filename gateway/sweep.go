package gateway

// sweep brings an audience's lone members what they lack. It goes along them in rounds; a message that comes in the middle of a
// round is brought to those in front of the cursor in this round, and to the others in the next.
//
//	members   0 … nextEnd … cursor … end … len
//	lack      from pending[next]   |nothing|  pending[0] on  |nothing
type sweep struct {
	pending deque[*place] // the messages that some member lacks, oldest first
	cursor  int           // the next member to be served
	end     int           // where this round ends
	next    int           // index in pending of the first message that came in the middle of this round; 0 for none
	nextEnd int           // where the next round ends
	queued  bool          // its audience is in a run queue
}

// arrive notes a message that all of n members lack.
func (w *sweep) arrive(p *place, n int) {
	if w.cursor > 0 {
		if w.next == 0 {
			w.next = w.pending.len()
		}
		w.nextEnd = w.cursor
	}
	w.pending.push(p)
	w.end = n
}

// turn begins the next round. It returns false if nobody lacks anything.
func (w *sweep) turn() bool {
	if w.next == 0 {
		return false
	}
	for range w.next {
		w.pending.pop()
	}
	w.cursor, w.end, w.next, w.nextEnd = 0, w.nextEnd, 0, 0
	return true
}

// vacate returns the slot that the last member can take when the one at slot goes. It must not come among those that have been
// served if it has not been: then the last of those fills the hole, and it comes in its place.
func (w *sweep) vacate(a *audience, slot int) int {
	if slot >= w.cursor {
		return slot
	}
	w.cursor--
	w.nextEnd = min(w.nextEnd, w.cursor)
	a.moveLone(w.cursor, slot)
	return w.cursor
}

// first returns the index of the first message that a member at seq lacks.
func (w *sweep) first(seq uint64) int {
	if (*w.pending.at(0)).message.Seq > seq {
		return 0
	}
	return w.pending.search(func(p **place) bool { return (*p).message.Seq > seq })
}

// note has the lone members of a get the message at p.
func (s *shard) note(a *audience, p *place) {
	a.until = p.message.Seq
	n := a.lone.len()
	if n == 0 {
		return
	}
	w := a.sweep
	if w == nil {
		if last := len(s.sweeps) - 1; last >= 0 {
			w, s.sweeps[last] = s.sweeps[last], nil
			s.sweeps = s.sweeps[:last]
		} else {
			w = &sweep{pending: deque[*place]{steady: true}}
		}
		a.sweep = w
	}
	w.arrive(p, n)
	if !w.queued {
		w.queued = true
		s.queueAudience(a)
	}
}

// mostSweeps is how many sweeps a shard keeps for their memory.
const mostSweeps = 64

// swept ends the sweep of an audience of which no member lacks anything.
func (s *shard) swept(a *audience) {
	w := a.sweep
	a.sweep = nil
	for w.pending.len() > 0 {
		w.pending.pop()
	}
	if len(s.sweeps) < mostSweeps {
		*w = sweep{pending: w.pending}
		s.sweeps = append(s.sweeps, w)
	}
}

// sweep serves up to most members of a. It returns how many were, and whether the sweep goes on.
func (s *shard) sweep(a *audience, most int) (served int, more bool) {
	w := a.sweep
	defer s.common.end(s)
	for looked := 0; served < most && looked < 8*most; looked++ {
		if w.cursor >= w.end {
			s.common.end(s)
			if !w.turn() {
				s.swept(a)
				return served, false
			}
			continue
		}
		f := a.lone.at(w.cursor).follower
		if f.seq < a.until && !f.is(behind) {
			if !s.serveCommon(f) {
				s.serveOne(f)
			}
			served++
			if w.cursor >= a.lone.len() || a.lone.at(w.cursor).follower != f {
				continue // it has left, and another has come in its place
			}
			if f.seq < a.until && !f.is(behind) {
				continue // it has more pending than fits a batch
			}
		}
		w.cursor++
	}
	return served, true
}

// lacks reports whether a lone follower has a message pending.
func (f *Follower) lacks() bool { return f.abreast() && f.seq < f.audience.until }
