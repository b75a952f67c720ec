package gateway

import (
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// cpu returns how long the process has computed.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkFanOut measures the gateway's own cost of a message to many followers in memory, in CPU time: on a machine that does other
// things too, that is what can be compared.
func BenchmarkFanOut(b *testing.B) {
	for _, c := range []struct {
		name     string
		patterns []string
	}{{"topic", []string{"a"}}, {"pattern", []string{"*"}}, {"topics", []string{"a", "b"}}} {
		for _, burst := range []int{1, 20} {
			b.Run(fmt.Sprint(c.name, "/burst-", burst), func(b *testing.B) {
				const followers = 5000
				g := newGateway(b, Options{Shards: 2})
				for range followers {
					followSink(b, g, c.patterns...)
				}
				settle(b, g)
				b.ReportAllocs()
				from := cpu()
				for b.Loop() {
					for range burst {
						publish(b, g, "a", "x")
					}
					rest(g)
				}
				b.ReportMetric(float64(cpu()-from)/float64(b.N*followers*burst), "cpu-ns/delivery")
			})
		}
	}
}

// rest waits until all shards sleep, without computing meanwhile.
func rest(g *Gateway) {
	for _, s := range g.shards {
		for !s.asleep.Load() || s.unheard() {
			time.Sleep(50 * time.Microsecond)
		}
	}
}

// pollPeer is a held poll in memory: its client comes back at once.
type pollPeer struct {
	Follower
	answered *atomic.Int64
}

func (p *pollPeer) Greeting(parts [][]byte, _ Cursor) [][]byte        { return parts }
func (p *pollPeer) AppendNotice(dst []byte, _ Notice) ([]byte, error) { return dst, nil }
func (p *pollPeer) Close(Reason, Cursor, []byte)                      {}
func (p *pollPeer) Write(b *Batch) (int, error) {
	p.answered.Add(1)
	return b.Bytes, ErrFinished
}

// BenchmarkHeldPoll measures a held poll's begin and end: the request for a cursor, and the answer. All are answered by one message, and
// come back with its cursor.
func BenchmarkHeldPoll(b *testing.B) {
	for _, topics := range []int{1, 5000} {
		b.Run(fmt.Sprint(topics, "-topics"), func(b *testing.B) {
			const followers = 5000
			g := newGateway(b, Options{Shards: 2})
			var answered atomic.Int64
			terms := &Terms{Format: plainFormat, Wait: 25 * time.Second}
			names := make([]Pattern, topics)
			for i := range names {
				names[i] = pattern(b, strconv.Itoa(i))
			}
			peers := make([]pollPeer, followers)
			begins := 0
			come := func() {
				since := Since{Kind: SinceCursor, Cursor: Cursor{Epoch: g.Epoch(), Seq: g.history.head.Load()}}
				for i := range peers {
					start, _ := g.Start([]Follow{{Pattern: names[i%topics], Since: since}})
					peers[i] = pollPeer{answered: &answered}
					_ = g.Follow(&peers[i].Follower, FollowOptions{Start: start, Peer: &peers[i], Terms: terms})
				}
				begins += followers
				rest(g)
			}
			come()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			from, counted := cpu(), begins
			for b.Loop() {
				for i := range topics {
					publish(b, g, names[i].text, "x")
				}
				rest(g)
				come()
			}
			pairs := float64(begins - counted)
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(cpu()-from)/pairs, "cpu-ns/pair")
			b.ReportMetric(float64(after.Mallocs-before.Mallocs)/pairs, "allocs/pair")
			if int(answered.Load()) != begins-followers {
				b.Fatalf("%d were answered of %d", answered.Load(), begins-followers)
			}
		})
	}
}

// BenchmarkMillion is the model: a million followers in one process, half of them of one topic.
func BenchmarkMillion(b *testing.B) {
	const followers = 1_000_000
	g := newGateway(b, Options{Shards: 2})
	topics := []string{"big", "a", "big", "b", "big", "c", "big", "d/e", "big", "f"}
	terms := &Terms{Format: plainFormat, Ping: 20 * time.Minute}
	before := liveHeap()
	peers := crowd(b, g, followers, terms, topics...)
	held := liveHeap() - before
	say := func() {
		for _, topic := range []string{"big", "a", "b", "c", "d/e", "f"} {
			publish(b, g, topic, "x")
		}
		rest(g)
	}
	say()
	from := cpu()
	for b.Loop() {
		say()
	}
	spent := cpu() - from
	after := liveHeap() - before
	for _, p := range peers {
		if n := p.sink.written.Load(); n != int64(b.N)+1 {
			b.Fatalf("%d messages came of %d", n, b.N+1)
		}
	}
	b.ReportMetric(float64(held)/followers, "B/follower")
	b.ReportMetric(float64(after)/(1<<20), "MiB-live")
	b.ReportMetric(spent.Seconds()/float64(b.N), "cpu-s/message-to-all")
	b.ReportMetric(float64(spent)/float64(b.N*followers), "cpu-ns/delivery")
}
