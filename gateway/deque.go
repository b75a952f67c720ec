package gateway

// deque is a queue in one block of memory: it grows by doubling, and reads like a slice from its oldest element.
type deque[T any] struct {
	buf  []T // a power of two long
	head int
	n    int
}

func (d *deque[T]) len() int { return d.n }

// at returns the i-th element, counted from the oldest.
func (d *deque[T]) at(i int) *T { return &d.buf[(d.head+i)&(len(d.buf)-1)] }

func (d *deque[T]) push(v T) {
	if d.n == len(d.buf) {
		grown := make([]T, max(4, 2*d.n))
		for i := range d.n {
			grown[i] = *d.at(i)
		}
		d.buf, d.head = grown, 0
	}
	d.n++
	*d.at(d.n - 1) = v
}

// pop removes the oldest element.
func (d *deque[T]) pop() T {
	var zero T
	v := *d.at(0)
	*d.at(0) = zero
	d.head = (d.head + 1) & (len(d.buf) - 1)
	if d.n--; d.n == 0 {
		// An emptied queue gives its memory back: most topics are quiet most of the time.
		d.buf, d.head = nil, 0
	}
	return v
}

// filter keeps the elements for which keep is true, in order.
func (d *deque[T]) filter(keep func(*T) bool) {
	kept := 0
	for i := range d.n {
		if keep(d.at(i)) {
			*d.at(kept) = *d.at(i)
			kept++
		}
	}
	var zero T
	for i := kept; i < d.n; i++ {
		*d.at(i) = zero
	}
	if d.n = kept; kept == 0 {
		d.buf, d.head = nil, 0
	}
}

// search returns the first index for which past is true, or len. Past must be false up to some index and true from there.
func (d *deque[T]) search(past func(*T) bool) int {
	low, high := 0, d.n
	for low < high {
		if mid := (low + high) / 2; past(d.at(mid)) {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low
}
