package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// stalledBuffer bounds what the kernel takes for a follower that does not read, which would grow to megabytes. With less than two
// segments of a loopback connection its sender would wait for timers once it reads on.
const stalledBuffer = 128 << 10

// wire is a follower's connection as the follower sees it.
type wire interface {
	write(b []byte) error
}

// What a follower waits for.
const (
	apart   = iota // it has no connection
	inHead         // the head of an answer, once it has asked
	inBody         // what follows
	refused        // what a refusal says beside its status
)

// follower is one client. Its [carrier] calls its methods, one at a time, and owns what is not said to be shared.
type follower struct {
	*crowd
	book *book
	wire wire

	stage   int
	live    bool          // this connection was answered, or will not be before there is a message
	coming  bool          // it was there before, and comes back
	wave    int64         // the last one after which it was back
	until   time.Time     // when it gives up coming back; zero: not tried yet
	backoff time.Duration // before the next attempt
	pause   time.Duration // what it wants to wait before it asks; the carrier takes it

	partial []byte // of a head that came in parts; a request is made in it too
	refusal statusError
	framing framing
	find    finder
	at      int64 // when what is being taken arrived
	tallies [phases]tally
	echoes  echoes                // of one that does not follow
	seen    [phases]atomic.Uint32 // next of the tallies, for others to see
	gap     needle
	gaps    int // stated
	sink    func([]byte)
	found   func(stamp)

	more           needle // of plain polls
	begin          []byte // of a poll's answer
	ended          bool   // the connection ends with this answer
	cursor         string // of polls
	modified, etag string // of another server's
}

func newFollower(c *crowd) *follower {
	f := &follower{crowd: c, wave: c.wave.Load()}
	f.sink, f.found = f.take, f.note
	if c.echo != nil {
		f.found = f.beginsEcho
	}
	if c.stalled != nil {
		f.gap.word = `"gap":{`
	}
	if c.Transport == "poll" {
		f.more.word = `"more":true`
	}
	return f
}

func (f *follower) take(b []byte) {
	f.find.feed(b, f.found)
	if f.echo != nil {
		f.countEchoes(len(b))
	}
	if f.gap.word != "" {
		if f.gap.feed(b); f.gap.seen {
			f.gaps++
			f.gap.reset()
		}
	}
	if f.polls() {
		f.begin = append(f.begin, b[:min(len(b), pollHead-min(pollHead, len(f.begin)))]...)
		if f.more.word != "" {
			f.more.feed(b)
		}
	}
}

// pollHead is how much of a poll's answer is kept to find its cursor in.
const pollHead = 160

// note takes account of a message.
func (f *follower) note(s stamp) {
	if s.run != f.id || s.phase >= phases {
		return
	}
	t := &f.tallies[s.phase]
	if s.phase == warming && t.next == 0 {
		f.warm.Add(1)
	}
	t.see(s.number)
	f.seen[s.phase].Store(t.next)
	f.book.delivered[s.phase].Add(1)
	f.book.latency[s.phase].Add(time.Duration(f.at - s.due))
}

func (f *follower) polls() bool { return f.Transport == "longpoll" || f.Transport == "poll" }

// connected is called when there is a new connection.
func (f *follower) connected() error {
	f.partial, f.find.kept, f.pause = f.partial[:0], 0, 0
	if f.polls() && !f.coming {
		// Nothing answers a long poll before there is a message.
		f.live = true
		f.reached.Add(1)
	}
	if f.Transport == "poll" && !f.coming {
		f.stage, f.pause = inHead, f.jitter()
		return nil
	}
	return f.ask()
}

// ask sends the request, as soon as it is known from where to follow.
func (f *follower) ask() error {
	f.stage = inHead
	since := f.cursor
	if f.coming && since == "" && f.modified == "" && f.cursors != nil {
		phase, n := f.last()
		if since = f.cursors.of(phase, n); since == "" {
			f.pause = time.Millisecond
			return nil
		}
	}
	f.partial = f.request(f.partial, since)
	err := f.wire.write(f.partial)
	f.partial = f.partial[:0]
	return err
}

