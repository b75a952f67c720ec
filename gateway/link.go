package gateway

import "sync/atomic"

// place is a message's place in its topic, and link its place in the log. Whoever holds one can go on to what comes after
// it without a lock, and keeps all of that in memory until it lets go. So a message does not know its own: the history retains
// messages for long, and would keep with each of them everything that was published since.
//
// Shards hold the link of the last message they walked, sweeps the places and mixed followers the links of what is pending, and a topic
// the place of its newest message. after and next are set once by the history's writer, when the message after this one is
// applied.
type place struct {
	message *Message
	after   atomic.Pointer[place]
}

type link struct {
	place *place
	next  atomic.Pointer[link]
}

// pending is the first message that a mixed follower has not written.
type pending struct {
	place *place // nil if nothing is pending
	link  *link
}
