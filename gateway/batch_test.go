package gateway

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"tidings/gateway/journal"
	"tidings/gateway/journal/memory"
)

// publishAll publishes n messages at once, over topics that begin with the one of first and change now and then.
func (m *model) publishAll(n, first int) {
	var drafts []Draft
	for i := range n {
		topic := modelTopics[(first+i/3)%len(modelTopics)]
		drafts = append(drafts, draft(topic, fmt.Sprint(topic, len(m.log)+i)))
	}
	m.g.PublishAll(m.t.Context(), drafts, func(i int, r Receipt, err error) {
		if err != nil {
			m.t.Error(err)
			return
		}
		m.log = append(m.log, line{Topic: r.Topic, Seq: r.Cursor.Seq, Data: string(drafts[i].Data), Latest: r.Topic == "last"})
	})
}

// became is what became of one draft, in comparable form.
type became struct {
	receipt Receipt
	err     error
	text    string
}

func becameOf(r Receipt, err error) became {
	r.Cursor.Epoch = ""
	out := became{receipt: r}
	if err != nil {
		out.text = err.Error()
		for cause := err; cause != nil; cause = errors.Unwrap(cause) {
			out.err = cause
		}
	}
	return out
}

// TestABatchIsOneAfterTheOther holds batches against the same drafts published singly.
func TestABatchIsOneAfterTheOther(t *testing.T) {
	var drafts []Draft
	for i := range 3*mostAtOnce + 7 {
		d := draft(fmt.Sprint("t/", i%5), fmt.Sprint(i))
		switch i % 11 {
		case 1:
			d.Topic = "$sys"
		case 3:
			d.Type = "no type"
		case 4:
			d.Type = "application/json; charset=utf-8"
		case 5:
			d.Type, d.Data = "application/json", []byte("{")
		case 6:
			d.IdempotencyKey = fmt.Sprint("k", i%4)
		case 7:
			d.IfEmpty = true
		case 8:
			d.Data = make([]byte, 101)
		case 9:
			d.TTL, d.Event, d.Key = time.Hour, "e", "k"
		}
		drafts = append(drafts, d)
	}
	single := newGateway(t, Options{MessageBytes: 100, Default: Retention{Messages: 20}})
	together := newGateway(t, Options{MessageBytes: 100, Default: Retention{Messages: 20}})
	for _, g := range []*Gateway{single, together} {
		p := newLinePeer()
		follow(t, g, p, "now", "t/1", "t/*")
		settle(t, g)
	}
	var want, got []became
	for _, d := range drafts {
		want = append(want, becameOf(single.Publish(t.Context(), d)))
	}
	together.PublishAll(t.Context(), slices.Clone(drafts), func(i int, r Receipt, err error) {
		if i != len(got) {
			t.Errorf("outcome %d comes as number %d", i, len(got))
		}
		got = append(got, becameOf(r, err))
	})
	if len(got) != len(want) {
		t.Fatalf("%d outcomes, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%d: %+v became\n%+v\nwant\n%+v", i, drafts[i], got[i], want[i])
		}
	}
	if got, want := read(t, together, "all", "**"), read(t, single, "all", "**"); got != want {
		t.Errorf("what is kept:\n%s\nwant\n%s", got, want)
	}
	settle(t, single)
	settle(t, together)
	a, b := single.Stats(), together.Stats()
	if a.Published != b.Published || a.PublishedBytes != b.PublishedBytes || a.Duplicates != b.Duplicates || !reflect.DeepEqual(a.Refused, b.Refused) ||
		a.HistoryBytes != b.HistoryBytes {
		t.Errorf("counted\n%+v\nwant\n%+v", b, a)
	}
}

// TestABatchReachesFollowers: who keeps up gets all of it, however little is kept.
func TestABatchReachesFollowers(t *testing.T) {
	const many = 1000
	for name, o := range map[string]Options{
		"messages": {Default: Retention{Messages: 10}},
		"one kept": {Default: Retention{Messages: 2}},
		"bytes":    {Default: Retention{Bytes: 40}},
		"budget":   {HistoryBytes: topicOverhead + 20*(messageOverhead+40)},
		"plenty":   {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o.Shards = 2
				g := newGateway(t, o)
				var peers []*linePeer
				for _, pattern := range []string{"a", "*", "b"} {
					p := newLinePeer()
					follow(t, g, p, "now", pattern)
					peers = append(peers, p)
				}
				synctest.Wait()
				var drafts []Draft
				for i := range many {
					drafts = append(drafts, draft("a", fmt.Sprint(i)))
				}
				failed := 0
				g.PublishAll(t.Context(), drafts, func(_ int, _ Receipt, err error) {
					if err != nil {
						failed++
					}
				})
				synctest.Wait()
				if failed > 0 {
					t.Errorf("%d failed", failed)
				}
				for _, p := range peers[:2] {
					if got := text(withoutLive(p.lines(t))); strings.Contains(got, "gap") || len(strings.Fields(got)) != many {
						t.Errorf("a follower got %d: %.300s", len(strings.Fields(got)), got)
					}
				}
			})
		})
	}
}

