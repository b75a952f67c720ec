package session

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"
	"unsafe"

	"tidings/gateway"
	"tidings/transport"
)

const (
	ws, sse, long, plain = transport.WebSocket, transport.SSE, transport.LongPoll, transport.Poll

	anna, ben = "anna-anna-anna-anna", "ben-ben-ben-ben-ben"
)

// TestAPollerIsOneFollower: however often it comes, for as long as it does.
func TestAPollerIsOneFollower(t *testing.T) {
	run(t, Options{Away: time.Minute}, func(r *rig) {
		for range 100 {
			r.begin(plain, anna, 0)
			r.begin(plain, "short", 0)
			r.pass(20 * time.Second)
			r.expect(0, 2)
		}
		held := r.begin(long, anna, 0)
		r.expect(1, 1)
		for range 20 {
			r.pass(20 * time.Second) // longer than who is away has: it is held
			r.begin(plain, "short", 0)
			r.expect(1, 1)
		}
		r.leave(held) // in mid-hold
		r.pass(59 * time.Second)
		r.expect(1, 1)
		r.pass(12 * time.Second)
		r.expect(0, 0)
		if n := r.known(); n != 0 {
			t.Errorf("%d sessions are known", n)
		}
	})
}

// TestAwayIsAsLongAsTheClientWasTold: who is told to come back late is not missed before that.
func TestAwayIsAsLongAsTheClientWasTold(t *testing.T) {
	run(t, Options{Away: time.Minute}, func(r *rig) {
		r.Take(&Request{Label: anna, Kind: plain, Away: time.Hour}, nil)
		r.pass(59 * time.Minute)
		r.expect(0, 1)
		r.pass(2 * time.Minute)
		r.expect(0, 0)
	})
}

// TestNewerPollEndsHeldPoll, and nothing else does.
func TestNewerPollEndsHeldPoll(t *testing.T) {
	for _, c := range []struct {
		name         string
		label        string
		first        uint32
		kind         transport.Kind
		n            uint32
		ended, twice bool // the held poll, the newer one
	}{
		{"newer", anna, 1, long, 2, true, false},
		{"newer plain one", anna, 1, plain, 2, true, false},
		{"sent twice", anna, 2, long, 2, false, true},
		{"late", anna, 3, long, 2, false, true},
		{"late plain one", anna, 3, plain, 2, false, false},
		{"without a number", anna, 3, long, 0, false, false},
		{"after one without a number", anna, 0, long, 1, true, false},
		{"both without a number", anna, 0, long, 0, false, false},
		{"a label that can be guessed", "anna", 1, long, 2, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, Options{}, func(r *rig) {
				r.begin(long, ben, 1)
				held := r.begin(long, c.label, c.first)
				next := r.begin(c.kind, c.label, c.n)
				r.ended(c.ended, held)
				if next != nil {
					r.ended(c.twice, next)
				}
				if n := r.Pollers(); n[long]+n[plain] != 2 {
					t.Errorf("there are %d sessions", n)
				}
			})
		})
	}
}

// TestAskedAgain: what is sent again after its answer is served.
func TestAskedAgain(t *testing.T) {
	run(t, Options{}, func(r *rig) {
		r.leave(r.begin(long, anna, 7))
		again := r.begin(long, anna, 7)
		r.ended(false, again)
		r.leave(r.begin(sse, anna, 8))
		again2 := r.begin(sse, anna, 8) // as an EventSource does
		r.ended(true, again)
		r.ended(false, again2)
	})
}

// TestMoveToAStream: a session that moves is no poller at once, and its held poll is ended at once.
func TestMoveToAStream(t *testing.T) {
	for _, n := range []uint32{0, 2} {
		run(t, Options{}, func(r *rig) {
			held, other := r.begin(long, anna, 1), r.begin(long, ben, 1)
			r.expect(2, 0)
			stream := r.begin(sse, anna, n)
			r.ended(true, held)
			r.ended(false, stream, other)
			r.expect(1, 0)
			r.leave(stream)
			r.pass(10 * time.Second)
			r.expect(1, 0)
			r.begin(plain, anna, n)
			r.expect(1, 1)
		})
	}
	run(t, Options{}, func(r *rig) {
		held := r.begin(long, "anna", 0)
		r.expect(1, 0)
		r.begin(sse, "anna", 0)
		r.expect(0, 0)
		r.ended(false, held)
	})
}

// TestLateStream: of two that race, the one that was sent first and comes last is served, and the other goes on.
func TestLateStream(t *testing.T) {
	run(t, Options{}, func(r *rig) {
		held := r.begin(long, anna, 2)
		late := r.begin(ws, anna, 1)
		r.pass(time.Minute)
		r.ended(false, held, late)
	})
}

// TestOlderStreams: of two the newer stays, of any kind; what was tried in between and ended does not count.
func TestOlderStreams(t *testing.T) {
	run(t, Options{}, func(r *rig) {
		first, second := r.begin(sse, anna, 1), r.begin(sse, anna, 2)
		r.pass(9 * time.Second)
		r.ended(false, first, second)
		r.pass(6 * time.Second)
		r.ended(true, first)
		r.ended(false, second)
		third := r.begin(ws, anna, 3)
		r.leave(third) // a probe that did not work, and the next one
		third = r.begin(transport.Stream, anna, 3)
		r.ended(false, second, third)
		r.pass(15 * time.Second)
		r.ended(true, second)
		r.ended(false, third)
		fourth := r.begin(sse, anna, 4)
		fifth := r.begin(transport.Stream, anna, 5)
		r.ended(true, third)
		r.ended(false, fourth, fifth)
		r.leave(fifth) // the newer one did not work
		r.pass(time.Hour)
		r.ended(false, fourth)
		if r.known() != 1 {
			t.Error("a session with a stream was forgotten")
		}
		r.leave(fourth)
		r.pass(10 * time.Second)
		if r.known() != 0 {
			t.Error("a session without anything is still known")
		}
	})
}

