package poll

import (
	"net/http"

	"tidings/gateway"
	"tidings/transport"
	"tidings/transport/park"
	"tidings/transport/wire"
)

// NewLong returns the transport that waits for something to answer with.
func NewLong() transport.Transport { return long{} }

type long struct{}

var _ transport.Transport = long{}

// Kind implements [transport.Transport].
func (long) Kind() transport.Kind { return transport.LongPoll }

// Serve implements [transport.Transport].
func (long) Serve(w http.ResponseWriter, r *http.Request, f *transport.Request) error {
	held := park.Hold(w, r)
	a := &answer{held: held, offer: f.Offer, pollMS: f.PollMS}
	follower := new(gateway.Follower)
	err := f.Gateway.Follow(follower, gateway.FollowOptions{Start: f.Start, Peer: a, Terms: &gateway.Terms{
		Format: wire.Envelope, Class: uint8(transport.LongPoll),
		Wait:     max(f.Wait, 1), // to the gateway 0 means for ever
		MaxParts: limitOf(f), MaxBytes: maxBytes,
	}})
	if err != nil {
		// The gateway has closed since the request was admitted.
		a.Close(gateway.ReasonDraining, f.Start.Cursor(), nil)
	}
	held.Serve(ears{follower})
	return nil
}

// answer is the gateway's side of one held poll: the first batch is the answer. The shard that owns the follower owns it.
type answer struct {
	held   park.Held
	offer  transport.Offer
	pollMS int
}

var _ gateway.Peer = (*answer)(nil)

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
	items := make([][]byte, 0, len(b.Parts))
	for _, part := range b.Parts {
		if last := len(part) - 1; last >= 0 && part[last] == ',' {
			part = part[:last]
		}
		if len(part) > 0 {
			items = append(items, part)
		}
	}
	a.send(wire.Poll{Cursor: b.Cursor, Items: items, More: b.More, PollMS: a.pollMS, Offer: a.offer})
	return b.Bytes, gateway.ErrFinished
}

// Close implements [gateway.Peer]. A poll that is ended early has nothing to report but its position, and that is an answer
// like any other: nobody's request fails. Where its client is to come back, not all of them come at the same time.
func (a *answer) Close(reason gateway.Reason, at gateway.Cursor, _ []byte) {
	pollMS := a.pollMS
	if code, ok := transport.CodeOf(reason); ok && code.Again() {
		pollMS = transport.RetryMS()
	}
	a.send(wire.Poll{Cursor: at, PollMS: pollMS, Offer: a.offer})
}

func (a *answer) send(p wire.Poll) {
	parts, _ := p.Parts()
	a.held.Answer(fieldsOf("no-store"), parts)
}

// ears hears the connection for the follower; nil once the poll was answered before it began.
type ears struct{ follower *gateway.Follower }

var _ park.Handler = ears{}

// Data implements [park.Handler]: whoever sends before the answer is there is not heard.
func (ears) Data([]byte) error { return nil }

// Ready implements [park.Handler]: a poll is never written to short.
func (ears) Ready() {}

// Gone implements [park.Handler].
func (e ears) Gone() {
	if e.follower != nil {
		e.follower.Close(gateway.ReasonGone)
	}
}
