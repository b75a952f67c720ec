package gateway

import (
	"sync"
	"sync/atomic"
	"time"
)

// How much a shard does before it looks at its other duties again.
const (
	obeySlice  = 1024 // commands obeyed
	walkSlice  = 256  // messages walked
	serveSlice = 256  // followers served
	breakSlice = 32   // followers served before it sees whether something has come
	fireSlice  = 256  // followers pinged, and waits ended
	scanSlice  = 1024
)

// smallFanOut is up to how many followers of one topic are served before those of larger topics.
const smallFanOut = 64

// shard serves a part of the followers. One goroutine owns it: it walks the log and notes for which followers each message
// is, and lets those write. Nothing of it is shared with another shard but the messages themselves.
type shard struct {
	gateway *Gateway

	// The inbox is how other goroutines reach the shard.
	inboxMu sync.Mutex
	inbox   []command // guarded by inboxMu
	closed  bool      // guarded by inboxMu

	asleep  atomic.Bool          // it waits, or is about to
	napping atomic.Bool          // it waits for what does not come along the log, see nap
	seat    atomic.Pointer[seat] // what it waits by; set by the goroutine
	hosted  atomic.Bool          // that is somebody else's
	walked  atomic.Uint64        // seq of the last message walked

	// What follows is owned by the goroutine.
	commands   []command // the last inbox
	obeyed     int       // how many of them are done
	last       *link     // the last message walked
	audiences  audiences
	small      runQueue // by the size of the fan-out that made its members ready
	large      runQueue
	sweeps     []*sweep // that are not used now
	fanOut     int      // of the message that is being walked
	unwanted   int      // messages walked in a row while there was no follower
	wheel      wheel
	out        outlet
	lone       position // of the lone follower that is being served
	reading    reading
	now        time.Duration // of the log's clock, at the begin of the turn
	tick       int64         // of now, rounded down
	soon       uint32        // the tick of now, rounded up
	common     common
	draining   bool
	shedding   *shedding     // nil unless some followers are to be ended
	counting   []classCounts // by class
	countClass []bool        // by class: whether something was counted in this turn

	counted []publicCounts // by class: what the goroutine has counted, for others to read
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
	opHost
	opShed
)

// command is something that another goroutine wants of a shard.
type command struct {
	op       opcode
	reason   uint8 // index in Reasons
	follower *Follower
	with     any // opFollow: *Start; opDrain: func(); opHost: Waiter or nil; opShed: *shedding; of what a client asks for: *arguments
}

// arguments are what is rare in a command.
type arguments struct {
	unit     []byte
	follows  []Follow
	patterns []Pattern
	at       func(Cursor) []byte
}

func newShard(g *Gateway) *shard {
	s := &shard{
		gateway: g, last: g.history.newest,
		audiences: audiences{exact: make(map[string]*audience), interest: &g.interest},
		counting:  make([]classCounts, g.options.Classes), countClass: make([]bool, g.options.Classes),
		counted: make([]publicCounts, g.options.Classes),
	}
	s.sit(nil)
	s.small.steady()
	s.large.steady()
	return s
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
		s.seat.Load().Wake()
	}
}

// run is the shard's goroutine.
func (s *shard) run() {
	defer func() { s.seat.Load().Left() }()
	for {
		busy, over := s.turn()
		if over {
			return
		}
		w := s.seat.Load()
		switch {
		case busy:
			w.Wait(0)
		case s.idles():
			s.nap(w)
		default:
			s.asleep.Store(true)
			if !s.pending() { // else work came in before it could be known that nobody would wake it
				w.Wait(s.rest())
			}
			s.asleep.Store(false)
		}
	}
}

