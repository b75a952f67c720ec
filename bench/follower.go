package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// stalledBuffer bounds what the kernel takes for a follower that does not read, which would grow to megabytes. With less than two
// segments of a loopback connection its sender would wait for timers once it reads on.
const stalledBuffer = 128 << 10

// follower is one client. Its goroutine owns what is not said to be shared.
type follower struct {
	*crowd
	mu   sync.Mutex
	conn net.Conn // guarded by mu

	in      *reader
	framing framing
	find    finder
	at      int64 // when what is being taken arrived
	tallies [phases]tally
	seen    [phases]atomic.Uint32 // next of the tallies, for others to see
	gap     needle
	gaps    int // stated
	sink    func([]byte)
	found   func(stamp)

	cursor         string // of polls
	modified, etag string // of another server's
	ask            []byte
}

func newFollower(c *crowd) *follower {
	f := &follower{crowd: c}
	f.in = newReader(nil, c.buffer)
	f.sink, f.found = f.take, f.note
	if c.stalled != nil {
		f.gap.word = `"gap":{`
	}
	return f
}

func (f *follower) take(b []byte) {
	f.find.feed(b, f.found)
	if f.gap.word != "" {
		if f.gap.feed(b); f.gap.seen {
			f.gaps++
			f.gap.reset()
		}
	}
}

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
	f.delivered[s.phase].Add(1)
	f.latency[s.phase].Add(time.Duration(f.at - s.due))
}

// open connects, and asks to follow from since; where that is "", from now. When it returns the server has answered, except
// to polls.
func (f *follower) open(since string) error {
	c, err := f.follow.dial(f.ctx)
	if err != nil {
		return err
	}
	if t, ok := c.(*net.TCPConn); ok && f.stalled != nil {
		if err := t.SetReadBuffer(stalledBuffer); err != nil {
			c.Close()
			return err
		}
	}
	f.mu.Lock()
	f.conn = c
	err = f.ctx.Err() // who ends the run severs what there is, and that is this only from here on
	f.mu.Unlock()
	if err != nil {
		c.Close()
		return err
	}
	f.in.from, f.in.r, f.in.w = c, 0, 0
	f.find.kept = 0
	if f.polls() {
		f.reached.Add(1)
		if since != "" {
			f.cursor = since
		}
		if f.Transport == "poll" {
			return nil
		}
		return f.write(f.request(f.cursor))
	}
	_ = c.SetReadDeadline(time.Now().Add(dialTime)) // a plain connection takes it
	if err := f.handshake(c, since); err != nil {
		c.Close()
		return err
	}
	_ = c.SetReadDeadline(time.Time{})
	f.reached.Add(1)
	return nil
}

func (f *follower) polls() bool { return f.Transport == "longpoll" || f.Transport == "poll" }

// sever ends the connection as a cut wire does.
func (f *follower) sever() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conn != nil {
		sever(f.conn)
	}
}

func (f *follower) write(b []byte) error {
	_, err := f.in.from.(net.Conn).Write(b)
	return err
}

var upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

var accepts = map[string]string{"sse": "text/event-stream", "stream": "application/x-ndjson"}

// request returns the request to follow from a cursor.
func (f *follower) request(since string) []byte {
	b := append(f.ask[:0], "GET "...)
	if f.Plain {
		b = append(b, f.follow.request()...)
	} else {
		if since == "" {
			since = "now"
		}
		b = append(b, f.follow.topicPath(f.Topic)...)
		b = fmt.Appendf(b, "?transport=%s&since=%s", f.Transport, since)
		if f.Transport == "longpoll" {
			b = append(b, "&wait=55"...)
		}
		if f.wrap && !f.polls() {
			b = append(b, "&wrap=1"...)
		}
	}
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, f.follow.host...)
	b = append(b, "\r\n"...)
	switch {
	case f.Transport == "websocket":
		b = append(b, upgrade...)
	case accepts[f.Transport] != "":
		b = fmt.Appendf(b, "Accept: %s\r\n", accepts[f.Transport])
	}
	if f.modified != "" {
		b = fmt.Appendf(b, "If-Modified-Since: %s\r\n", f.modified)
	}
	if f.etag != "" {
		b = fmt.Appendf(b, "If-None-Match: %s\r\n", f.etag)
	}
	f.ask = append(b, "\r\n"...)
	return f.ask
}

func (f *follower) handshake(c net.Conn, since string) error {
	if err := f.write(f.request(since)); err != nil {
		return err
	}
	a, err := f.in.head(false)
	if err != nil {
		return err
	}
	want := http.StatusOK
	f.framing = a.framing()
	if f.Transport == "websocket" {
		want = http.StatusSwitchingProtocols
		f.framing = framing{kind: webSocket, pong: func(b []byte) { _, _ = c.Write(pongFrame(b)) }} // reading tells if it is cut
	}
	if a.status != want {
		return f.in.refusal(a)
	}
	f.ask = nil // it is not asked again soon
	return nil
}

