package client

import (
	"errors"
	"net"
	"slices"
	"time"

	"tidings/transport"
)

// ladder chooses a transport: the best of which nothing bad is known. What failed is left alone for a while and then tried
// again, so that one bad minute pins nobody to polling.
type ladder struct {
	kinds  []transport.Kind // best first; those that are off are taken out
	relent time.Duration
	shun   map[transport.Kind]time.Time // until when
	young  map[transport.Kind]int       // how often in a row it died young
}

func newLadder(kinds []transport.Kind, relent time.Duration) *ladder {
	return &ladder{
		kinds: slices.Clone(kinds), relent: relent,
		shun: map[transport.Kind]time.Time{}, young: map[transport.Kind]int{},
	}
}

// pick returns the best transport that is not shunned, or the last: the cheapest is the likeliest to get through.
func (l *ladder) pick(now time.Time) transport.Kind {
	for _, kind := range l.kinds {
		if !now.Before(l.shun[kind]) {
			return kind
		}
	}
	return l.kinds[len(l.kinds)-1]
}

// better reports whether a better transport than kind may be tried.
func (l *ladder) better(kind transport.Kind, now time.Time) bool { return l.pick(now) != kind }

// off takes a transport out, and all that an offer does not name. It returns false when none would be left.
func (l *ladder) off(kind transport.Kind, offer []string) bool {
	left := slices.DeleteFunc(slices.Clone(l.kinds), func(k transport.Kind) bool {
		return k == kind || (len(offer) > 0 && !slices.Contains(offer, k.String()))
	})
	if len(left) == 0 {
		return false
	}
	l.kinds = left
	return true
}

// cheapen leaves all that an offer does not name alone for a while. It returns false when nothing would be left.
func (l *ladder) cheapen(offer []string, now time.Time) bool {
	offered := func(k transport.Kind) bool { return slices.Contains(offer, k.String()) }
	if !slices.ContainsFunc(l.kinds, offered) {
		return false
	}
	for _, kind := range l.kinds {
		if offered(kind) {
			delete(l.shun, kind)
		} else {
			l.shun[kind] = now.Add(l.relent)
		}
	}
	return true
}

// ended notes how a connection ended that no goodbye explains. A transport is shunned when the gateway did not speak on it
// although it could be reached, when it fell silent, and when it died young twice.
func (l *ladder) ended(kind transport.Kind, err error, spoke, old bool, now time.Time) {
	var op *net.OpError
	switch {
	case errors.As(err, &op) && op.Op == "dial":
		return // nobody there: the same by every transport
	case spoke && !errors.Is(err, errSilent):
		if old {
			l.young[kind] = 0
			return
		}
		if l.young[kind]++; l.young[kind] < 2 {
			return
		}
	}
	l.young[kind] = 0
	l.shun[kind] = now.Add(l.relent)
}

// judge decides what the end of a connection says about its transport, how long to wait at least, and whether to give up.
func (l *ladder) judge(kind transport.Kind, err error, spoke, old bool, now time.Time) (floor time.Duration, final bool) {
	var refused *Error
	switch {
	case !errors.As(err, &refused):
		l.ended(kind, err, spoke, old, now)
		return 0, false
	case refused.transportOff():
		return 0, !l.off(kind, refused.Transports)
	case refused.pressed() && l.cheapen(refused.Transports, now):
		return 0, false
	case refused.temporary():
		// A goodbye or a busy gateway: not the transport's fault.
		return refused.RetryAfter, false
	case refused.Code == "":
		// Not our gateway's words: something on the way refuses this transport, and maybe not the next.
		return 0, !l.off(kind, nil)
	}
	return 0, true
}