// last returns the phase and the count of what came last.
func (f *follower) last() (phase int, n uint32) {
	for phase = phases - 1; phase > 0; phase-- {
		if n = f.tallies[phase].next; n > 0 {
			return phase, n
		}
	}
	return warming, f.tallies[warming].next
}

// arrived takes what the connection brought. An error ends it: [io.EOF] in order.
func (f *follower) arrived(b []byte) error {
	f.at = f.clock.now()
	for {
		switch f.stage {
		case inHead:
			a, n, whole, err := f.takeHead(b)
			if err != nil || !whole {
				return err
			}
			b = b[n:]
			if err := f.answered(a); err != nil {
				return err
			}
		case inBody, refused:
			n, done, err := f.framing.feed(b, f.sink)
			if err != nil {
				return err
			}
			b = b[n:]
			switch {
			case f.stage == refused && done:
				return f.refusedWith()
			case done && !f.polls():
				return io.EOF
			case done:
				if err := f.polled(); err != nil {
					return err
				}
			case len(b) == 0:
				return f.answerEchoes()
			}
		default:
			return errHead // nothing was asked
		}
	}
}

// takeHead returns the head of an answer and how much of b belongs to it. What comes in parts is kept.
func (f *follower) takeHead(b []byte) (a answer, n int, whole bool, err error) {
	head := b
	if len(f.partial) > 0 {
		f.partial = append(f.partial, b...)
		head = f.partial
	}
	i := bytes.Index(head, headEnd)
	if i < 0 {
		if len(head) > maxHead {
			return a, 0, false, errHead
		}
		if len(f.partial) == 0 {
			f.partial = append(f.partial, b...)
		}
		return a, 0, false, nil
	}
	a, err = parseHead(head[:i+2], f.Plain && f.polls())
	n = len(b) - (len(head) - i - len(headEnd))
	f.partial = f.partial[:0]
	return a, n, true, err
}

// answered takes the head of an answer.
func (f *follower) answered(a answer) error {
	want := http.StatusOK
	f.framing, f.ended = a.framing(), a.close
	if f.Transport == "websocket" {
		want = http.StatusSwitchingProtocols
	}
	switch {
	case a.status == want:
	case f.polls() && (a.status == http.StatusNoContent || a.status == http.StatusNotModified || a.status == http.StatusRequestTimeout):
	default:
		f.stage, f.refusal = refused, statusError{status: a.status}
		f.sink = func(b []byte) {
			f.refusal.detail += string(b[:min(len(b), 300-min(300, len(f.refusal.detail)))])
		}
		if a.length < 0 && !a.chunked {
			return f.refusedWith()
		}
		return nil
	}
	if f.Transport == "websocket" {
		f.framing = framing{kind: webSocket, pong: f.pong}
	}
	f.stage = inBody
	f.begin = f.begin[:0]
	f.more.reset()
	if a.modified != "" {
		f.modified, f.etag = a.modified, a.etag
	}
	if f.coming {
		f.coming, f.live = false, true
		f.reconnects.Add(1)
	}
	if !f.live {
		f.live = true
		f.reached.Add(1)
	}
	if wave := f.crowd.wave.Load(); f.wave != wave {
		f.wave = wave
		f.back.Add(1)
	}
	if f.echo != nil {
		f.echoes.owed = f.echo.depth
	}
	return nil
}

// refusedWith ends a connection that the server did not want.
func (f *follower) refusedWith() error {
	f.sink = f.take
	e := f.refusal
	return &e
}

// gone says why a connection ended that broke with err: a refusal need not say how long it is.
func (f *follower) gone(err error) error {
	if f.stage == refused {
		return f.refusedWith()
	}
	return err
}

func (f *follower) pong(payload []byte) { _ = f.wire.write(pongFrame(payload)) } // reading tells if it is cut

