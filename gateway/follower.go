package gateway

import (
	"strings"
	"time"
)

// FollowOptions say how a follower is served.
type FollowOptions struct {
	Start *Start
	Peer  Peer
	Terms *Terms // may be nil for a follower that is on some already
	// Shard is the number of the shard that is to serve it, from 1: that which its connection's host is for. 0 is any.
	Shard int
	// Tick has the peer told where the follower is once, so long after its greeting, whatever else it is told meanwhile; 0 for not. It is
	// rounded up to 100 ms, and means nothing to a follower that waits.
	Tick time.Duration
}

// Follower is one client's live position. Its shard alone serves it; its methods tell the shard, from any goroutine. The zero
// value follows nothing: a transport embeds one in its peer, and [Gateway.Follow] brings it to life.
//
// Most followers follow one topic or pattern alone and keep up: they are lone. All that such a one needs is here, and it is 80
// bytes, since there may be a million of them.
type Follower struct {
	shard *shard // never changes
	talk  talk

	// What follows is owned by the shard. What a delivery needs comes last, so that it lies together, and beside what the transport has.
	audience  *audience // of the only topic or pattern that is followed; nil if it is mixed: there are several of them, or none
	slot      uint32    // in audience.lone
	place     uint32    // in its slot of the wheel, plus 1; 0 for nowhere
	more      *extra    // nil unless something in it is needed
	seq       uint64    // its position, if it is lone and keeps up; else that is more.main
	moment    uint32    // a tick: when something was said last, or when its wait ends; until it begins, FollowOptions.Tick in ms
	wheelSlot uint16
	state     state
	peer      Peer   // never changes
	terms     *Terms // never changes
}

// extra is what only some followers need, and only for a while.
type extra struct {
	main    position    // where a follower is that is mixed, or behind
	joins   []*position // what was added since and has not caught up yet
	pend    pending     // the first message not yet written of a mixed follower that keeps up
	until   uint64      // seq of the last message that a mixed follower was marked for
	rest    []byte      // the unwritten end of a unit
	replies [][]byte    // units to be written in front of messages
}

// state is a set of what holds for a follower.
type state uint16

const (
	behind   state = 1 << iota // there may be more in the history past its position: it reads there, not along the log
	blocked                    // the peer is full: nothing is written until it is ready
	queued                     // it is in the run queue
	holds                      // rest is of a message, and pinned
	greeting                   // what is written first was not written yet
	ended
	ticking // a first ping is owed, see FollowOptions.Tick
)

func (f *Follower) is(s state) bool { return f.state&s != 0 }

func (f *Follower) set(s state) { f.state |= s }

func (f *Follower) clear(s state) { f.state &^= s }

// abreast reports whether the follower is lone and keeps up.
func (f *Follower) abreast() bool { return f.audience != nil && f.state&behind == 0 }

// extra returns f.more, made if there is none.
func (f *Follower) extra() *extra {
	if f.more == nil {
		f.more = new(extra)
	}
	return f.more
}

// trim lets go what a follower that keeps up does not need any more.
func (f *Follower) trim() {
	if x := f.more; x != nil && f.abreast() && len(x.joins) == 0 && x.rest == nil && len(x.replies) == 0 {
		f.more = nil
	}
}

// maxPause bounds Ping and Wait, so that a time in the future is one.
const maxPause = 365 * 24 * time.Hour

// maxTick bounds a first ping: less than a turn of the wheel.
const maxTick = wheelSlots / 2 * wheelTick

// Follow brings f to life: its peer gets what comes after o.Start until it ends. It fails with [ErrClosed], and then the peer is not
// called.
func (g *Gateway) Follow(f *Follower, o FollowOptions) error {
	n := uint64(o.Shard - 1)
	if o.Shard <= 0 {
		n = g.nextShard.Add(1)
	}
	f.shard = g.shards[n%uint64(len(g.shards))]
	f.peer = o.Peer
	if o.Terms != nil {
		f.terms = o.Terms
	}
	if o.Tick > 0 && f.terms.Wait <= 0 {
		f.set(ticking)
		f.moment = uint32(min(o.Tick, maxTick) / time.Millisecond)
	}
	f.talk.word.Store(uint64(len(o.Start.position.subs)) * talkFollow)
	if !f.shard.post(command{op: opFollow, follower: f, with: o.Start}) {
		return ErrClosed
	}
	return nil
}

// Ready says that the peer has room again after a short Write.
func (f *Follower) Ready() { f.shard.post(command{op: opReady, follower: f}) }

// Close ends the follower. With [ReasonGone] the peer is not called any more; with another reason its Close is.
func (f *Follower) Close(reason Reason) {
	f.shard.post(command{op: opClose, follower: f, reason: reason.index()})
}

// Ended reports whether the follower has ended, whoever ended it. Its shard may be about to tell the peer.
func (f *Follower) Ended() bool { return f.talk.over() }

// Reply has a unit written to the peer in order with everything else: an answer to what the client sent. It never blocks. It returns
// false while more than 64 KiB of replies are unwritten; the unit is queued all the same, but nothing more should be read from
// a client that sends without reading. A peer that is a [Talker] is told when there is room again.
func (f *Follower) Reply(unit []byte) (room bool) {
	room = f.talk.say(len(unit))
	f.shard.post(command{op: opReply, follower: f, with: &arguments{unit: unit}})
	return room
}

// Add follows more. What reply returns is written before the first message of it; at is where it begins. It fails with
// [ErrTooManyTopics], and then nothing is written. Room is as for [Follower.Reply].
func (f *Follower) Add(follows []Follow, reply func(at Cursor) []byte) (room bool, err error) {
	if !f.talk.follow(len(follows), f.shard.gateway.options.FollowTopics) {
		return true, ErrTooManyTopics
	}
	own := make([]Follow, len(follows))
	for i, follow := range follows {
		// The names may be a part of something large: what the client sent.
		follow.Pattern.text = strings.Clone(follow.Pattern.text)
		own[i] = follow
	}
	room = f.talk.say(0)
	f.shard.post(command{op: opAdd, follower: f, with: &arguments{follows: own, at: reply}})
	return room, nil
}

// Remove stops following topics or patterns, named as they were added; then reply is written. Room is as for [Follower.Reply].
func (f *Follower) Remove(patterns []Pattern, reply []byte) (room bool) {
	room = f.talk.say(len(reply))
	f.shard.post(command{op: opRemove, follower: f, with: &arguments{patterns: patterns, unit: reply}})
	return room
}
