package transport

import (
	"math/rand/v2"
	"time"

	"tidings/gateway"
)

// The bounds of the time after which a client should come back. It differs from client to client, for the gateway often
// closes many at once.
const (
	retrySoonest = 500 * time.Millisecond
	retryLatest  = 3 * time.Second
)

// RetryMS returns in how many milliseconds one client should come back: another number each time.
func RetryMS() int { return int((retrySoonest + rand.N(retryLatest-retrySoonest)).Milliseconds()) }

// ByeFor returns what a client is told when its follower ends; ok is false where it is told nothing.
func ByeFor(reason gateway.Reason, offer Offer) (bye Bye, ok bool) {
	code, ok := CodeOf(reason)
	if !ok {
		return Bye{}, false
	}
	bye = Bye{Code: code, Reason: string(reason)}
	if code.Again() {
		bye.RetryMS = RetryMS()
	}
	if reason == gateway.ReasonPressure && offer.Cheaper != nil {
		offer = *offer.Cheaper
	}
	if len(offer.Transports) > 0 {
		bye.Offer = &offer
	}
	return bye, true
}
