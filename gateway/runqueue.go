package gateway

// runQueue is who can be served: followers on their own, and audiences with a sweep.
type runQueue struct {
	followers deque[*Follower]
	audiences deque[*audience]
}

func (q *runQueue) steady() { q.followers.steady, q.audiences.steady = true, true }

func (q *runQueue) empty() bool { return q.followers.len() == 0 && q.audiences.len() == 0 }

// queue puts the follower into a run queue, if it can be served.
func (s *shard) queue(f *Follower) {
	if f.is(queued | blocked | ended) {
		return
	}
	f.set(queued)
	if s.fanOut <= smallFanOut {
		s.small.followers.push(f)
	} else {
		s.large.followers.push(f)
	}
}

// queueAudience puts an audience whose sweep begins into a run queue.
func (s *shard) queueAudience(a *audience) {
	if s.fanOut <= smallFanOut {
		s.small.audiences.push(a)
	} else {
		s.large.audiences.push(a)
	}
}

// serve lets followers write: those of small fan-outs first, but a quarter of the slice goes to the others. It breaks off when
// something has come: that may be for somebody who need not wait for all these.
func (s *shard) serve() {
	const most = serveSlice * 3 / 4
	s.fanOut = 0 // who comes back into the queue from here on is on its own
	n := s.serveSlices(&s.small, most)
	if s.large.empty() {
		return
	}
	s.fanOut = smallFanOut + 1
	s.serveSlices(&s.large, serveSlice-n)
	s.fanOut = 0
}

// serveSlices serves up to most followers of q, or fewer if something has come meanwhile.
func (s *shard) serveSlices(q *runQueue, most int) (served int) {
	for served < most {
		n := s.serveQueue(q, min(breakSlice, most-served))
		served += n
		if n == 0 || s.pending() {
			break
		}
	}
	return served
}

// serveQueue serves up to most followers: those of audiences, and those on their own. Half is for each, if there are both.
func (s *shard) serveQueue(q *runQueue, most int) (served int) {
	part := most
	if q.followers.len() > 0 {
		part = (most + 1) / 2
	}
	for range q.audiences.len() {
		if served >= part {
			break
		}
		a := q.audiences.pop()
		n, more := s.sweep(a, part-served)
		served += n
		if more {
			q.audiences.push(a)
		}
	}
	for range min(most-served, q.followers.len()) {
		f := q.followers.pop()
		f.clear(queued)
		s.serveOne(f)
		served++
	}
	return served
}
