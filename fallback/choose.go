package fallback

import (
	"fmt"
	"strings"

	"tidings/transport"
)

// Cause says what in a request chose its transport.
type Cause uint8

// The causes, in the order in which they decide.
const (
	ByParameter Cause = iota // transport=
	ByUpgrade                // Upgrade: websocket
	ByAccept                 // a telling Accept
	ByWait                   // wait=
	ByDefault                // nothing of all that
)

// Causes lists all causes, in the order in which they decide.
var Causes = [...]Cause{ByParameter, ByUpgrade, ByAccept, ByWait, ByDefault}

var causeNames = [...]string{"parameter", "upgrade", "accept", "wait", "default"}

// String returns the cause's name as it is written in metrics.
func (c Cause) String() string { return causeNames[c] }

// Wish is what a request says about how it wants to be served.
type Wish struct {
	Transport string // the parameter; empty if there is none
	Upgrade   bool   // it asks for an upgrade to WebSocket
	Accept    string // all Accept fields, joined by commas
	Wait      bool   // it asks for a poll to be held
}

// Choice is the transport that serves a request.
type Choice struct {
	Kind   transport.Kind
	Cause  Cause
	Format string // for a stream: the media type to answer with
}

// NDJSON is the media type of a stream that nobody asked to be something else.
const NDJSON = "application/x-ndjson"

// HTML is the media type of a stream that is a document in a frame of a page: transport=iframe. It is nothing that an Accept asks for,
// since browsers name it with every document.
const HTML = "text/html"

// Iframe is the name of that stream.
const Iframe = "iframe"

// UnknownError is returned for a transport that does not exist.
type UnknownError struct{ Name string }

// Error lists the transports that exist.
func (e *UnknownError) Error() string {
	_, err := transport.ParseKind(e.Name)
	return fmt.Sprint(err)
}

// OffError is returned for a transport that is switched off, for everybody or by a rule.
type OffError struct {
	Kind  transport.Kind
	Offer *transport.Offer // what is left
	on    bool             // for others
}

// Error names the transport and what is left.
func (e *OffError) Error() string {
	state := "switched off"
	if e.on {
		state = "not for this client, or not for these topics"
	}
	if len(e.Offer.Transports) == 0 {
		return "no transport is allowed for all that is to be followed: follow it in parts"
	}
	return fmt.Sprintf("the transport %s is %s; there are: %s", e.Kind, state, strings.Join(e.Offer.Transports, ", "))
}

// Choose picks the transport that serves a request, among those that it may use. It fails with an [UnknownError] or an
// [OffError]; Choice.Kind is that of the transport that was asked for in the latter case too.
func (l *Ladder) Choose(w Wish, among Rungs) (Choice, error) {
	c, err := wanted(w, among)
	if err == nil && !among.Has(c.Kind) {
		err = &OffError{Kind: c.Kind, Offer: l.Offer(among), on: l.on.Has(c.Kind)}
	}
	return c, err
}

func wanted(w Wish, among Rungs) (Choice, error) {
	if w.Transport == Iframe {
		return Choice{Kind: transport.Stream, Cause: ByParameter, Format: HTML}, nil
	}
	if w.Transport != "" {
		kind, err := transport.ParseKind(w.Transport)
		if err != nil {
			return Choice{Kind: transport.Poll}, &UnknownError{Name: w.Transport}
		}
		c := Choice{Kind: kind, Cause: ByParameter}
		if kind == transport.Stream {
			c.Format = NDJSON
			for _, t := range telling(w.Accept) {
				if t.kind == transport.Stream {
					c.Format = t.format
					break
				}
			}
		}
		return c, nil
	}
	if w.Upgrade {
		return Choice{Kind: transport.WebSocket, Cause: ByUpgrade}, nil
	}
	if best, ok := best(telling(w.Accept), among); ok && best.kind != transport.Poll {
		return Choice{Kind: best.kind, Cause: ByAccept, Format: best.format}, nil
	}
	if w.Wait {
		return Choice{Kind: transport.LongPoll, Cause: ByWait}, nil
	}
	return Choice{Kind: transport.Poll, Cause: ByDefault}, nil
}

// best is the first that may be used, or else the first: the refusal is to name it.
func best(ranges []mediaRange, among Rungs) (mediaRange, bool) {
	for _, r := range ranges {
		if among.Has(r.kind) {
			return r, true
		}
	}
	if len(ranges) == 0 {
		return mediaRange{}, false
	}
	return ranges[0], true
}
