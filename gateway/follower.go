package gateway

import (
	"sync"
	"time"
)

// FollowOptions say how a follower is served.
type FollowOptions struct {
	Start *Start
	Peer  Peer
	Class uint8 // for counting: below Options.Classes
	// Greeting is written first, in front of everything (a stream's prelude and hello).
	Greeting []byte
	// Ping is how long nothing may be said before the peer gets a ping; 0 for never.
	Ping time.Duration
	// Wait ends a follower that has nothing pending after this time with an empty Batch (a held long poll); 0 for never.
	Wait time.Duration
	// MaxParts and MaxBytes bound one Batch; defaults 64 and 64 KiB. A part is never cut: the last may go over.
	MaxParts, MaxBytes int
	// Live makes the follower say when each followed topic has caught up (NoticeLive).
	Live bool
	// Raw says that the peer's client does not see a message's prev.
	Raw bool
}

// Follower is one client's live position. Its shard alone serves it; its methods tell the shard, from any goroutine.
type Follower struct {
	shard *shard

	// What follows never changes.
	peer     Peer
	ping     time.Duration
	wait     time.Duration
	maxParts int
	maxBytes int
	class    uint8
	live     bool
	raw      bool

	// What follows is owned by the shard.
	main    position    // what is followed live, or is catching up before it has been live
	joins   []*position // what was added since and has not caught up yet
	pend    pending     // the first message not yet written of a follower that keeps up
	until   uint64      // seq of the last message it was marked for
	rest    []byte      // the unwritten end of a unit
	replies [][]byte    // units to be written in front of messages
	notices []Notice    // gaps to be stated in front of messages
	said    time.Duration
	index   int // in shard.followers
	wheel   wheelPlace
	behind  bool // there may be more in the history past main.seq: read there, not along the links
	blocked bool // the peer is full: nothing is written until it is ready
	queued  bool // it is in the run queue
	holds   bool // rest is of a message, and pinned
	ended   bool

	reply replyRoom
}

// replyRoom keeps a client that sends without reading from piling up answers.
type replyRoom struct {
	mu      sync.Mutex
	changed *sync.Cond // made when somebody waits; guarded by mu
	bytes   int        // of replies that are not written yet; guarded by mu
	follows int        // topics and patterns that are followed; guarded by mu
	ended   bool       // guarded by mu
}

// maxReplyBytes is how much may wait for a client that sends without reading: a handful of the largest answers.
const maxReplyBytes = 64 << 10

// maxPause bounds Ping and Wait, so that a time in the future is one.
const maxPause = 365 * 24 * time.Hour

// Follow makes a follower: its peer gets what comes after o.Start until it ends. It fails with [ErrClosed].
func (g *Gateway) Follow(o FollowOptions) (*Follower, error) {
	f := &Follower{
		shard: g.shards[g.nextShard.Add(1)%uint64(len(g.shards))],
		peer:  o.Peer, ping: min(o.Ping, maxPause), wait: min(o.Wait, maxPause), maxParts: o.MaxParts, maxBytes: o.MaxBytes, class: o.Class, live: o.Live, raw: o.Raw,
		main: o.Start.position, notices: o.Start.notices, behind: true,
	}
	if f.maxParts <= 0 {
		f.maxParts = 64
	}
	if f.maxBytes <= 0 {
		f.maxBytes = 64 << 10
	}
	f.announce(f.main.subs)
	if len(o.Greeting) > 0 {
		f.replies = [][]byte{o.Greeting}
	}
	f.reply.follows = len(f.main.subs)
	f.reply.bytes = len(o.Greeting)
	if !f.shard.post(command{op: opFollow, follower: f}) {
		return nil, ErrClosed
	}
	return f, nil
}

// announce has NoticeLive said for subs once they have caught up, if the follower says it at all.
func (f *Follower) announce(subs []*sub) {
	for _, s := range subs {
		s.announce = f.live
	}
}

// Ready says that the peer has room again after a short Write.
func (f *Follower) Ready() { f.shard.post(command{op: opReady, follower: f}) }

// Close ends the follower. With [ReasonGone] the peer is not called any more; with another reason its Close is.
func (f *Follower) Close(reason Reason) {
	f.shard.post(command{op: opClose, follower: f, reason: reason})
}

// Reply has a unit written to the peer in order with everything else: an answer to what the client sent. See [Follower.Room].
func (f *Follower) Reply(unit []byte) {
	f.reply.add(len(unit))
	f.shard.post(command{op: opReply, follower: f, unit: unit})
}

// Room blocks while more than 64 KiB of replies are unwritten, so that a client that sends without reading is not read
// from either. It returns false when the follower has ended.
func (f *Follower) Room() bool {
	r := &f.reply
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.bytes > maxReplyBytes && !r.ended {
		if r.changed == nil {
			r.changed = sync.NewCond(&r.mu)
		}
		r.changed.Wait()
	}
	return !r.ended
}

func (r *replyRoom) add(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bytes += n
	if r.changed != nil {
		r.changed.Broadcast()
	}
}

func (r *replyRoom) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	if r.changed != nil {
		r.changed.Broadcast()
	}
}

// Add follows more. What reply returns is written before the first message of it; at is where it begins. It fails with
// [ErrTooManyTopics], and then nothing is written.
func (f *Follower) Add(follows []Follow, reply func(at Cursor) []byte) error {
	f.reply.mu.Lock()
	defer f.reply.mu.Unlock()
	if f.reply.follows+len(follows) > f.shard.gateway.options.FollowTopics {
		return ErrTooManyTopics
	}
	f.reply.follows += len(follows)
	f.shard.post(command{op: opAdd, follower: f, follows: follows, at: reply})
	return nil
}

// Remove stops following topics or patterns, named as they were added; then reply is written.
func (f *Follower) Remove(patterns []Pattern, reply []byte) {
	f.reply.add(len(reply))
	f.shard.post(command{op: opRemove, follower: f, patterns: patterns, unit: reply})
}

// cursor returns the follower's own position: what it has everything up to.
func (f *Follower) cursor() Cursor {
	seq := f.main.seq
	if !f.behind && f.pend.place == nil {
		seq = max(seq, f.shard.walked.Load())
	}
	return Cursor{Epoch: f.shard.gateway.history.log.epoch, Seq: seq}
}

// mark notes that the follower wants the message at l, which the shard has just walked.
func (f *Follower) mark(l *link) {
	m := l.place.message
	if m.Seq <= f.main.seq {
		return
	}
	f.until = m.Seq
	if f.behind {
		return
	}
	if f.pend.place == nil {
		// It kept up, so that nothing it follows lies between its last message and this one.
		f.main.seq = m.Seq - 1
		if f.blocked {
			// Not even a link to the message: it would keep all that come after it.
			f.behind = true
			return
		}
		f.pend = pending{l.place, l}
	}
	f.shard.queue(f)
}
