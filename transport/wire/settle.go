package wire

import (
	"slices"
	"sync"

	"tidings/gateway"
)

// scratch lends memory to write a unit in whose size is not known beforehand.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// scratchMax bounds what is given back, so that one large message does not hold its memory for ever.
const scratchMax = 256 << 10

// settle appends what write makes of m to dst. It is made in lent memory first: encodings live as long as their message
// and count against the history's bound, so they must have no spare room.
func settle(dst []byte, m *gateway.Message, write func([]byte, *gateway.Message) []byte) []byte {
	lent := scratch.Get().(*[]byte)
	made := write((*lent)[:0], m)
	dst = append(slices.Grow(dst, len(made)), made...)
	if cap(made) <= scratchMax {
		*lent = made
		scratch.Put(lent)
	}
	return dst
}
