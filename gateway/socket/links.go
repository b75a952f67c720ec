package socket

import (
	"errors"
	"slices"
	"time"
)

// carrier is a link that is attached.
type carrier struct {
	link      Link
	number    uint32
	transport string
	ping      time.Duration
	at        uint64 // frames up to here have left by it
	full      bool
	replaced  time.Time // since when there is a better one; zero while there is none
	next      time.Time // when it is pinged
	asked     time.Time // since when a sign of life is waited for; zero if none is
}

// The bounds of a link's life.
const (
	besideTime = 10 * time.Second // how long a link goes on beside a better one
	soonTime   = 200 * time.Millisecond
)

// deadTime is how long a client may say nothing once it was asked for a sign of life.
func (c *carrier) deadTime() time.Duration { return c.ping*3/2 + 2*time.Second }

// The refusals of [Set.Open] and [Socket.Attach], beside a [*RefusedError].
var (
	// ErrGone: the socket that is to be carried on is not known, or not any more.
	ErrGone = errors.New("the socket is gone")
	// ErrReplaced: there are two links already that were asked for later.
	ErrReplaced = errors.New("newer connections carry the socket")
	// ErrFull: there are as many sockets as there may be.
	ErrFull = errors.New("there are as many sockets as there may be")
	// ErrClosed: the gateway is stopping.
	ErrClosed = errors.New("no socket is opened any more")
)

// Welcome is what a client is told when a link begins.
type Welcome struct {
	Epoch    string // of the socket's own sequences
	Protocol string // the subprotocol that was chosen
	Since    uint64 // the link's first frame is the next
	Ack      uint64 // up to where the client's frames were taken: the link's first one up is the next
	Ping     time.Duration
	Away     time.Duration // how long a client may be away
}

// Attach has l carry the socket. What Open was asked with says from where. The first link that is attached starts the handler. Nothing is carried
// before l has told [Socket.Ready] for the first time, so that it can say its greeting. It fails with [ErrReplaced], or with [ErrGone].
//
// A link that is newer than the others has them go on beside it, so that what was under way by them is not lost, for some seconds or until there
// is a third. Of two polls the older is ended at once.
func (s *Socket) Attach(l Link, o *Opening) (Welcome, error) {
	s.mu.Lock()
	defer s.unlock()
	if s.end != nil && s.kept.IsZero() {
		return Welcome{}, ErrGone
	}
	since := s.out.base
	if o.Resume {
		if o.Since > s.out.last {
			return Welcome{}, ErrGone
		}
		since = max(since, o.Since) // what it has acknowledged since it asked is not carried again
	}
	c := &carrier{link: l, number: o.Number, transport: o.Transport, ping: o.Ping, at: since, full: true}
	if c.ping <= 0 {
		c.ping = s.path.options.Ping
	}
	now := s.set.now()
	c.next = now.Add(c.ping)
	if !s.rank(c, now, o.Resume) {
		return Welcome{}, ErrReplaced
	}
	if o.Unpack != nil {
		s.unpack = o.Unpack
	}
	if s.said || s.got != nil {
		s.bound = now.Add(s.path.options.CloseTime)
	}
	s.start()
	s.plan()
	return Welcome{s.epoch, s.protocol, since, s.Taken(), c.ping, s.path.options.Absence}, nil
}

// rank puts a new link among the others. It returns false if it is the least of three. s.mu is held.
func (s *Socket) rank(c *carrier, now time.Time, resumes bool) bool {
	at := 0
	for at < len(s.links) && c.number != 0 && s.links[at].number > c.number {
		at++
	}
	if at == 2 {
		return false
	}
	if len(s.links) == 2 {
		s.part(1, End{Replaced: true})
	}
	s.links = append(s.links, nil)
	copy(s.links[at+1:], s.links[at:])
	s.links[at] = c
	s.set.attached(s, c, resumes)
	if len(s.links) == 2 {
		if isPoll(s.links[1].transport) && isPoll(s.links[0].transport) {
			s.part(1, End{Replaced: true})
			return true
		}
		s.links[1].replaced = now
	}
	return true
}

// isPoll reports whether a transport answers once.
func isPoll(transport string) bool { return transport == "poll" || transport == "longpoll" }

// find returns where a link is, -1 if it was let go. s.mu is held.
func (s *Socket) find(l Link) int {
	for i, c := range s.links {
		if c.link == l {
			return i
		}
	}
	return -1
}