// rest returns how long the shard may sleep.
func (s *shard) rest() time.Duration {
	at, ok := s.wheel.next()
	if s.audiences.leaving.len() > 0 {
		if tick := s.audiences.leaving.at(0).tick; !ok || tick < at {
			at, ok = tick, true
		}
	}
	if !ok {
		return time.Hour
	}
	return max(0, time.Duration(at)*wheelTick-s.gateway.history.log.since())
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
func (s *shard) turn() (busy, over bool) {
	s.now = s.gateway.history.log.since()
	s.tick, s.soon = int64(s.now/wheelTick), uint32((s.now+wheelTick-1)/wheelTick)
	s.wheel.skip(s.tick)
	if s.obey() {
		s.count()
		return false, true
	}
	walking := s.walk()
	s.serve()
	firing := s.wheel.sweep(s.tick, fireSlice, s.due)
	shedding := s.shed()
	s.audiences.clean(s.tick)
	s.count()
	return walking || firing || shedding || s.obeyed < len(s.commands) || !s.small.empty() || !s.large.empty(), false
}

// walk goes along the log and notes whom each message is for. It makes no system call.
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
			s.walkTo(exact, l)
		}
		s.audiences.wild.match(topic, func(a *audience) { s.walkTo(a, l) })
	}
	if l == s.last {
		return false
	}
	s.last = l
	s.walked.Store(l.place.message.Seq)
	s.gateway.progress.signal()
	return l.next.Load() != nil
}

// walkTo notes that the message at l is for the members of a.
func (s *shard) walkTo(a *audience, l *link) {
	s.fanOut += a.lone.len() + len(a.mixed)
	s.note(a, l.place)
	for _, m := range a.mixed {
		s.mark(m.follower, l)
	}
}

// mark notes that a mixed follower wants the message at l.
func (s *shard) mark(f *Follower, l *link) {
	x := f.more
	m := l.place.message
	if m.Seq <= x.main.seq {
		return
	}
	x.until = m.Seq
	if f.is(behind) {
		return
	}
	if x.pend.place == nil {
		// It kept up, so that nothing it follows lies between its last message and this one.
		x.main.seq = m.Seq - 1
		if f.is(blocked) {
			// Not even a link to the message: it would keep all that come after it.
			f.set(behind)
			return
		}
		x.pend = pending{l.place, l}
	}
	s.queue(f)
}

// due is called when the follower's place in the wheel has come. It is nowhere then.
func (s *shard) due(f *Follower) {
	t := f.terms
	if t.Wait > 0 {
		switch at := int64(f.moment); {
		case s.tick < at:
			s.wheel.add(f, at)
		case f.is(queued) || f.lacks():
			s.wheel.add(f, s.tick+1)
		default:
			s.finish(f)
		}
		return
	}
	if f.is(ticking) {
		s.owed(f)
		return
	}
	every := ticksOf(t.Ping)
	if at := int64(f.moment) + every; s.tick < at {
		s.wheel.add(f, at)
		return
	}
	switch {
	case f.is(blocked):
		s.endSlow(f)
	case !f.is(queued|behind) && !f.lacks() && (f.more == nil || f.more.pend.place == nil):
		s.ping(f)
	}
	if !f.is(ended) {
		s.wheel.add(f, s.tick+every)
	}
}

// owed is called when a follower's first ping has come due: it waits for nothing but what must come before it.
func (s *shard) owed(f *Follower) {
	switch x := f.more; {
	case f.is(blocked):
		// There is no hurry: the peer sees by what it has not read yet that nothing holds it back.
		if s.endSlow(f); !f.is(ended) {
			s.wheel.add(f, s.tick+ticksOf(time.Second))
		}
	case f.is(greeting) || x != nil && (x.rest != nil || len(x.replies) > 0):
		s.wheel.add(f, s.tick+1)
	default:
		f.clear(ticking)
		if s.ping(f); !f.is(ended) {
			s.hold(f)
		}
	}
}

// endSlow ends a follower that is blocked if it has been so for too long.
func (s *shard) endSlow(f *Follower) {
	if s.gateway.history.tooSlow(&f.more.main) {
		s.end(f, ReasonSlow, true)
	}
}
