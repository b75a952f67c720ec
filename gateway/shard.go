package gateway

import (
	"sync"
	"sync/atomic"
	"time"
)

// How much a shard does before it looks at its other duties again.
const (
	walkSlice  = 256 // messages walked
	serveSlice = 256 // followers served
	scanSlice  = 1024
)

// smallFanOut is up to how many followers of one topic are served before those of larger topics.
const smallFanOut = 64

// shard serves a part of the followers. One goroutine owns it: it walks the log and marks the followers that want each
// message, and lets the marked ones write. Nothing of it is shared with another shard but the messages themselves.
type shard struct {
	gateway *Gateway

	// The inbox is how other goroutines reach the shard.
	inboxMu sync.Mutex
	inbox   []command // guarded by inboxMu
	closed  bool      // guarded by inboxMu

	asleep  atomic.Bool   // it waits on wake, or is about to
	napping atomic.Bool   // it waits for what does not come along the log, see nap
	wake    chan struct{} // holds one
	walked  atomic.Uint64 // seq of the last message walked

	// What follows is owned by the goroutine.
	commands  []command // the last inbox
	last      *link     // the last message walked
	audiences audiences
	followers []*Follower
	small     deque[*Follower] // run queues: by the size of the fan-out that made them ready
	large     deque[*Follower]
	fanOut    int // of the message that is being walked
	unwanted  int // messages walked in a row while there was no follower
	wheel     wheel
	out       outlet
	reading   reading
	now       time.Duration // of the log's clock, at the begin of the turn
	draining  bool

	statsMu sync.Mutex
	stats   []classCounts // by class; guarded by statsMu, which the goroutine holds while it works
}

// opcode says what a command asks for.
type opcode uint8

const (
	opFollow opcode = iota
	opReady
	opClose
	opReply
	opAdd
	opRemove
	opDrain
)

// command is something that another goroutine wants of a shard.
type command struct {
	op       opcode
	reason   Reason
	follower *Follower
	unit     []byte
	follows  []Follow
	patterns []Pattern
	at       func(Cursor) []byte
	done     func()
}

func newShard(g *Gateway) *shard {
	return &shard{
		gateway: g, wake: make(chan struct{}, 1), last: g.history.newest,
		small: deque[*Follower]{steady: true}, large: deque[*Follower]{steady: true},
		audiences: audiences{exact: make(map[string]*audience)}, stats: make([]classCounts, g.options.Classes),
	}
}

// post hands a command to the shard; it returns false when the shard has ended.
func (s *shard) post(c command) bool {
	s.inboxMu.Lock()
	defer s.inboxMu.Unlock()
	if s.closed {
		return false
	}
	s.inbox = append(s.inbox, c)
	s.shake()
	return true
}

// rouse wakes the shard if it sleeps. It costs next to nothing if it does not.
func (s *shard) rouse() {
	if s.asleep.Load() && s.asleep.CompareAndSwap(true, false) {
		s.wake <- struct{}{}
	}
}

// run is the shard's goroutine.
func (s *shard) run() {
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	for {
		busy, ended := s.turn()
		if ended {
			return
		}
		if busy {
			continue
		}
		if s.idles() {
			s.nap(alarm)
			continue
		}
		s.asleep.Store(true)
		if s.pending() {
			// Work came in before it could be known that nobody would ring. Whoever took the flag has rung.
			if !s.asleep.CompareAndSwap(true, false) {
				<-s.wake
			}
			continue
		}
		wait := time.Hour
		if at, ok := s.wheel.next(); ok {
			wait = max(0, at-s.gateway.history.log.since())
		}
		alarm.Reset(wait)
		select {
		case <-s.wake:
		case <-alarm.C:
			if !s.asleep.CompareAndSwap(true, false) {
				<-s.wake
			}
		}
	}
}

// pending reports whether there is something to do at once.
func (s *shard) pending() bool {
	if s.last.next.Load() != nil {
		return true
	}
	s.inboxMu.Lock()
	defer s.inboxMu.Unlock()
	return len(s.inbox) > 0 || s.closed
}

// turn does one round of everything.
func (s *shard) turn() (busy, ended bool) {
	s.statsMu.Lock()
	defer s.statsMu.Unlock()
	s.now = s.gateway.history.log.since()
	if s.obey() {
		return false, true
	}
	more := s.walk()
	s.serve()
	s.wheel.sweep(s.now, s.due)
	return more || s.small.len() > 0 || s.large.len() > 0, false
}

// walk goes along the log and marks followers. It makes no system call.
func (s *shard) walk() (more bool) {
	l := s.last
	for range walkSlice {
		next := l.next.Load()
		if next == nil {
			break
		}
		l = next
		s.unwanted++
		topic := l.place.message.Topic
		exact := s.audiences.exact[topic]
		s.fanOut = 0
		if exact != nil {
			s.fanOut = len(exact.members)
			exact.mark(l)
		}
		s.audiences.wild.match(topic, func(a *audience) {
			s.fanOut += len(a.members)
			a.mark(l)
		})
	}
	if l == s.last {
		return false
	}
	s.last = l
	s.walked.Store(l.place.message.Seq)
	s.gateway.progress.signal()
	return l.next.Load() != nil
}

func (a *audience) mark(l *link) {
	for _, member := range a.members {
		member.follower.mark(l)
	}
}

// queue puts the follower into a run queue, if it can be served.
func (s *shard) queue(f *Follower) {
	if f.queued || f.blocked || f.ended {
		return
	}
	f.queued = true
	if s.fanOut <= smallFanOut {
		s.small.push(f)
	} else {
		s.large.push(f)
	}
}

// serve lets followers write: those of small fan-outs first, but a quarter of the slice goes to the others.
func (s *shard) serve() {
	small, large := serveSlice*3/4, serveSlice/4
	if s.large.len() < large {
		small = serveSlice - s.large.len()
	}
	s.fanOut = 0 // who comes back into the queue from here on is on its own
	n := s.serveQueue(&s.small, small)
	s.fanOut = smallFanOut + 1
	s.serveQueue(&s.large, max(large, serveSlice-n))
	s.fanOut = 0
}

func (s *shard) serveQueue(q *deque[*Follower], most int) (served int) {
	for n := min(most, q.len()); served < n; served++ {
		f := q.pop()
		f.queued = false
		s.serveOne(f)
	}
	return served
}

// due is called when the follower's place in the wheel has come.
func (s *shard) due(f *Follower) {
	if f.ended {
		return
	}
	at := f.said + f.ping
	if f.wait > 0 {
		at = f.wheel.due
	}
	if s.now < at {
		s.wheel.add(f, at)
		return
	}
	if f.wait > 0 {
		if f.queued {
			s.wheel.add(f, s.now+wheelTick)
		} else {
			s.finish(f)
		}
		return
	}
	if !f.blocked && !f.queued && f.pend.place == nil && !f.behind {
		s.ping(f)
	}
	if !f.ended {
		s.wheel.add(f, s.now+f.ping)
	}
}
