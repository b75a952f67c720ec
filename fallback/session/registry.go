package session

import (
	"cmp"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"tidings/gateway"
	"tidings/transport"
)

// Options bound a registry.
type Options struct {
	// Most is how many sessions are known at the same time, some 100 bytes each; past that the one that has been away for longest is
	// forgotten. Default 250,000. They are spread by their labels, so that the first are forgotten a little before that.
	Most int
	// Away is how long a client may stay away between two polls and still count as a follower. Default 60 s.
	Away time.Duration
}

// Request is what there is to know of a request that says its session.
type Request struct {
	Label string // kept by nobody
	N     uint32 // rises from one request of the session to the next; 0 where the client does not say
	Kind  transport.Kind
	Away  time.Duration // for polls: how long the client may stay away now, if that is more than Options.Away
}

// strongLabel is how many characters a label has that others cannot guess. A shorter one counts, and ends nothing.
const strongLabel = 16

// strong reports whether the request can only be that of the client itself.
func (q *Request) strong() bool { return len(q.Label) >= strongLabel }

// ordered reports whether the request has its place among those of its client.
func (q *Request) ordered() bool { return q.N > 0 && q.strong() }

// polls reports whether clients of a kind come back for each answer.
func polls(kind transport.Kind) bool { return kind == transport.LongPoll || kind == transport.Poll }

// Registry knows sessions. Its methods may be called from several goroutines.
type Registry struct {
	seed    maphash.Seed
	began   time.Time
	away    ticks
	every   time.Duration // between two sweeps
	stripes []stripe      // as many as a power of two

	forgotten atomic.Uint64
	awaited   atomic.Bool // there will be a sweep

	mu     sync.Mutex // guards the rest
	timer  *time.Timer
	closed bool
}

const (
	mostStripes = 256
	leastStripe = 64 // sessions
	mostEvery   = 5 * time.Second
)

// New makes a registry. Close it when it is not needed any more.
func New(o Options) *Registry {
	most, away := cmp.Or(o.Most, 250_000), cmp.Or(o.Away, time.Minute)
	n := 1
	for n < mostStripes && most/(2*n) >= leastStripe {
		n *= 2
	}
	r := &Registry{
		seed: maphash.MakeSeed(), began: time.Now(), away: ticksOf(away), every: max(tick, min(away/4, mostEvery)),
		stripes: make([]stripe, n),
	}
	for i := range r.stripes {
		r.stripes[i].most = max(1, most/n)
		r.stripes[i].ring.circle()
	}
	r.timer = time.AfterFunc(time.Hour, r.sweep)
	r.timer.Stop()
	return r
}

// Close has the registry look for nobody any more.
func (r *Registry) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.timer.Stop()
}

// ticks count time since a registry began, in steps of tick, from 1: 0 is never.
type ticks uint32

const tick = 100 * time.Millisecond

// ticksOf returns how many ticks d takes, rounded up.
func ticksOf(d time.Duration) ticks { return ticks(min((d+tick-1)/tick, 1<<30)) }

func (r *Registry) now() ticks { return ticks(time.Since(r.began)/tick) + 1 }

// Take notes a request, and the follower that serves it; nil for a plain poll, which has none. It ends what the request takes the
// place of, with [gateway.ReasonReplaced]:
//
//   - A poll ends the session's held poll. So does a stream, and the session is no poller any more.
//   - A stream leaves an older one a while ([Grace]): the client may be trying which of the two works, or move from one to the other and make
//     before it breaks. A stream before that one it ends at once. A client that goes on polling for as long has left its stream.
//   - A held poll that comes late, behind a newer request of its session, is itself ended, which answers it: so does what a proxy sends
//     twice. A stream that comes late is served and ends nothing.
//
// What is newer says N. Without it, a poll ends nothing.
func (r *Registry) Take(q *Request, f *gateway.Follower) {
	key := maphash.String(r.seed, q.Label)
	s := &r.stripes[key%uint64(len(r.stripes))]
	var out leaving
	now := r.now()
	s.mu.Lock()
	if polls(q.Kind) {
		s.polled(key, q, f, now, now+max(r.away, ticksOf(q.Away)), &out)
	} else {
		s.streamed(key, q, f, now, &out)
	}
	over := len(s.by) > s.most
	if over {
		s.remove(s.ring.newer)
	}
	some := len(s.by) > 0
	s.mu.Unlock()
	if over {
		r.forgotten.Add(1)
	}
	if some && !r.awaited.Load() {
		r.await()
	}
	out.end()
}

// await has the registry swept in a while.
func (r *Registry) await() {
	if !r.awaited.CompareAndSwap(false, true) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.timer.Reset(r.every)
	}
}

// sweep lets go who stays away.
func (r *Registry) sweep() {
	r.awaited.Store(false) // who comes from now on has another one awaited
	now, some := r.now(), false
	for i := range r.stripes {
		if r.stripes[i].sweep(now, r.away) {
			some = true
		}
	}
	if some {
		r.await()
	}
}

// Pollers returns how many sessions poll, by transport: those that come back, and follow by nothing else. Of who stays away it learns
// within a few seconds.
func (r *Registry) Pollers() (n [len(transport.Kinds)]int) {
	for i := range r.stripes {
		s := &r.stripes[i]
		s.mu.Lock()
		for kind, pollers := range s.pollers {
			n[kind] += pollers
		}
		s.mu.Unlock()
	}
	return n
}

// Forgotten returns how many sessions were let go because there were more than Options.Most.
func (r *Registry) Forgotten() uint64 { return r.forgotten.Load() }