// polled is called at the end of a poll's answer, and asks from there, now or after a pause.
func (f *follower) polled() error {
	if cursor := cursorIn(f.begin, "cursor"); cursor != "" && !f.Plain {
		f.cursor = cursor
	}
	if f.ended {
		return io.EOF
	}
	f.stage = inHead
	if f.Transport == "poll" && !f.more.seen {
		f.pause = f.PollPace
		return nil
	}
	return f.ask()
}

// The pauses between attempts to come back.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = time.Second
)

// lost says what becomes of a follower whose connection ended or did not come about: it tries again after a pause, or not.
func (f *follower) lost(err error) (pause time.Duration, again bool) {
	f.sink = f.take
	was := f.live
	f.stage, f.live, f.pause = apart, false, 0
	switch {
	case f.ctx.Err() != nil:
		return 0, false
	case was:
		f.cut.Add(1)
		if f.returns.Load() {
			f.leave()
			return 0, true
		}
		if errors.Is(err, ErrRefused) {
			f.fail(err)
		}
		return 0, false
	case !f.coming:
		f.fail(err)
		return 0, false
	}
	if f.until.IsZero() {
		f.until = time.Now().Add(max(f.Patience, dialTime))
	}
	if time.Now().After(f.until) {
		f.fail(err)
		return 0, false
	}
	pause = f.backoff
	f.backoff = min(2*pause, lastPause)
	return pause, true
}

// leave is called when the connection was severed on this side, or was lost and is to be made again.
func (f *follower) leave() {
	f.sink = f.take
	f.stage, f.live, f.coming, f.pause = apart, false, true, 0
	f.until, f.backoff = time.Time{}, firstPause
}

var upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

var accepts = map[string]string{"sse": "text/event-stream", "stream": "application/x-ndjson"}

// asking is what the requests of a crowd have in common: what comes before a cursor, and after it.
type asking struct{ head, tail []byte }

func (c *crowd) asking() asking {
	var a asking
	if !c.Plain {
		a.head = fmt.Appendf(nil, "GET %s?transport=%s", c.follow.topicPath(c.Topic), c.Transport)
		if c.Transport == "longpoll" {
			a.head = append(a.head, "&wait=55"...)
		}
		if c.wrap && c.Transport != "longpoll" && c.Transport != "poll" {
			a.head = append(a.head, "&wrap=1"...)
		}
		a.head = append(a.head, "&since="...)
	} else {
		a.head = fmt.Appendf(nil, "GET %s", c.follow.request())
	}
	a.tail = fmt.Appendf(nil, " HTTP/1.1\r\nHost: %s\r\n", c.follow.host)
	switch {
	case c.Transport == "websocket":
		a.tail = append(a.tail, upgrade...)
	case accepts[c.Transport] != "":
		a.tail = fmt.Appendf(a.tail, "Accept: %s\r\n", accepts[c.Transport])
	}
	return a
}

// request appends the request to follow from a cursor; where that is "", from now.
func (f *follower) request(b []byte, since string) []byte {
	b = append(b, f.asked.head...)
	switch {
	case !f.Plain && since == "":
		b = append(b, "now"...)
	case !f.Plain:
		b = append(b, since...)
	case since != "" && f.ResumeArgument != "" && f.Transport != "sse":
		mark := byte('?')
		if f.follow.url.RawQuery != "" {
			mark = '&'
		}
		b = append(b, mark)
		b = append(b, f.ResumeArgument...)
		b = append(append(b, '='), since...)
	}
	b = append(b, f.asked.tail...)
	if f.Plain && since != "" && f.Transport == "sse" {
		b = append(append(append(b, "Last-Event-ID: "...), since...), "\r\n"...)
	}
	if f.modified != "" {
		b = append(append(append(b, "If-Modified-Since: "...), f.modified...), "\r\n"...)
	}
	if f.etag != "" {
		b = append(append(append(b, "If-None-Match: "...), f.etag...), "\r\n"...)
	}
	return append(b, "\r\n"...)
}
