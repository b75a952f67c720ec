package poll

import (
	"slices"
	"sync/atomic"
	"unsafe"

	"tidings/gateway"
	"tidings/transport/park"
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
	body   body
}

// get returns the body that was made last of these parts, else what fresh makes.
func (s *sharedAnswer) get(parts [][]byte, at gateway.Cursor, more bool, fresh func() body) body {
	last := s.last.Load()
	if last != nil && last.cursor == at && last.more == more && slices.EqualFunc(last.parts, parts, sameBytes) {
		return last.body
	}
	made := &made{parts: slices.Clone(parts), cursor: at, more: more, body: fresh()}
	made.body.whole = new(park.Whole)
	s.last.Store(made)
	return made.body
}

// of returns the body that says what is in a batch.
func (t *terms) of(b *gateway.Batch) body {
	return t.shared.get(b.Parts, b.Cursor, b.More, func() body { return t.answer(b) })
}

func (t *terms) answer(b *gateway.Batch) body {
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
	switch {
	case t.callback != "":
		parts, _ = wire.Call(t.callback, parts)
	case t.gzip && worthGzip(size):
		return gzipped(parts)
	}
	return body{parts: [][]byte{slices.Concat(parts...)}}
}

// sameBytes reports whether a and b are the same bytes of memory.
func sameBytes(a, b []byte) bool {
	return len(a) == len(b) && unsafe.SliceData(a) == unsafe.SliceData(b)
}