// live reads until the run ends. Who is cut comes back where that is wanted.
func (f *follower) live() {
	if f.stalled != nil {
		select {
		case <-f.stalled:
		case <-f.ctx.Done():
			return
		}
	}
	for {
		err := f.read()
		if f.ctx.Err() != nil {
			return
		}
		if !f.returns.Load() {
			f.cut.Add(1)
			if errors.Is(err, ErrRefused) {
				f.fail(err)
			}
			return
		}
		f.sever() // it may have been ended by the other side
		if err := f.again(); err != nil {
			f.fail(err)
			return
		}
		f.back.Add(1)
	}
}

// The pauses between attempts to come back.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = time.Second
)

// again connects with the cursor of the last message, until it succeeds or Patience is over.
func (f *follower) again() error {
	since := f.cursor
	if since == "" {
		var err error
		if since, err = f.lastCursor(); err != nil {
			return err
		}
	}
	until := time.Now().Add(max(f.Patience, dialTime))
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		f.dialling <- struct{}{}
		err := f.open(since)
		<-f.dialling
		if err == nil || time.Now().After(until) {
			return err
		}
		if err := sleep(f.ctx, pause); err != nil {
			return err
		}
	}
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

func (f *follower) read() error {
	if f.polls() {
		return f.poll()
	}
	for {
		part, err := f.in.next()
		if err != nil {
			return err
		}
		f.at = f.clock.now()
		n, done, err := f.framing.feed(part, f.sink)
		f.in.advance(n)
		if err != nil {
			return err
		}
		if done {
			return io.EOF
		}
	}
}

// poll asks again and again, from where the last answer ended.
func (f *follower) poll() error {
	held := f.Transport == "longpoll"
	more := needle{word: `"more":true`}
	if !held {
		if err := sleep(f.ctx, f.jitter()); err != nil {
			return err
		}
	}
	for asked := held; ; asked = false {
		if !asked {
			if err := f.write(f.request(f.cursor)); err != nil {
				return err
			}
		}
		a, err := f.in.head(f.Plain)
		if err != nil {
			return err
		}
		switch a.status {
		case http.StatusOK, http.StatusNoContent, http.StatusNotModified, http.StatusRequestTimeout:
		default:
			return f.in.refusal(a)
		}
		f.at = f.clock.now()
		var begin []byte
		more.reset()
		err = f.in.body(a, func(b []byte) {
			begin = append(begin, b[:min(len(b), 160-min(160, len(begin)))]...)
			more.feed(b)
			f.take(b)
		})
		if err != nil {
			return err
		}
		if cursor := cursorIn(begin); cursor != "" && !f.Plain {
			f.cursor = cursor
		}
		if a.modified != "" {
			f.modified, f.etag = a.modified, a.etag
		}
		if a.close {
			return io.EOF
		}
		if !held && !more.seen {
			if err := sleep(f.ctx, f.PollPace); err != nil {
				return err
			}
		}
	}
}

// cursorIn returns the cursor in the begin of a poll's answer or a receipt.
func cursorIn(b []byte) string {
	_, rest, _ := bytes.Cut(b, []byte(`"cursor":"`))
	cursor, _, whole := bytes.Cut(rest, []byte(`"`))
	if !whole {
		return ""
	}
	return string(cursor)
}

// cursors are those of what was published, from the receipts. So a client's cursor is known on every transport without taking
// apart what it got.
type cursors struct {
	mu    sync.Mutex
	epoch string           // guarded by mu
	seqs  [phases][]uint64 // guarded by mu
}

func (c *cursors) add(phase int, cursor string) {
	epoch, last, _ := strings.Cut(cursor, "-")
	seq, err := strconv.ParseUint(last, 10, 64)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch = epoch
	c.seqs[phase] = append(c.seqs[phase], seq)
}

// of returns the cursor of the n-th message of a phase, counted from 1, when it is known: a follower may have the message before
// the publisher has its receipt.
func (c *cursors) of(ctx context.Context, phase int, n uint32) (string, error) {
	for {
		if cursor := c.known(phase, n); cursor != "" {
			return cursor, nil
		}
		if err := sleep(ctx, time.Millisecond); err != nil {
			return "", err
		}
	}
}

func (c *cursors) known(phase int, n uint32) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if seqs := c.seqs[phase]; n > 0 && int(n) <= len(seqs) {
		return fmt.Sprintf("%s-%d", c.epoch, seqs[n-1])
	}
	return ""
}

// lastCursor returns the cursor of what this follower got last.
func (f *follower) lastCursor() (string, error) {
	phase, n := f.last()
	return f.cursors.of(f.ctx, phase, n)
}
