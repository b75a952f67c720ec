package poll

import (
	"slices"
	"sync/atomic"
	"unsafe"

	"tidings/gateway"
	"tidings/transport/wire"
)

// sharedAnswer remembers the answer that was made last: whoever polls a topic at the same cursor gets the same one, and those who wait
// for one message are many.
type sharedAnswer struct{ last atomic.Pointer[made] }

// made is an answer and what it was made of. It keeps that alive, so that the addresses of its parts are nobody else's.
type made struct {
	parts  [][]byte
	cursor gateway.Cursor
	more   bool
	body   [][]byte // in one part
}

// of returns the body that says what is in a batch.
func (s *sharedAnswer) of(b *gateway.Batch, t *terms) [][]byte {
	last := s.last.Load()
	if last != nil && last.cursor == b.Cursor && last.more == b.More && slices.EqualFunc(last.parts, b.Parts, sameBytes) {
		return last.body
	}
	items := make([][]byte, 0, len(b.Parts))
	for _, part := range b.Parts {
		if last := len(part) - 1; last >= 0 && part[last] == ',' {
			part = part[:last]
		}
		if len(part) > 0 {
			items = append(items, part)
		}
	}
	parts, size := wire.Poll{Cursor: b.Cursor, Items: items, More: b.More, PollMS: t.pollMS, Offer: t.offer}.Parts()
	body := make([]byte, 0, size)
	for _, p := range parts {
		body = append(body, p...)
	}
	s.last.Store(&made{parts: slices.Clone(b.Parts), cursor: b.Cursor, more: b.More, body: [][]byte{body}})
	return [][]byte{body}
}

// sameBytes reports whether a and b are the same bytes of memory.
func sameBytes(a, b []byte) bool {
	return len(a) == len(b) && unsafe.SliceData(a) == unsafe.SliceData(b)
}
