package moves

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"tidings/client"
	"tidings/gateway"
	"tidings/transport"
)

// follower is a user of the client who moves its follow between transports: a new one begins at the cursor, and what both bring
// is taken once, by the seq in its topic.
type follower struct {
	t      *testing.T
	name   string
	client *client.Client
	http   *http.Client // its
	topics []string
	begin  int  // place in transport.Kinds to begin at
	starts int  // of follows so far
	first  bool // the new one speaks before the old one ends

	mu     sync.Mutex
	cursor string               // of the last message taken; guarded by mu, as the rest
	seen   map[string]seen      // by topic
	by     map[string]int       // transport → messages taken
	left   int                  // messages still to come
	breaks []string             // connections that ended by themselves
	done   chan struct{}        // closed when left is 0
	wrong  func(string, ...any) // reports, and ends the test
}

// seen is what a follower has of a topic.
type seen struct {
	seq    uint64
	number int // of messages
}

// wants tells which topics a follower gets.
func (f *follower) wants(topic string) bool {
	for _, text := range f.topics {
		p, err := gateway.ParsePattern(text)
		if err != nil {
			f.t.Fatal(err)
		}
		if p.Match(topic) {
			return true
		}
	}
	return false
}

// running is a follow by one transport.
type running struct {
	speaks chan struct{} // closed when the gateway has spoken
	end    context.CancelFunc
	ended  chan struct{}
}

// start begins to follow by the next transport, at the cursor.
func (f *follower) start(ctx context.Context) *running {
	f.mu.Lock()
	since := f.cursor
	f.mu.Unlock()
	if since == "" {
		since = "all"
	}
	kind := transport.Kinds[(f.begin+f.starts)%len(transport.Kinds)].String()
	f.starts++
	ctx, end := context.WithCancel(ctx)
	r := &running{speaks: make(chan struct{}), end: end, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		spoke := false
		for e, err := range f.client.Follow(ctx, client.FollowOptions{Topics: f.topics, Since: since, Transport: kind}) {
			if err != nil && ctx.Err() == nil {
				f.wrong("%s by %s: %v", f.name, kind, err)
			}
			if err != nil {
				return
			}
			if e.State != nil && e.State.Connected && !spoke {
				spoke = true
				close(r.speaks)
			}
			f.take(e, kind)
		}
	}()
	return r
}

// take takes an event, whichever of two follows brought it.
func (f *follower) take(e client.Event, kind string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case e.Gap != nil:
		f.wrong("%s by %s: gap %+v", f.name, kind, *e.Gap)
	case e.State != nil && e.State.Err != nil:
		f.breaks = append(f.breaks, fmt.Sprintf("%s: %v", kind, e.State.Err))
	case e.Message != nil:
		m := e.Message
		had := f.seen[m.Topic]
		if m.Seq <= had.seq {
			return // the other one was faster
		}
		if number := strconv.Itoa(had.number + 1); string(m.Data) != number || m.Prev != had.seq {
			f.wrong("%s by %s: %s: message %s with seq %d and prev %d came after message %d with seq %d",
				f.name, kind, m.Topic, m.Data, m.Seq, m.Prev, had.number, had.seq)
			return
		}
		f.seen[m.Topic] = seen{seq: m.Seq, number: had.number + 1}
		f.cursor = m.Cursor
		f.by[kind]++
		if f.left--; f.left == 0 {
			close(f.done)
		}
		if f.left < 0 {
			f.wrong("%s by %s: more than was published: %+v", f.name, kind, m)
		}
	}
}

// move goes from transport to transport until everything has come. It closes begun when it follows.
func (f *follower) move(ctx context.Context, begun chan<- struct{}) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	old := f.start(ctx)
	defer func() {
		old.end()
		<-old.ended
		f.http.CloseIdleConnections() // one that was never used keeps a server from stopping for 5 s
	}()
	select {
	case <-old.speaks:
		close(begun)
	case <-ctx.Done():
		return
	}
	for {
		select {
		case <-tick.C:
		case <-f.done:
			return
		case <-ctx.Done():
			return
		}
		if !f.first {
			old.end()
			<-old.ended
		}
		next := f.start(ctx)
		select {
		case <-next.speaks:
		case <-next.ended:
		}
		old.end()
		<-old.ended
		old = next
	}
}

func newFollower(t *testing.T, url string, i int, topics []string) *follower {
	own := &http.Client{Transport: &http.Transport{}}
	c, err := client.New(url, client.Options{HTTPClient: own})
	if err != nil {
		t.Fatal(err)
	}
	return &follower{
		t: t, name: fmt.Sprintf("follower %d of %v", i, topics), client: c, http: own, topics: topics, begin: i, first: i%4 != 3,
		seen: map[string]seen{}, by: map[string]int{}, done: make(chan struct{}),
	}
}