// TestABatchBehindAStandstill: no more of it is stored than fits before what was not walked, and the rest is told so.
func TestABatchBehindAStandstill(t *testing.T) {
	for name, c := range map[string]struct {
		keep   Retention
		budget int64
		data   string
		fits   int
	}{
		"messages":              {Retention{Messages: 4}, 0, "x", 4},
		"bytes":                 {Retention{Bytes: 4}, 0, "x", 4},
		"one that does not fit": {Retention{Bytes: 4}, 0, "xxx", 1},
		"budget":                {Retention{}, 2800, strings.Repeat("x", 30), 4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGateway(t, Options{Shards: 1, Default: c.keep, HistoryBytes: c.budget, AppendWait: time.Second})
				release := stall(t, g)
				defer release()
				drafts := make([]Draft, c.fits+2)
				for i := range drafts {
					drafts[i] = draft("a", c.data)
				}
				stored := 0
				g.PublishAll(t.Context(), drafts, func(i int, _ Receipt, err error) {
					switch {
					case err == nil:
						stored++
					case !errors.Is(err, ErrBusy):
						t.Errorf("%d: %v", i, err)
					}
				})
				if stored != c.fits {
					t.Errorf("%d are stored, want %d", stored, c.fits)
				}
			})
		})
	}
}

func TestABatchAfterTheEnd(t *testing.T) {
	g := newGateway(t, Options{})
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	n := 0
	g.PublishAll(t.Context(), []Draft{draft("a", "x"), draft("a", "y")}, func(_ int, _ Receipt, err error) {
		if n++; !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
	if n != 2 || g.Stats().Refused["closed"] != 2 {
		t.Errorf("%d outcomes, %v", n, g.Stats().Refused)
	}
}

// onlyJournal is a journal that takes one record at a time.
type onlyJournal struct{ journal.Journal }

func TestABatchWithoutABatcher(t *testing.T) {
	g := newGateway(t, Options{Journal: onlyJournal{memory.New()}})
	g.PublishAll(t.Context(), []Draft{draft("a", "x"), draft("a", "y")}, func(i int, r Receipt, err error) {
		if err != nil || r.Cursor.Seq != uint64(i+1) {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// TestAPublishAllocatesWhatIsKept: the message, its place and its link. The data is there already.
func TestAPublishAllocatesWhatIsKept(t *testing.T) {
	const kept = 3
	g := newGateway(t, Options{Default: Retention{Messages: 500}})
	d := draft("a", "x")
	if n := testing.AllocsPerRun(2000, func() {
		if _, err := g.Publish(t.Context(), d); err != nil {
			t.Error(err)
		}
	}); n > kept {
		t.Errorf("a publish allocates %v times", n)
	}
	drafts := make([]Draft, mostAtOnce)
	for i := range drafts {
		drafts[i] = draft([]string{"a", "b", "c/d"}[i%3], "x")
	}
	done := func(int, Receipt, error) {}
	if n := testing.AllocsPerRun(200, func() { g.PublishAll(t.Context(), drafts, done) }); n > kept*mostAtOnce+2 {
		t.Errorf("%d messages at once allocate %v times", mostAtOnce, n)
	}
}

// TestAMessageKeepsNoRequest: a name is a piece of a larger text, such as a request's line, which must not be kept for as long as the message.
func TestAMessageKeepsNoRequest(t *testing.T) {
	g := newGateway(t, Options{})
	var freed atomic.Int32
	for i, publish := range []func(Draft) error{
		func(d Draft) error { _, err := g.Publish(t.Context(), d); return err },
		func(d Draft) error { d.IdempotencyKey = "k"; _, err := g.Publish(t.Context(), d); return err },
		func(d Draft) (err error) {
			g.PublishAll(t.Context(), []Draft{d}, func(_ int, _ Receipt, refused error) { err = refused })
			return err
		},
	} {
		line := fmt.Appendf(make([]byte, 0, 1<<20), "name/%d?and a long query", i)
		runtime.AddCleanup(&line[0], func(n *atomic.Int32) { n.Add(1) }, &freed)
		if err := publish(draft(unsafe.String(&line[0], len("name/0")), "x")); err != nil {
			t.Fatal(err)
		}
	}
	settle(t, g)
	for range 50 {
		if runtime.GC(); freed.Load() == 3 {
			break
		}
		runtime.Gosched()
	}
	if n := freed.Load(); n != 3 {
		t.Errorf("%d of 3 requests are kept", 3-n)
	}
	runtime.KeepAlive(g)
}

// TestNapsEndWhenTheyMust: a shard that nobody follows lets messages gather, but hears of followers, of publishers that wait and of the end.
func TestNapsEndWhenTheyMust(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{Shards: 1, Default: Retention{Messages: 2}, AppendWait: math.MaxInt64})
		for i := range napAfter + 10 {
			publish(t, g, "a", fmt.Sprint(i))
			synctest.Wait()
		}
		s := g.shards[0]
		if !s.napping.Load() {
			t.Fatal("the shard does not nap")
		}
		began := time.Now()
		for range 10 { // more than fit before the walk
			publish(t, g, "a", "x")
		}
		if synctest.Wait(); !s.napping.Load() {
			t.Error("a publisher that waited ended the naps for good")
		}
		p := newLinePeer()
		follow(t, g, p, "now", "a")
		publish(t, g, "a", "heard")
		synctest.Wait()
		if got := text(withoutLive(p.lines(t))); got != "heard" {
			t.Errorf("a new follower got %q", got)
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("somebody waited for the end of a nap: %v", waited)
		}
		if s.napping.Load() {
			t.Error("the shard naps though it has a follower")
		}
	})
}

func BenchmarkPublishAll(b *testing.B) {
	g := newGateway(b, Options{})
	drafts := make([]Draft, mostAtOnce)
	for i := range drafts {
		drafts[i] = Draft{Topic: fmt.Sprint("t/", i%4), Data: make([]byte, 128)}
	}
	done := func(int, Receipt, error) {}
	b.ReportAllocs()
	for b.Loop() {
		g.PublishAll(b.Context(), drafts, done)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/mostAtOnce, "ns/message")
}
