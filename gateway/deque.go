package gateway

// deque is a queue in one block of memory: it grows by doubling, and reads like a slice from its oldest element.
type deque[T any] struct {
	buf  []T // a power of two long
	head int
	n    int
	// steady keeps the memory when elements go, unless it is much: for a queue that fills and empties all the time.
	steady bool
}

// steadyDeque is up to how many places a steady deque keeps when it is empty.
const steadyDeque = 4096

func (d *deque[T]) len() int { return d.n }

// at returns the i-th element, counted from the oldest.
func (d *deque[T]) at(i int) *T { return &d.buf[(d.head+i)&(len(d.buf)-1)] }

func (d *deque[T]) push(v T) {
	if d.n == len(d.buf) {
		d.resize(max(leastDeque, 2*d.n))
	}
	d.n++
	*d.at(d.n - 1) = v
}

const leastDeque = 4

func (d *deque[T]) resize(size int) {
	buf := make([]T, size)
	for i := range d.n {
		buf[i] = *d.at(i)
	}
	d.buf, d.head = buf, 0
}

// shrink gives memory back: most topics are quiet most of the time.
func (d *deque[T]) shrink() {
	switch {
	case d.steady:
		if d.n == 0 && len(d.buf) > steadyDeque {
			d.buf, d.head = nil, 0
		}
	case d.n == 0:
		d.buf, d.head = nil, 0
	case len(d.buf) > leastDeque && d.n <= len(d.buf)/4:
		size := len(d.buf) / 2
		for size > leastDeque && d.n <= size/4 {
			size /= 2
		}
		d.resize(size)
	}
}

// pop removes the oldest element.
func (d *deque[T]) pop() T {
	var zero T
	v := *d.at(0)
	*d.at(0) = zero
	d.head = (d.head + 1) & (len(d.buf) - 1)
	d.n--
	d.shrink()
	return v
}

// remove takes the i-th element out.
func (d *deque[T]) remove(i int) T {
	v := *d.at(i)
	if i < d.n/2 { // the shorter side moves
		for ; i > 0; i-- {
			*d.at(i) = *d.at(i - 1)
		}
		d.pop()
		return v
	}
	for ; i < d.n-1; i++ {
		*d.at(i) = *d.at(i + 1)
	}
	var zero T
	*d.at(i) = zero
	d.n--
	d.shrink()
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
	d.n = kept
	d.shrink()
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
