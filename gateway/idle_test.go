package gateway

import (
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"testing"
	"time"
	"unsafe"
)

// liveHeap returns the bytes that are live.
func liveHeap() uint64 {
	debug.FreeOSMemory()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// crowdPeer is a follower within its peer, as transports have it.
type crowdPeer struct {
	Follower
	sink
}

func (p *crowdPeer) Close(Reason, Cursor, []byte) {}

var _ Peer = (*crowdPeer)(nil)

// crowd begins followers of topics, spread over them, and waits until all have begun.
func crowd(t testing.TB, g *Gateway, n int, terms *Terms, topics ...string) []*crowdPeer {
	t.Helper()
	peers := make([]*crowdPeer, n)
	head := []byte("GET /topics/" + string(make([]byte, 4096)))
	for i := range peers {
		name := topics[i%len(topics)]
		p := pattern(t, string(append(slices.Clip(head), name...))[len(head):]) // a part of something large
		start, err := g.Start([]Follow{{Pattern: p}})
		if err != nil {
			t.Fatal(err)
		}
		peers[i] = new(crowdPeer)
		if err := g.Follow(&peers[i].Follower, FollowOptions{Start: start, Peer: peers[i], Terms: terms}); err != nil {
			t.Fatal(err)
		}
	}
	settle(t, g)
	return peers
}

func TestAFollowerFitsItsPeer(t *testing.T) {
	if size := unsafe.Sizeof(Follower{}); size > 80 {
		t.Errorf("a follower is %d bytes, and a transport's peer has room for 80", size)
	}
	if size := unsafe.Sizeof(member{}) + unsafe.Sizeof(&Follower{}); size > 24 {
		t.Errorf("a shard keeps %d bytes for each follower besides", size)
	}
	if size := unsafe.Sizeof(command{}); size > 32 {
		t.Errorf("a command is %d bytes", size)
	}
}

// An idle follower costs its peer and 24 bytes, however it came: of the request that named its topic, nothing is kept.
func TestAnIdleFollowerCostsItsPeerAndLittleMore(t *testing.T) {
	const followers, most = 100_000, 24 + 4
	for name, c := range map[string]struct {
		terms    Terms
		messages int
	}{
		"parked":                {terms: Terms{}},
		"pinged":                {terms: Terms{Ping: time.Hour}},
		"waiting":               {terms: Terms{Wait: time.Hour}},
		"after some deliveries": {terms: Terms{Ping: time.Hour}, messages: 10},
		"live":                  {terms: Terms{Ping: time.Hour, Live: true}, messages: 1},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, Options{Shards: 2})
			c.terms.Format = plainFormat
			slots := make([]*crowdPeer, followers) // the transport's
			before := liveHeap()
			copy(slots, crowd(t, g, followers, &c.terms, "one", "two", "three"))
			for i := range c.messages {
				publish(t, g, []string{"one", "two", "three"}[i%3], "x")
				settle(t, g)
			}
			peer := (int(unsafe.Sizeof(crowdPeer{})) + 15) &^ 15 // what the allocator makes of it
			if per := (int(liveHeap()) - int(before)) / followers; per > peer+most {
				t.Errorf("%d bytes per follower beside the peer's %d, want at most %d", per-peer, peer, most)
			} else {
				t.Logf("%d bytes beside the peer's %d", per-peer, peer)
			}
			runtime.KeepAlive(slots)
		})
	}
}

// storm has many followers come, get something and leave.
func storm(t testing.TB, g *Gateway, n int) {
	t.Helper()
	var peers []*crowdPeer
	for _, since := range []string{"now", "all"} {
		for i := range n / 2 {
			start, _ := g.Start(follows(t, g, since, strconv.Itoa(i%100)))
			p := new(crowdPeer)
			if err := g.Follow(&p.Follower, FollowOptions{Start: start, Peer: p, Terms: sinkTerms}); err != nil {
				t.Fatal(err)
			}
			peers = append(peers, p)
		}
	}
	for i := range 100 {
		publish(t, g, strconv.Itoa(i), "x")
	}
	settle(t, g)
	for _, p := range peers {
		p.Follower.Close(ReasonGone)
	}
	settle(t, g)
}

// After a storm the shards give the memory back that it took.
func TestAStormLeavesNothing(t *testing.T) {
	g := newGateway(t, Options{Shards: 2})
	before := liveHeap()
	storm(t, g, 100_000)
	if after := liveHeap(); after > before+512<<10 {
		t.Errorf("%d KiB are left", (after-before)>>10)
	}
	runtime.KeepAlive(g)
}

// A topic that one follows costs its audience, and nothing of the request that named it.
func TestAnAudienceKeepsNothingOfARequest(t *testing.T) {
	const followers, most = 20_000, 600
	g := newGateway(t, Options{Shards: 1})
	topics := make([]string, followers)
	for i := range topics {
		topics[i] = strconv.Itoa(i)
	}
	before := liveHeap()
	peers := crowd(t, g, followers, &Terms{Format: plainFormat}, topics...)
	if per := (int(liveHeap()) - int(before)) / followers; per > most {
		t.Errorf("%d bytes for a follower with a topic of its own, want at most %d", per, most)
	} else {
		t.Logf("%d bytes for a follower with a topic of its own", per)
	}
	runtime.KeepAlive(peers)
}
