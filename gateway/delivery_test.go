package gateway

import (
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
)

// sink is a peer that takes everything and keeps nothing.
type sink struct{ written atomic.Int64 }

func (p *sink) Greeting(parts [][]byte, _ Cursor) [][]byte { return parts }

func (p *sink) AppendNotice(dst []byte, _ Notice) ([]byte, error) { return dst, nil }

func (p *sink) Write(b *Batch) (int, error) {
	p.written.Add(int64(len(b.Parts)))
	return b.Bytes, nil
}

func (p *sink) Close(Reason, Cursor, []byte) {}

var plainFormat = &Format{Name: "plain", Append: func(dst []byte, m *Message) []byte { return append(dst, m.Data...) }}

var sinkTerms = &Terms{Format: plainFormat}

func followSink(t testing.TB, g *Gateway, patterns ...string) *sink {
	t.Helper()
	start, err := g.Start(follows(t, g, "now", patterns...))
	if err != nil {
		t.Fatal(err)
	}
	p := new(sink)
	if err := g.Follow(new(Follower), FollowOptions{Start: start, Peer: p, Terms: sinkTerms}); err != nil {
		t.Fatal(err)
	}
	return p
}

// Nothing is encoded, copied or allocated per delivery: a message costs the same for one follower and for a thousand more.
func TestADeliveryAllocatesNothing(t *testing.T) {
	for _, patterns := range [][]string{{"a"}, {"*"}, {"a", "b"}, {"*", "b/**"}} {
		allocs := func(followers int) float64 {
			g := newGateway(t, Options{Shards: 1, Default: Retention{Messages: 16}})
			sinks := make([]*sink, followers)
			for i := range sinks {
				sinks[i] = followSink(t, g, patterns...)
			}
			settle(t, g)
			deliver := func() {
				before := sinks[followers-1].written.Load()
				publish(t, g, "a", "x")
				for sinks[followers-1].written.Load() == before {
					runtime.Gosched()
				}
			}
			for range 100 { // rings, queues and scratch have their size by then
				deliver()
			}
			settle(t, g)
			return testing.AllocsPerRun(200, deliver)
		}
		if one, many := allocs(1), allocs(1001); many > one {
			t.Errorf("%s: %v allocations for 1 follower and %v for 1001", strings.Join(patterns, " "), one, many)
		}
	}
}
