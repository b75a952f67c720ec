package transport

import (
	"slices"
	"sync/atomic"
)

// Shared remembers what was made last for a connection: nearly all connections of one sort are served on the same terms, and so
// share them.
type Shared[T any] struct{ last atomic.Pointer[T] }

// Get returns what was made last if it is the same, else what fresh makes.
func (s *Shared[T]) Get(same func(*T) bool, fresh func() *T) *T {
	if have := s.last.Load(); have != nil && same(have) {
		return have
	}
	made := fresh()
	s.last.Store(made)
	return made
}

// Equal reports whether two offers say the same.
func (o Offer) Equal(other Offer) bool {
	return o.HeadMS == other.HeadMS && o.Shared == other.Shared && o.Cheaper == other.Cheaper &&
		slices.Equal(o.Transports, other.Transports)
}
