package gateway

// bagChunk is how many elements a bag holds in one block of memory. With the word that the allocator adds, blocks of what bags hold
// just fill a size of its: one more would waste a sixth.
const bagChunk = 255

// bag is a list without an order of its own: what goes is replaced by the last. It grows in blocks, so that it wastes one at most
// and never moves what it has; a small one is a slice.
type bag[T any] struct {
	first []T
	more  []*[bagChunk]T
	n     int
}

func (b *bag[T]) len() int { return b.n }

func (b *bag[T]) at(i int) *T {
	if i < bagChunk {
		return &b.first[i]
	}
	return &b.more[i/bagChunk-1][i%bagChunk]
}

func (b *bag[T]) push(v T) {
	if b.n < bagChunk {
		b.first = append(b.first, v)
		b.n++
		return
	}
	if chunk := b.n/bagChunk - 1; chunk == len(b.more) {
		b.more = append(b.more, new([bagChunk]T))
	}
	b.n++
	*b.at(b.n - 1) = v
}

// pop takes the last element out. One empty block is kept, so that coming and going at its border costs nothing.
func (b *bag[T]) pop() (v T) {
	var zero T
	last := b.at(b.n - 1)
	v, *last = *last, zero
	b.n--
	if b.n >= bagChunk {
		if used := (b.n-1)/bagChunk + 1; len(b.more) > used {
			b.more[used] = nil
			b.more = b.more[:used]
		}
		return v
	}
	if b.n < bagChunk/2 {
		b.more = nil
	}
	b.first = b.first[:b.n]
	switch {
	case b.n == 0 && cap(b.first) > 8:
		b.first = nil
	case cap(b.first) > 8 && b.n <= cap(b.first)/4:
		b.first = append(make([]T, 0, cap(b.first)/2), b.first...)
	}
	return v
}
