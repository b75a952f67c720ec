package moves

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tidings/gateway"
	"tidings/server"
	"tidings/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// followed is what the followers follow, in turn: names, patterns, both, and both of the same topic.
var followed = [][]string{
	{"**"},
	{"a/*"},
	{"a/1", "a/3", "b/2"},
	{"b/2", "a/*"},
	{"a/1"},
	{"b/*", "a/**"},
	{"a/*", "a/1"},
}

const (
	followers = 20
	each      = 500 // messages per topic, within what is retained: a gap would be a mistake
	between   = 10 * time.Millisecond
)

// TestMovedFollowersGetEverythingOnce moves 20 followers from one transport to the next every 200 ms, while ten topics get
// 1,000 messages a second together for 5 s. Each has to get every message of its topics once and in order.
func TestMovedFollowersGetEverythingOnce(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	s, err := server.New(server.Options{PollInterval: 100 * time.Millisecond, NoBoard: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	stop, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	serving.Go(func() {
		if err := s.Serve(stop, ln); err != nil {
			t.Error(err)
		}
	})
	defer serving.Wait()
	defer stopServing()

	var topics []string
	for n := range 5 {
		topics = append(topics, fmt.Sprintf("a/%d", n), fmt.Sprintf("b/%d", n))
	}
	moving, end := context.WithCancel(ctx)
	defer end()
	var all []*follower
	var moves sync.WaitGroup
	begun := make([]chan struct{}, followers)
	for i := range followers {
		f := newFollower(t, "http://"+ln.Addr().String(), i, followed[i%len(followed)])
		f.wrong = func(format string, args ...any) {
			t.Errorf(format, args...)
			end()
		}
		for _, topic := range topics {
			if f.wants(topic) {
				f.left += each
			}
		}
		all = append(all, f)
		begun[i] = make(chan struct{})
		moves.Go(func() { f.move(moving, begun[i]) })
	}
	for _, b := range begun {
		select {
		case <-b:
		case <-moving.Done():
		}
	}

	for _, topic := range topics {
		moves.Go(func() { publish(moving, t, s.Gateway(), topic) })
	}
	moves.Wait()

	by := map[string]int{}
	moved := 0
	for _, f := range all {
		if f.left > 0 {
			t.Errorf("%s: %d messages did not come; it has %+v", f.name, f.left, f.seen)
		}
		for kind, n := range f.by {
			by[kind] += n
		}
		moved += f.starts
		for _, b := range f.breaks {
			t.Logf("%s: %s", f.name, b)
		}
	}
	t.Logf("%d follows brought %v", moved, by)
	for _, kind := range transport.Kinds {
		if by[kind.String()] == 0 {
			t.Errorf("nothing came by %s: the test shows nothing of it", kind)
		}
	}
}

// publish publishes the messages of a topic: their numbers, from 1.
func publish(ctx context.Context, t *testing.T, g *gateway.Gateway, topic string) {
	tick := time.NewTicker(between)
	defer tick.Stop()
	for n := range each {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if _, err := g.Publish(ctx, gateway.Draft{Topic: topic, Data: strconv.AppendInt(nil, int64(n+1), 10)}); err != nil {
			t.Error(err)
			return
		}
	}
}
