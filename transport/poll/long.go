package poll

import (
	"net/http"
	"strings"

	"tidings/gateway"
	"tidings/transport"
	"tidings/transport/park"
	"tidings/transport/wire"
)

// NewLong returns the transport that waits for something to answer with.
func NewLong() transport.Transport { return &long{head: NewHead()} }

type long struct {
	head  *park.Head
	terms [2][3]transport.Shared[terms] // by whether they have a place among their session's, and by coding
}

// replacedMS is when a client that still hears the answer to a poll whose place was taken should ask again. It lives from that poll while
// it tries something better, or a proxy has sent the poll twice: more often than this is not worth it.
const replacedMS = 500

// The codings of an answer: JSON, the same in gzip, and a script.
const (
	plain = iota
	inGzip
	script
)

var _ transport.Transport = (*long)(nil)

// Kind implements [transport.Transport].
func (*long) Kind() transport.Kind { return transport.LongPoll }

// Serve implements [transport.Transport].
func (l *long) Serve(x park.Exchange, f *transport.Request) (int, error) {
	a := &answer{Follower: l.termsOf(f).Follower(), held: x.Hold()}
	err := f.Follow(&a.Follower, a)
	if err != nil {
		// The gateway has closed since the request was admitted.
		a.Close(gateway.ReasonDraining, f.Start.Cursor(), nil)
	}
	a.held.Serve((*ears)(a))
	return http.StatusOK, nil
}

// terms are what held polls have in common that wait as long, for as much.
type terms struct {
	gateway.Terms
	head     *park.Head
	offer    transport.Offer
	pollMS   int
	gzip     bool
	callback string // of JSONP; empty for JSON
	shared   sharedAnswer
}

func (l *long) termsOf(f *transport.Request) *terms {
	wait, limit := max(f.Wait, 1), limitOf(f) // to the gateway a wait of 0 means for ever
	class, placed, as, head := uint8(transport.LongPoll), 0, plain, l.head
	if f.Place != nil {
		class, placed = transport.SessionPoll, 1
	}
	switch {
	case f.Callback != "":
		as, head = script, scriptHead
	case f.Compress:
		as = inGzip
	}
	return l.terms[placed][as].Get(
		func(t *terms) bool {
			return t.Wait == wait && t.MaxParts == limit && t.pollMS == f.PollMS && t.callback == f.Callback && t.offer.Equal(f.Offer)
		},
		func() *terms {
			made := &terms{
				head: head, offer: f.Offer, pollMS: f.PollMS, gzip: as == inGzip,
				callback: strings.Clone(f.Callback), // it is a piece of the request's head
				Terms: gateway.Terms{
					Format: wire.Envelope, Class: class, Wait: wait, MaxParts: limit, MaxBytes: maxBytes,
				},
			}
			made.Of = made
			return made
		},
	)
}

// answer is the gateway's side of one held poll, and all that there is of it: the first batch is the answer. The shard that owns
// the follower owns it.
type answer struct {
	gateway.Follower
	held park.Held
}

var _ gateway.Peer = (*answer)(nil)

// on returns the terms that the poll is on.
func (a *answer) on() *terms { return a.Terms().Of.(*terms) }

// Greeting implements [gateway.Peer]: nothing is said before the answer.
func (*answer) Greeting(parts [][]byte, _ gateway.Cursor) [][]byte { return parts }

// AppendNotice implements [gateway.Peer]. The gateway may gather several notices in one part, so each ends with the comma
// that has to stand between items.
func (*answer) AppendNotice(dst []byte, n gateway.Notice) ([]byte, error) {
	switch n.Kind {
	case gateway.NoticeGap, gateway.NoticeDeleted:
		return append(wire.AppendNotice(dst, n), ','), nil
	case gateway.NoticeLive, gateway.NoticePing: // the answer's own members say both
	}
	return dst, nil
}

// Write implements [gateway.Peer].
func (a *answer) Write(b *gateway.Batch) (int, error) {
	a.reply(a.on().of(b))
	return b.Bytes, gateway.ErrFinished
}

// Close implements [gateway.Peer]. A poll that is ended early has nothing to report but its position, and that is an answer
// like any other: nobody's request fails. Where its client is to come back, not all of them come at the same time.
func (a *answer) Close(reason gateway.Reason, at gateway.Cursor, _ []byte) {
	on := a.on()
	pollMS := on.pollMS
	if code, ok := transport.CodeOf(reason); ok && code.Again() {
		pollMS = transport.RetryMS()
	} else if reason == gateway.ReasonReplaced {
		pollMS = min(pollMS, replacedMS)
	}
	parts, _ := wire.Poll{Cursor: at, PollMS: pollMS, Offer: on.offer}.Parts()
	if on.callback != "" {
		parts, _ = wire.Call(on.callback, parts)
	}
	a.reply(body{parts: parts})
}

func (a *answer) reply(b body) {
	a.held.Reply(park.Reply{Head: a.on().head, Fields: b.fields, Parts: b.parts, Whole: b.whole})
}

// ears hears a connection for its follower.
type ears answer

var _ park.Handler = (*ears)(nil)

// Data implements [park.Handler]: nothing is read while an answer is awaited.
func (*ears) Data([]byte) bool { return false }

// Ready implements [park.Handler]: a poll is never written to short.
func (*ears) Ready() {}

// Gone implements [park.Handler].
func (e *ears) Gone() { e.Follower.Close(gateway.ReasonGone) }
