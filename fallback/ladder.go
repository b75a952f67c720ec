package fallback

import (
	"errors"
	"fmt"

	"tidings/transport"
)

// Ladder is the order in which transports are tried, best first, and which of them are switched on. It never changes.
type Ladder struct {
	on    [len(transport.Kinds)]bool
	names []string
}

// ErrEmpty is returned by NewLadder when nothing would be left to serve a client by.
var ErrEmpty = errors.New("all transports are switched off")

// NewLadder makes a ladder of all transports but those in off.
func NewLadder(off ...transport.Kind) (*Ladder, error) {
	l := &Ladder{}
	for _, kind := range transport.Kinds {
		l.on[kind] = true
	}
	for _, kind := range off {
		if int(kind) >= len(l.on) {
			return nil, fmt.Errorf("transport %d does not exist", kind)
		}
		l.on[kind] = false
	}
	for _, kind := range transport.Kinds {
		if l.on[kind] {
			l.names = append(l.names, kind.String())
		}
	}
	if len(l.names) == 0 {
		return nil, ErrEmpty
	}
	return l, nil
}

// On reports whether a transport is switched on.
func (l *Ladder) On(kind transport.Kind) bool { return l.on[kind] }

// Offer lists what clients may use, best first. The list is shared: it must not be changed.
func (l *Ladder) Offer() transport.Offer { return transport.Offer{Transports: l.names} }
