package fallback

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"tidings/gateway"
	"tidings/transport"
)

// Rungs is a set of transports.
type Rungs uint8

// all is every transport there is.
const all = Rungs(1<<len(transport.Kinds) - 1)

// RungsOf returns the set of some transports.
func RungsOf(kinds ...transport.Kind) (r Rungs) {
	for _, kind := range kinds {
		r |= 1 << kind
	}
	return r
}

// Has reports whether a transport is in the set.
func (r Rungs) Has(kind transport.Kind) bool { return r&(1<<kind) != 0 }

// Rule forces the ladder for some requests: they may use the transports in Only and no others. It holds for requests that
// are of Clients and meet Topic; what is left out holds for all.
type Rule struct {
	Topic   gateway.Pattern // a follow that could bring a message of a topic that it matches meets it
	Clients netip.Prefix    // whose address is in it
	Only    Rungs
}

// LadderOptions make a ladder. The zero value is all transports, for everybody.
type LadderOptions struct {
	Off   []transport.Kind // transports that are switched off
	Rules []Rule           // all that hold for a request take away what they do not name; at most [MaxRules]
	// HeadStart is how long clients are to wait for a transport to speak before they try the next beside it; 0 leaves that to
	// them.
	HeadStart time.Duration
}

// MaxRules is how many rules a ladder may have.
const MaxRules = 64

// Ladder is the order in which transports are tried, best first, and which of them a request may use. It never changes.
type Ladder struct {
	on        Rungs
	rules     []Rule
	byAddress bool // some rule asks for the client's address
	offers    [all + 1]transport.Offer
	cheaper   [all + 1]transport.Offer // of the same transports, under pressure
}

// ErrEmpty is returned by NewLadder when nothing would be left to serve a client by.
var ErrEmpty = errors.New("all transports are switched off")

// NewLadder makes a ladder.
func NewLadder(o LadderOptions) (*Ladder, error) {
	l := &Ladder{on: all, rules: o.Rules}
	for _, kind := range o.Off {
		if int(kind) >= len(transport.Kinds) {
			return nil, fmt.Errorf("transport %d does not exist", kind)
		}
		l.on &^= 1 << kind
	}
	if l.on == 0 {
		return nil, ErrEmpty
	}
	if len(o.Rules) > MaxRules {
		return nil, fmt.Errorf("%d rules of the ladder, at most %d are allowed", len(o.Rules), MaxRules)
	}
	for i, rule := range o.Rules {
		if rule.Only&l.on == 0 {
			return nil, fmt.Errorf("rule %d of the ladder leaves no transport that is switched on", i+1)
		}
		l.byAddress = l.byAddress || rule.Clients.IsValid()
	}
	for r := range all + 1 {
		l.offers[r] = transport.Offer{Transports: r.names(), HeadMS: int(o.HeadStart.Milliseconds())}
		l.cheaper[r] = l.offers[r]
		if r.Has(transport.Poll) {
			l.cheaper[r].Transports, l.cheaper[r].Shared = RungsOf(transport.Poll).names(), true
		}
		l.offers[r].Cheaper = &l.cheaper[r]
	}
	return l, nil
}

// names lists the set, best first.
func (r Rungs) names() []string {
	names := []string{}
	for _, kind := range transport.Kinds {
		if r.Has(kind) {
			names = append(names, kind.String())
		}
	}
	return names
}

// On returns the transports that are switched on.
func (l *Ladder) On() Rungs { return l.on }

// ByAddress reports whether some rule asks for the client's address. Where none does, nobody need find it out.
func (l *Ladder) ByAddress() bool { return l.byAddress }

// Client is what the rules make of a client's address: the set of those that hold for it. Equal ones are treated the same.
type Client uint64

// ClientAt returns what the rules make of an address. One that is not known is in no range.
func (l *Ladder) ClientAt(addr netip.Addr) (c Client) {
	addr = addr.Unmap()
	for i, rule := range l.rules {
		if !rule.Clients.IsValid() || rule.Clients.Contains(addr) {
			c |= 1 << i
		}
	}
	return c
}

// Rungs returns the transports that a client may use to follow some topics and patterns. What is no pattern is met by no rule: it
// is refused elsewhere. It can be empty where several topics are followed, or a pattern, and no transport is left for all.
func (l *Ladder) Rungs(c Client, follows []transport.FollowItem) Rungs {
	rungs := l.on
	for i := range l.rules {
		if rule := &l.rules[i]; c&(1<<i) != 0 && rule.meets(follows) {
			rungs &= rule.Only
		}
	}
	return rungs
}

func (r *Rule) meets(follows []transport.FollowItem) bool {
	if r.Topic == (gateway.Pattern{}) {
		return true
	}
	for _, f := range follows {
		if p, err := gateway.ParsePattern(f.Topic); err == nil && r.Topic.Meets(p) {
			return true
		}
	}
	return false
}

// Offer lists transports as clients are told them, best first. Its Cheaper is what they are told under pressure: polls alone, where
// they may poll. What it points to is shared and must not be changed.
func (l *Ladder) Offer(r Rungs) *transport.Offer { return &l.offers[r&all] }

// OfferTo is Offer for a client with quirks: without what it should avoid, if something is left then.
func (l *Ladder) OfferTo(r Rungs, q Quirks) *transport.Offer {
	if left := r &^ q.Avoids(); left != 0 {
		r = left
	}
	return l.Offer(r)
}
