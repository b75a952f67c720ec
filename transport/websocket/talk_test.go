package websocket

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"tidings/gateway"
	"tidings/gateway/journal/memory"
	"tidings/transport"
)

// gate is an upstream that publishes one item each time it is let.
type gate struct {
	transport.Upstream
	let chan struct{}
	got chan string
}

func (g *gate) Publish(item []byte) []byte {
	<-g.let
	g.got <- string(item)
	return []byte(`"seq":1`)
}

// resumed is a connection that tells when it is to be read on.
type resumed struct {
	fakeConn
	on chan struct{}
}

func (c *resumed) Resume() { c.on <- struct{}{} }

// spokenTo returns a peer that follows nothing and whose client may publish by u.
func spokenTo(t *testing.T, conn *resumed, u transport.Upstream) *peer {
	t.Helper()
	g, err := gateway.New(gateway.Options{Journal: memory.New()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	start, err := g.Start(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{conn: conn, greeting: new([]byte), Follower: onTerms(Enveloped).Follower()}
	p.on().upstream, p.on().messageBytes = u, 1<<20
	if err := g.Follow(&p.Follower, gateway.FollowOptions{Start: start, Peer: p}); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestTalkHoldsBack: a client that publishes faster than is obeyed is not read from, keeps little, and is obeyed in order.
func TestTalkHoldsBack(t *testing.T) {
	const size = 4 << 10
	u := &gate{let: make(chan struct{}), got: make(chan string, 100)}
	conn := &resumed{fakeConn: fakeConn{room: 1 << 30}, on: make(chan struct{}, 100)}
	p := spokenTo(t, conn, u)
	sent := 0
	for more := true; more; sent++ {
		if sent > 2*maxSaid/size {
			t.Fatal("it takes whatever comes")
		}
		more = (*ears)(p).Data(masked(opText, true, fmt.Sprintf(`{"publish":{"n":%d,"pad":%q}}`, sent, strings.Repeat("x", size))))
	}
	if len(conn.on) > 0 {
		t.Error("it is read on though nothing was obeyed")
	}
	close(u.let)
	<-conn.on
	for i := range sent {
		if got := <-u.got; !strings.HasPrefix(got, fmt.Sprintf(`{"n":%d,`, i)) {
			t.Fatalf("item %d is %.20s", i, got)
		}
	}
}

// TestTalkIsForgotten: whoever has said all that it wanted to say costs what a silent client does.
func TestTalkIsForgotten(t *testing.T) {
	conn := &resumed{fakeConn: fakeConn{room: 1 << 30}, on: make(chan struct{}, 100)}
	p := spokenTo(t, conn, nil)
	pong := masked(opPong, true, "here")
	for i := range pong {
		if more := (*ears)(p).Data(slices.Clone(pong[i : i+1])); !more {
			t.Fatal("it is not read on")
		}
		if talks := p.talk.Load() != nil; talks != (i < len(pong)-1) {
			t.Errorf("after %d bytes of %d: talks %v", i+1, len(pong), talks)
		}
	}
	(*ears)(p).Data(masked(ws.OpText, false, "begin"))
	if p.talk.Load() == nil {
		t.Error("the beginning of a message is forgotten")
	}
}
