package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"tidings/gateway/journal/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lineFormat writes a message as one line of JSON.
var lineFormat = &Format{Name: "line", Append: func(dst []byte, m *Message) []byte {
	line, _ := json.Marshal(line{Kind: kindOf(m), Topic: m.Topic, Seq: m.Seq, Prev: m.Prev, Latest: m.Latest, Data: string(m.Data)})
	return append(append(dst, line...), '\n')
}}

func kindOf(m *Message) string {
	if m.Deleted {
		return "deleted"
	}
	return "message"
}

// line is what a linePeer's client reads.
type line struct {
	Kind   string // message, deleted, gap, live, ping, bye, reply
	Topic  string
	Seq    uint64 // of a message; the end of a gap; the position of live and ping
	Prev   uint64
	From   uint64
	Reason string
	Latest bool
	Key    string `json:",omitempty"`
	Data   string
}

// linePeer is a client in memory: it has room for so many bytes, and its test reads what arrived.
type linePeer struct {
	mu     sync.Mutex
	room   int // how many bytes it takes; -1 for any number
	got    bytes.Buffer
	closed Reason
	at     Cursor
	rawGap bool // it cannot be told of gaps
	polls  bool // it finishes with its first batch
	polled *Batch

	greeting string
}

// begin makes a follower for a peer that reads lines, if the terms do not say otherwise.
func begin(g *Gateway, start *Start, p Peer, t Terms) (*Follower, error) {
	if t.Format == nil {
		t.Format = lineFormat
	}
	f := new(Follower)
	return f, g.Follow(f, FollowOptions{Start: start, Peer: p, Terms: &t})
}

func newLinePeer() *linePeer { return &linePeer{room: -1} }

func (p *linePeer) Greeting(parts [][]byte, _ Cursor) [][]byte {
	if p.greeting != "" {
		parts = append(parts, []byte(p.greeting))
	}
	return parts
}

func (p *linePeer) AppendNotice(dst []byte, n Notice) ([]byte, error) {
	l := line{Topic: n.Topic, Seq: n.Cursor.Seq}
	switch n.Kind {
	case NoticeGap:
		if p.rawGap {
			return dst, errors.New("no gaps here")
		}
		l.Kind, l.From, l.Seq, l.Reason = "gap", n.From, n.To, string(n.Reason)
	case NoticeLive:
		l.Kind = "live"
	case NoticePing:
		l.Kind = "ping"
	}
	out, _ := json.Marshal(l)
	return append(append(dst, out...), '\n'), nil
}

func (p *linePeer) Write(b *Batch) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, part := range b.Parts {
		if p.room >= 0 {
			part = part[:min(len(part), p.room)]
			p.room -= len(part)
		}
		p.got.Write(part)
		n += len(part)
	}
	if p.polls {
		p.polled = &Batch{Cursor: b.Cursor, More: b.More, Bytes: b.Bytes}
		return n, ErrFinished
	}
	return n, nil
}

func (p *linePeer) Close(reason Reason, at Cursor, rest []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got.Write(rest)
	p.closed, p.at = reason, at
}

// end returns with what reason and where the gateway closed the peer.
func (p *linePeer) end() (Reason, uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed, p.at.Seq
}

// answer returns the batch that a polling peer was answered with, or nil.
func (p *linePeer) answer() *Batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.polled
}

// setRoom says how many more bytes the peer takes.
func (p *linePeer) setRoom(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.room = n
}

// lines returns what has arrived whole so far.
func (p *linePeer) lines(t testing.TB) (out []line) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for text := range strings.SplitAfterSeq(p.got.String(), "\n") {
		if !strings.HasSuffix(text, "\n") {
			break
		}
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		out = append(out, l)
	}
	return out
}

// text says what lines are, one word each.
func text(lines []line) string {
	var words []string
	for _, l := range lines {
		switch l.Kind {
		case "message":
			words = append(words, l.Data)
		case "gap":
			words = append(words, fmt.Sprintf("gap(%s,%d-%d,%s)", l.Topic, l.From, l.Seq, l.Reason))
		default:
			words = append(words, fmt.Sprintf("%s(%s%d)", l.Kind, l.Topic, l.Seq))
		}
	}
	return strings.Join(words, " ")
}

func draft(topic, data string) Draft { return Draft{Topic: topic, Data: []byte(data)} }

// gate is a peer whose Write blocks while it is shut: it holds its shard still.
type gate struct {
	*linePeer
	in, out chan struct{}
}

func (p *gate) Write(b *Batch) (int, error) {
	p.in <- struct{}{}
	<-p.out
	return p.linePeer.Write(b)
}

func newGateway(t testing.TB, o Options) *Gateway {
	t.Helper()
	if o.Journal == nil {
		o.Journal = memory.New()
	}
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// settle waits until every shard has walked all there is and has nothing left to do.
func settle(t testing.TB, g *Gateway) {
	t.Helper()
	for {
		idle := true
		for _, s := range g.shards {
			idle = idle && s.asleep.Load() && !s.unheard()
		}
		if idle {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal("the shards do not come to rest")
		}
		runtime.Gosched()
	}
}

// followers returns all followers of a shard that rests.
func (s *shard) followers() (all []*Follower) {
	for i := range s.wheel.slots {
		for n := range s.wheel.slots[i].len() {
			all = append(all, *s.wheel.slots[i].at(n))
		}
	}
	return all
}

// unheard reports whether something waits for the shard that it has not been roused for.
func (s *shard) unheard() bool {
	s.inboxMu.Lock()
	defer s.inboxMu.Unlock()
	return len(s.inbox) > 0 || s.walked.Load() < s.gateway.history.head.Load()
}

func publish(t testing.TB, g *Gateway, topic, data string) uint64 {
	t.Helper()
	r, err := g.Publish(t.Context(), Draft{Topic: topic, Data: []byte(data)})
	if err != nil {
		t.Fatal(err)
	}
	return r.Cursor.Seq
}

func follows(t testing.TB, g *Gateway, since string, patterns ...string) (out []Follow) {
	t.Helper()
	for _, text := range patterns {
		p, err := ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		s, err := parseSinceIn(g, since)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, Follow{Pattern: p, Since: s})
	}
	return out
}

func follow(t testing.TB, g *Gateway, p *linePeer, since string, patterns ...string) *Follower {
	t.Helper()
	start, err := g.Start(follows(t, g, since, patterns...))
	if err != nil {
		t.Fatal(err)
	}
	f, err := begin(g, start, p, Terms{Live: true})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func read(t testing.TB, g *Gateway, since string, patterns ...string) string {
	t.Helper()
	start, err := g.Start(follows(t, g, since, patterns...))
	if err != nil {
		t.Fatal(err)
	}
	page := g.Read(start, 1000, 1<<20)
	return text(pageLines(page))
}

func pageLines(page Page) (out []line) {
	for _, item := range page.Items {
		if m := item.Message; m != nil {
			out = append(out, line{Kind: kindOf(m), Topic: m.Topic, Seq: m.Seq, Prev: m.Prev, Latest: m.Latest, Data: string(m.Data)})
			continue
		}
		n := item.Notice
		out = append(out, line{Kind: "gap", Topic: n.Topic, From: n.From, Seq: n.To, Reason: string(n.Reason)})
	}
	return out
}
