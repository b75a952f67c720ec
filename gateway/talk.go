package gateway

import "sync/atomic"

// maxReplyBytes is how much may wait for a client that sends without reading: a handful of the largest answers.
const maxReplyBytes = 64 << 10

// talk is what a follower and the connection that sends for it have to tell each other: how many bytes of replies are not
// written yet, whether somebody waits for them to be, how many topics and patterns are followed, and whether it is over.
type talk struct{ word atomic.Uint64 }

const (
	talkBytes   = 1<<31 - 1 // the lowest bits count bytes
	talkWaiting = 1 << 31
	talkFollow  = 1 << 32 // the bits above count follows
	talkOver    = 1 << 63 // the follower has ended
)

// say counts n more bytes of replies. It returns false if more than is allowed is unwritten then: from then on somebody waits.
func (t *talk) say(n int) (room bool) {
	for {
		old := t.word.Load()
		now := old + uint64(n)
		if room = now&talkBytes <= maxReplyBytes; !room {
			now |= talkWaiting
		}
		if t.word.CompareAndSwap(old, now) {
			return room
		}
	}
}

// add counts n more bytes of replies that the shard itself makes.
func (t *talk) add(n int) { t.word.Add(uint64(n)) }

// written counts n bytes less. It returns true if somebody waits and there is room again: then nobody waits any more.
func (t *talk) written(n int) (relieved bool) {
	for {
		old := t.word.Load()
		now := old - uint64(n)
		if relieved = old&talkWaiting != 0 && now&talkBytes < maxReplyBytes/2; relieved {
			now &^= talkWaiting
		}
		if t.word.CompareAndSwap(old, now) {
			return relieved
		}
	}
}

// unwritten returns how many bytes of replies wait.
func (t *talk) unwritten() int { return int(t.word.Load() & talkBytes) }

// follow counts n more follows, if they are most then at most.
func (t *talk) follow(n, most int) bool {
	for {
		old := t.word.Load()
		if int(old&^talkOver/talkFollow)+n > most {
			return false
		}
		if t.word.CompareAndSwap(old, old+uint64(n)*talkFollow) {
			return true
		}
	}
}

// forget makes room for another topic or pattern.
func (t *talk) forget() { t.word.Add(^uint64(talkFollow) + 1) }

// end says that it is over.
func (t *talk) end() { t.word.Or(talkOver) }

// over reports whether it is.
func (t *talk) over() bool { return t.word.Load()&talkOver != 0 }