// TestProbe: a client that polls while it tries a stream is one follower, and keeps the stream once it stops polling.
func TestProbe(t *testing.T) {
	run(t, Options{}, func(r *rig) {
		r.begin(long, anna, 1)
		stream := r.begin(ws, anna, 2)
		last := r.begin(long, anna, 3) // the poll before was ended, and the stream has said nothing yet
		r.expect(0, 0)
		r.leave(last)
		r.pass(time.Hour)
		r.ended(false, stream)
		r.expect(0, 0)
	})
}

// TestStepDown: a client that goes on polling has left its stream, whatever holds that open.
func TestStepDown(t *testing.T) {
	run(t, Options{}, func(r *rig) {
		stream := r.begin(ws, anna, 1)
		n := uint32(2)
		for range 2 {
			r.begin(plain, anna, n)
			r.pass(5 * time.Second)
			n++
		}
		r.ended(false, stream)
		r.begin(plain, anna, n)
		r.pass(0)
		r.ended(true, stream)
		r.expect(0, 1)
	})
}

// TestMost: past the bound those go that have been away for longest; who is there stays.
func TestMost(t *testing.T) {
	const most = 4
	run(t, Options{Most: most, Away: time.Hour}, func(r *rig) {
		held := r.begin(long, anna, 1)
		for i := range 10 {
			r.pass(6 * time.Second)
			r.begin(plain, fmt.Sprint("session-session-", i), 1)
		}
		r.expect(1, most-1)
		if r.known() != most || r.Forgotten() != 10-(most-1) {
			t.Errorf("%d are known, %d forgotten", r.known(), r.Forgotten())
		}
		r.begin(long, anna, 2)
		r.ended(true, held) // it was known
	})
}

// TestASessionFitsItsPlace: there may be very many.
func TestASessionFitsItsPlace(t *testing.T) {
	if size := unsafe.Sizeof(session{}); size > 64 {
		t.Errorf("a session takes %d bytes", size)
	}
	const n, most = 100_000, 128.0
	labels := make([]string, n)
	for i := range labels {
		labels[i] = fmt.Sprintf("session-session-%d", i)
	}
	r := New(Options{Most: 2 * n})
	defer r.Close()
	before := inUse()
	for _, label := range labels {
		r.Take(&Request{Label: label, Kind: plain}, nil)
	}
	cost := float64(inUse()-before) / n
	t.Logf("a session costs %.0f bytes", cost)
	if cost > most {
		t.Errorf("a session costs %.0f bytes, which may be %.0f", cost, most)
	}
	// Who stays away leaves nothing.
	for i := range r.stripes {
		r.stripes[i].sweep(r.now()+2*r.away, r.away)
	}
	if left := inUse() - before; left > n/10 {
		t.Errorf("%d bytes are left", left)
	}
	runtime.KeepAlive(labels)
}

// inUse returns how many bytes of the heap are in use.
func inUse() int64 {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestAKnownSessionAllocatesNothing: a poll of it costs a look.
func TestAKnownSessionAllocatesNothing(t *testing.T) {
	r := New(Options{})
	defer r.Close()
	f := new(gateway.Follower)
	q := Request{Label: anna, Kind: long}
	if n := testing.AllocsPerRun(1000, func() {
		q.N++
		r.Take(&q, nil)
		r.Take(&Request{Label: ben, Kind: plain}, nil)
		r.Take(&Request{Label: "short", Kind: long}, f)
	}); n != 0 {
		t.Errorf("three polls allocate %v times", n)
	}
}

func BenchmarkTake(b *testing.B) {
	r := New(Options{})
	defer r.Close()
	labels := make([]string, 1<<16)
	for i := range labels {
		labels[i] = fmt.Sprintf("session-session-%d", i)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for n := uint32(1); pb.Next(); n++ {
			r.Take(&Request{Label: labels[n%uint32(len(labels))], N: n, Kind: plain}, nil)
		}
	})
}

// TestManyAtATime: whoever comes when, what is counted is what is known.
func TestManyAtATime(t *testing.T) {
	r := New(Options{Most: 200, Away: time.Hour})
	defer r.Close()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range uint32(500) {
				label := fmt.Sprint("session-session-", (int(n)*7+i)%300)
				r.Take(&Request{Label: label, N: n, Kind: []transport.Kind{long, plain}[n%2]}, nil)
				if n%100 == 0 {
					r.sweep()
					r.Pollers()
				}
			}
		})
	}
	all.Wait()
	n := r.Pollers()
	if known := (&rig{Registry: r}).known(); n[long]+n[plain] != known || known > 200 || r.Forgotten() == 0 {
		t.Errorf("%d and %d poll, %d are known, %d forgotten", n[long], n[plain], known, r.Forgotten())
	}
}
