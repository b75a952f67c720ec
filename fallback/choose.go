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

// OffError is returned for a transport that is switched off.
type OffError struct {
	Kind       transport.Kind
	Transports []string // what is left, best first
}

// Error names the transport and what is left.
func (e *OffError) Error() string {
	return fmt.Sprintf("the transport %s is switched off; there are: %s", e.Kind, strings.Join(e.Transports, ", "))
}

// Choose picks the transport that serves a request. It fails with an [UnknownError] or an [OffError]; Choice.Kind is that
// of the transport that was asked for in the latter case too.
func (l *Ladder) Choose(w Wish) (Choice, error) {
	c, err := l.wanted(w)
	if err == nil && !l.on[c.Kind] {
		err = &OffError{Kind: c.Kind, Transports: l.names}
	}
	return c, err
}

func (l *Ladder) wanted(w Wish) (Choice, error) {
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
	if best, ok := l.best(telling(w.Accept)); ok && best.kind != transport.Poll {
		return Choice{Kind: best.kind, Cause: ByAccept, Format: best.format}, nil
	}
	if w.Wait {
		return Choice{Kind: transport.LongPoll, Cause: ByWait}, nil
	}
	return Choice{Kind: transport.Poll, Cause: ByDefault}, nil
}

// best is the first that is switched on, or else the first: the refusal is to name it.
func (l *Ladder) best(ranges []mediaRange) (mediaRange, bool) {
	for _, r := range ranges {
		if l.on[r.kind] {
			return r, true
		}
	}
	if len(ranges) == 0 {
		return mediaRange{}, false
	}
	return ranges[0], true
}
