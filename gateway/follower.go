package gateway

import (
	"cmp"
	"sync"
	"time"
)

// FollowOptions say how a follower is served.
type FollowOptions struct {
	Start *Start
	Peer  Peer
	Terms *Terms
}

// Follower is one client's live position. Its shard alone serves it; its methods tell the shard, from any goroutine. The zero
// value follows nothing: a transport embeds one in its peer, and [Gateway.Follow] brings it to life.
type Follower struct {
	shard *shard

	// What follows never changes.
	peer     Peer
	format   *Format
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

// Follow brings f to life: its peer gets what comes after o.Start until it ends. It fails with [ErrClosed], and then the peer is not
// called.
func (g *Gateway) Follow(f *Follower, o FollowOptions) error {
	t := o.Terms
	f.shard = g.shards[g.nextShard.Add(1)%uint64(len(g.shards))]
	f.peer, f.format, f.class, f.live, f.raw = o.Peer, t.Format, t.Class, t.Live, t.Raw
	f.ping, f.wait = min(t.Ping, maxPause), min(t.Wait, maxPause)
	f.maxParts, f.maxBytes = cmp.Or(max(0, t.MaxParts), 64), cmp.Or(max(0, t.MaxBytes), 64<<10)
	f.main, f.notices, f.behind = o.Start.position, o.Start.notices, true
	f.announce(f.main.subs)
	f.reply.follows = len(f.main.subs)
	if !f.shard.post(command{op: opFollow, follower: f}) {
		return ErrClosed
	}
	return nil
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
func (f *Follower) Reply(unit []byte) (room bool) {
	f.reply.add(len(unit))
	f.shard.post(command{op: opReply, follower: f, unit: unit})
	return true
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
