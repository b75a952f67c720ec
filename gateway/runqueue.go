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

// serve lets followers write: those of small fan-outs first, but a quarter of the slice goes to the others. It does not go on with
// those of large ones when a message has come: that may be for somebody who need not wait for them.
func (s *shard) serve() {
	const most = serveSlice * 3 / 4
	s.fanOut = 0 // who comes back into the queue from here on is on its own
	n := s.serveQueue(&s.small, most)
	if !s.large.empty() {
		s.fanOut = smallFanOut + 1
		for n < serveSlice {
			served := s.serveQueue(&s.large, largeSlice)
			n += served
			if served == 0 || s.pending() {
				break
			}
		}
		s.fanOut = 0
	} else if n == most {
		s.serveQueue(&s.small, serveSlice-n)
	}
}

// serveQueue serves up to most followers, those on their own and those of audiences in turns.
func (s *shard) serveQueue(q *runQueue, most int) (served int) {
	alone := most
	if q.audiences.len() > 0 {
		alone = (most + 1) / 2
	}
	for alone = min(alone, q.followers.len()); served < alone; served++ {
		f := q.followers.pop()
		f.clear(queued)
		s.serveOne(f)
	}
	for range q.audiences.len() {
		if served >= most {
			break
		}
		a := q.audiences.pop()
		n, more := s.sweep(a, most-served)
		served += n
		if more {
			q.audiences.push(a)
		}
	}
	return served
}