// part ends a link and lets go of it. s.mu is held.
func (s *Socket) part(i int, e End) {
	c := s.links[i]
	s.forget(i)
	c.link.End(e)
}

// forget lets go of a link. s.mu is held.
func (s *Socket) forget(i int) {
	s.set.detached(s, s.links[i])
	copy(s.links[i:], s.links[i+1:])
	s.links[len(s.links)-1] = nil
	s.links = s.links[:len(s.links)-1]
	switch len(s.links) {
	case 0:
		s.away = s.set.now()
	case 1:
		s.links[0].replaced = time.Time{}
	}
}

// Ready tells that a link has room: for the first time, or again. What there is is carried before it returns. It must not be called with a lock
// that the link's methods take: the loops tell of room with that of the connection held.
func (s *Socket) Ready(l Link) {
	s.mu.Lock()
	defer s.unlock()
	if s.said { // there is room because the client takes what there is, be it a part of a frame
		s.bound = s.set.now().Add(s.path.options.CloseTime)
		s.plan()
	}
	s.goOn(l)
}

// Poke has a link's Carry called, though there may be nothing new: it has something of its own to say. It waits for nothing.
func (s *Socket) Poke(l Link) {
	s.do(func() {
		if i := s.find(l); i >= 0 && !s.links[i].full {
			s.goOn(l)
		}
	})
}

// goOn has a link carry what there is, and calls it at least once. s.mu is held.
func (s *Socket) goOn(l Link) {
	i := s.find(l)
	if i < 0 {
		return
	}
	s.links[i].full = false
	s.carryBy(s.links[i], false, true)
	s.settle()
}

// Soon has the links' Carry called within 200 ms, so that they tell what they have not told: an ack. It waits for nothing.
func (s *Socket) Soon() {
	if s.awaited.CompareAndSwap(false, true) {
		s.set.soon(s)
	}
}

// Detach tells that a link has broken or that its client has left it. A plain WebSocket's socket ends by it, any other waits for the next link.
// It waits for nothing, and does nothing for a link that was let go.
func (s *Socket) Detach(l Link) {
	s.do(func() {
		i := s.find(l)
		if i < 0 {
			return
		}
		all := s.links[i].at == s.out.last
		s.forget(i)
		if s.moves() && s.hurried && s.said && s.end == nil && all && len(s.links) == 0 {
			s.fail(s.words) // it has heard of it, and finds nobody any more to answer
			return
		}
		if !s.moves() {
			e := &CloseError{Code: codeVanished}
			if said, _ := s.up.words(); said != nil { // it has left without waiting for our answer
				e = said
			}
			s.finish(e)
		}
		s.plan()
	})
}

// Drop lets go of a socket that Open has made and that no link was attached to.
func (s *Socket) Drop() {
	s.mu.Lock()
	defer s.unlock()
	if !s.started && s.end == nil {
		s.finish(&CloseError{Code: codeVanished})
	}
}

// Acked tells up to where the client has its frames. It waits for nothing.
func (s *Socket) Acked(seq uint64) {
	s.do(func() {
		seq = min(seq, s.out.last)
		if !s.moves() || seq <= s.out.base {
			return
		}
		for _, c := range s.links {
			c.at = max(c.at, seq)
		}
		s.out.let(seq)
		s.out.room.Broadcast()
		s.settle()
	})
}

// carry has every link carry what it lacks. s.mu is held.
func (s *Socket) carry() {
	for _, c := range slices.Backward(s.links) { // it may go
		s.carryBy(c, false, false)
	}
	if s.said || s.got != nil {
		s.settle()
	}
}

// carryBy has a link carry what it lacks. s.mu is held.
func (s *Socket) carryBy(c *carrier, ping, anyway bool) {
	if c.full {
		return
	}
	o := &s.out
	frames := o.after(c.at)
	if len(frames) == 0 && !ping && !anyway {
		return
	}
	load := Load{Frames: frames, Ping: ping}
	if s.moves() {
		load.Ack = s.Taken()
	}
	n, done := c.link.Carry(load)
	c.at += uint64(n)
	c.full = n < len(frames)
	if !s.moves() && n > 0 {
		o.let(c.at)
		if o.cost <= s.path.options.BufferBytes {
			o.room.Broadcast()
		}
	}
	if n > 0 && s.said { // a client that takes what there is may go on with it
		s.bound = s.set.now().Add(s.path.options.CloseTime)
		s.plan()
	}
	if done {
		if i := s.find(c.link); i >= 0 {
			s.forget(i)
			s.plan()
		}
	}
}
