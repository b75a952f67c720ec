package gateway

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tidings/gateway/journal"
	"tidings/gateway/journal/memory"
)

func TestRefusalsStoreNothing(t *testing.T) {
	g := newGateway(t, Options{MessageBytes: 10})
	first := publish(t, g, "a", "1")
	stale := Cursor{g.Epoch(), first - 1}
	foreign := Cursor{"zzzzzzzz", first}
	long := strings.Repeat("x", maxLabelBytes+1)
	for name, c := range map[string]struct {
		change func(*Draft)
		want   error
		cause  string
	}{
		"no topic":             {func(d *Draft) { d.Topic = "" }, ErrTopic, "invalid"},
		"a pattern":            {func(d *Draft) { d.Topic = "a/*" }, ErrTopic, "invalid"},
		"a reserved topic":     {func(d *Draft) { d.Topic = "$a" }, ErrReserved, "invalid"},
		"a strange type":       {func(d *Draft) { d.Type = "text; /" }, ErrType, "invalid"},
		"no JSON":              {func(d *Draft) { d.Type = "application/json" }, ErrJSON, "invalid"},
		"no JSON, with a +":    {func(d *Draft) { d.Type = "application/geo+json; charset=utf-8" }, ErrJSON, "invalid"},
		"a long event":         {func(d *Draft) { d.Event = long }, ErrEvent, "invalid"},
		"a line in the event":  {func(d *Draft) { d.Event = "a\nb" }, ErrEvent, "invalid"},
		"the gateway's event":  {func(d *Draft) { d.Event = "tidings.gap" }, ErrEvent, "invalid"},
		"bytes in the event":   {func(d *Draft) { d.Event = "\xff" }, ErrEvent, "invalid"},
		"a long key":           {func(d *Draft) { d.Key = long }, ErrKey, "invalid"},
		"a NUL in the key":     {func(d *Draft) { d.Key = "\x00" }, ErrKey, "invalid"},
		"a negative TTL":       {func(d *Draft) { d.TTL = -1 }, ErrTTL, "invalid"},
		"a large message":      {func(d *Draft) { d.Data = make([]byte, 11) }, ErrTooLarge, "too_large"},
		"disk":                 {func(d *Draft) { d.Durability = journal.OnDisk }, ErrDurability, "durability"},
		"a quorum":             {func(d *Draft) { d.Durability = journal.InQuorum }, ErrDurability, "durability"},
		"an unknown hardness":  {func(d *Draft) { d.Durability = "tape" }, ErrDurability, "durability"},
		"a stale If-Match":     {func(d *Draft) { d.IfLast = &stale }, ErrCondition, "condition"},
		"a foreign If-Match":   {func(d *Draft) { d.IfLast = &foreign }, ErrCondition, "condition"},
		"If-Match elsewhere":   {func(d *Draft) { d.Topic, d.IfLast = "b", &Cursor{g.Epoch(), first} }, ErrCondition, "condition"},
		"If-None-Match":        {func(d *Draft) { d.IfEmpty = true }, ErrCondition, "condition"},
		"a long retry key":     {func(d *Draft) { d.IdempotencyKey = long }, ErrIdempotency, "idempotency"},
		"a refused retry":      {func(d *Draft) { d.IdempotencyKey, d.IfEmpty = "k", true }, ErrCondition, "condition"},
		"the same retry again": {func(d *Draft) { d.IdempotencyKey, d.IfEmpty = "k", true }, ErrCondition, "condition"},
	} {
		before := g.Stats()
		d := draft("a", "no json")
		c.change(&d)
		r, err := g.Publish(t.Context(), d)
		if !errors.Is(err, c.want) || r != (Receipt{}) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		after := g.Stats()
		if after.Head != before.Head || after.Messages != before.Messages || after.Refused[c.cause] != before.Refused[c.cause]+1 {
			t.Errorf("%s: %+v", name, after)
		}
	}
	if _, err := g.Delete(t.Context(), "a/*"); !errors.Is(err, ErrTopic) {
		t.Errorf("delete a pattern: %v", err)
	}
	if got := read(t, g, "all", "**"); got != "1" {
		t.Errorf("got %s", got)
	}
}

func TestWhatIsPublishedArrivesAsItWas(t *testing.T) {
	g := newGateway(t, Options{})
	for _, c := range []struct {
		mediaType, data string
		want            string
		body            Body
	}{
		{"", "text", "text/plain; charset=utf-8", BodyText},
		{"", "\xff", "application/octet-stream", BodyBytes},
		{"", "", "text/plain; charset=utf-8", BodyText},
		{"text/html", "<p>", "text/html", BodyText},
		{"text/plain", "\xff", "text/plain", BodyBytes},
		{"application/json", ` {"a": 1} `, "application/json", BodyJSON},
		{"Application/Geo+JSON", "null", "Application/Geo+JSON", BodyJSON},
		{"image/png", "text", "image/png", BodyBytes},
	} {
		before := time.Now().UnixMilli()
		d := Draft{Topic: "a", Type: c.mediaType, Data: []byte(c.data), Event: "tidings", Key: "k", TTL: time.Hour, Durability: journal.InMemory}
		r, err := g.Publish(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		start, _ := g.Start(follows(t, g, "latest", "a"))
		m := g.Read(start, 1, 1<<20).Items[0].Message
		if m.Type != c.want || m.Body != c.body || string(m.Data) != c.data || m.Event != "tidings" || m.Key != "k" ||
			m.Topic != "a" || m.Cursor() != r.Cursor || m.Prev != r.Prev || m.Time < before || m.Expires != m.Time+3_600_000 {
			t.Errorf("%q %q: %+v", c.mediaType, c.data, m)
		}
		if r.Durability != journal.InMemory || r.Duplicate || r.Topic != "a" {
			t.Errorf("%+v", r)
		}
	}
}

func TestConditionsLetThroughWhatHolds(t *testing.T) {
	g := newGateway(t, Options{})
	post := func(last *Cursor, empty bool) (Receipt, error) {
		return g.Publish(t.Context(), Draft{Topic: "a", IfLast: last, IfEmpty: empty})
	}
	none := Cursor{Epoch: g.Epoch()}
	first, err := post(&none, true)
	if err != nil {
		t.Fatal(err)
	}
	publish(t, g, "other", "x")
	second, err := post(&first.Cursor, false)
	if err != nil || second.Prev != first.Cursor.Seq {
		t.Fatalf("%+v, %v", second, err)
	}
	if _, err := post(&first.Cursor, false); !errors.Is(err, ErrCondition) {
		t.Errorf("the same condition twice: %v", err)
	}
	marker := remove(t, g, "a")
	if _, err := post(&second.Cursor, false); !errors.Is(err, ErrCondition) {
		t.Errorf("past a marker: %v", err)
	}
	if _, err := post(&Cursor{g.Epoch(), marker}, true); err != nil {
		t.Errorf("a deleted topic is empty, and its marker the newest: %v", err)
	}
}

func TestReceiptsCountFollowers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{})
		f := follow(t, g, newLinePeer(), "now", "a")
		follow(t, g, newLinePeer(), "now", "a", "b")
		follow(t, g, newLinePeer(), "now", "*")
		synctest.Wait()
		if r, _ := g.Publish(t.Context(), draft("a", "x")); r.Followers != 3 {
			t.Errorf("%d followers, want 3", r.Followers)
		}
		f.Close(ReasonGone)
		synctest.Wait()
		if r, _ := g.Publish(t.Context(), draft("a", "x")); r.Followers != 2 {
			t.Errorf("%d followers, want 2", r.Followers)
		}
	})
}

func TestIdempotencyKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{IdempotencyKeys: 3})
		post := func(key string, change func(*Draft)) (Receipt, error) {
			d := draft("a", "x")
			d.IdempotencyKey, d.Scope = key, "alice"
			if change != nil {
				change(&d)
			}
			return g.Publish(t.Context(), d)
		}
		first, err := post("k", nil)
		if err != nil || first.Duplicate {
			t.Fatalf("%+v, %v", first, err)
		}
		publish(t, g, "a", "between")
		again, err := post("k", nil)
		if !again.Duplicate || err != nil {
			t.Errorf("%+v, %v", again, err)
		}
		if again.Duplicate = false; again != first {
			t.Errorf("%+v, want %+v", again, first)
		}
		if again, err := post("k", func(d *Draft) { d.IfLast = &Cursor{g.Epoch(), 99} }); err != nil || !again.Duplicate {
			t.Errorf("the key is looked up before the condition: %+v, %v", again, err)
		}
		for name, change := range map[string]func(*Draft){
			"data":  func(d *Draft) { d.Data = []byte("y") },
			"type":  func(d *Draft) { d.Type = "text/html" },
			"event": func(d *Draft) { d.Event = "e" },
			"key":   func(d *Draft) { d.Key = "k" },
			"ttl":   func(d *Draft) { d.TTL = time.Second },
			// Parts do not run into each other.
			"shifted": func(d *Draft) { d.Event, d.Data = "x", nil },
		} {
			if _, err := post("k", change); !errors.Is(err, ErrIdempotency) {
				t.Errorf("another %s: %v", name, err)
			}
		}
		for name, change := range map[string]func(*Draft){
			"scope": func(d *Draft) { d.Scope = "bob" },
			"topic": func(d *Draft) { d.Topic = "b" },
		} {
			if r, err := post("k", change); err != nil || r.Duplicate {
				t.Errorf("in another %s the key is another: %+v, %v", name, r, err)
			}
		}
		for range 10 {
			if r, err := post("k", nil); err != nil || !r.Duplicate {
				t.Fatalf("asking must not push out what is asked for: %+v, %v", r, err)
			}
		}
		time.Sleep(5*time.Minute - time.Millisecond)
		if r, _ := post("k", nil); !r.Duplicate {
			t.Error("forgotten within the window")
		}
		time.Sleep(time.Millisecond)
		if r, _ := post("k", nil); r.Duplicate {
			t.Error("remembered past the window")
		}
		for i := range 3 {
			if _, err := post(fmt.Sprint("other", i), nil); err != nil {
				t.Fatal(err)
			}
		}
		if r, _ := post("k", nil); r.Duplicate {
			t.Error("remembered past the bound")
		}
		if n, o := len(g.past.known), g.past.done.len(); n > 3 || o > 3 {
			t.Errorf("%d keys and %d entries, at most 3 are allowed", n, o)
		}
	})
}

// A key that always fails must neither pile up nor push out those that count.
func TestFailedKeysAreForgotten(t *testing.T) {
	g := newGateway(t, Options{IdempotencyKeys: 3})
	publish(t, g, "a", "x")
	good := draft("good", "x")
	good.IdempotencyKey = "good"
	if _, err := g.Publish(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		d := draft("a", "x")
		d.IdempotencyKey, d.IfEmpty = fmt.Sprint(i), true
		if _, err := g.Publish(t.Context(), d); !errors.Is(err, ErrCondition) {
			t.Fatal(err)
		}
	}
	if len(g.past.known) != 1 || g.past.done.len() != 1 {
		t.Errorf("%d keys and %d entries, want 1", len(g.past.known), g.past.done.len())
	}
	if r, err := g.Publish(t.Context(), good); err != nil || !r.Duplicate {
		t.Errorf("%+v, %v", r, err)
	}
}

// slowJournal is a memory journal whose appends wait for a word, and fail with it.
type slowJournal struct {
	*memory.Journal
	said chan error
}

func (j *slowJournal) Append(ctx context.Context, r *journal.Record, c journal.Condition) error {
	if err := <-j.said; err != nil {
		return err
	}
	return j.Journal.Append(ctx, r, c)
}

func TestATwinInFlightWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &slowJournal{memory.New(), make(chan error)}
		g := newGateway(t, Options{Journal: j})
		d := draft("a", "x")
		d.IdempotencyKey = "k"
		type answer struct {
			Receipt
			err error
		}
		answers := make(chan answer)
		post := func(ctx context.Context, d Draft) {
			r, err := g.Publish(ctx, d)
			answers <- answer{r, err}
		}
		for range 3 {
			go post(t.Context(), d)
		}
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		go post(ctx, d)
		synctest.Wait()
		cancel()
		if a := <-answers; !errors.Is(a.err, context.Canceled) {
			t.Errorf("%+v", a)
		}
		other := d
		other.Data = []byte("y")
		go post(t.Context(), other)
		if a := <-answers; !errors.Is(a.err, ErrIdempotency) {
			t.Errorf("another body in flight: %+v", a)
		}
		// The first fails: then it is the second's turn, and the third gets its receipt.
		broken := errors.New("broken")
		j.said <- broken
		if a := <-answers; !errors.Is(a.err, broken) {
			t.Errorf("%+v", a)
		}
		synctest.Wait()
		j.said <- nil
		one, two := <-answers, <-answers
		if one.err != nil || two.err != nil || one.Duplicate == two.Duplicate || one.Cursor != two.Cursor || one.Cursor.Seq != 1 {
			t.Errorf("%+v and %+v", one, two)
		}
	})
}

// stall holds the shards of g still: each in the Write of a peer, until the returned function is called.
func stall(t testing.TB, g *Gateway) (release func()) {
	t.Helper()
	var gates []*gate
	for range g.shards {
		p := &gate{newLinePeer(), make(chan struct{}), make(chan struct{})}
		start, err := g.Start(follows(t, g, "now", "gate"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := begin(g, start, p, Terms{}); err != nil {
			t.Fatal(err)
		}
		gates = append(gates, p)
	}
	publish(t, g, "gate", "x")
	for _, p := range gates {
		<-p.in
	}
	return func() {
		for _, p := range gates {
			p.out <- struct{}{}
		}
	}
}

func TestAPublishWaitsForTheWalk(t *testing.T) {
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
				g := newGateway(t, Options{Shards: 2, Default: c.keep, HistoryBytes: c.budget})
				p := newLinePeer()
				follow(t, g, p, "now", "a")
				synctest.Wait()
				release := stall(t, g)
				for range c.fits {
					publish(t, g, "a", c.data)
				}
				before, after := Stats{Dropped: make(map[GapReason]uint64)}, Stats{Dropped: make(map[GapReason]uint64)} // of the history alone: the shards hold their own
				g.history.stats(&before)
				if g.walked(before.Head) {
					t.Fatal("nothing is unwalked")
				}
				began := time.Now()
				_, err := g.Publish(t.Context(), draft("a", c.data))
				if waited := time.Since(began); !errors.Is(err, ErrBusy) || waited != 2*time.Second {
					t.Errorf("%v after %v", err, waited)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if _, err := g.Publish(ctx, draft("a", c.data)); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v", err)
				}
				if g.history.stats(&after); after.Head != before.Head || after.Messages != before.Messages {
					t.Errorf("%+v, want %+v", after, before)
				}
				// Publishers that wait go on as soon as the walk does.
				var waiting sync.WaitGroup
				for range 10 {
					waiting.Go(func() { publish(t, g, "a", c.data) })
				}
				synctest.Wait()
				release()
				waiting.Wait()
				synctest.Wait()
				lines := withoutLive(p.lines(t))
				if want := c.fits + 10; len(lines) != want || strings.Contains(text(lines), "gap") {
					t.Errorf("got %s, want %d messages", text(lines), want)
				}
			})
		})
	}
}

func TestFullSocketsHoldNoPublisherBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{Default: Retention{Messages: 2}, HistoryBytes: 8 << 10, AppendWait: time.Nanosecond})
		for i := range 100 {
			p := newLinePeer()
			p.setRoom(i)
			follow(t, g, p, "now", "a", "*")
		}
		for i := range 1000 {
			publish(t, g, "a", strings.Repeat("x", i))
			synctest.Wait()
		}
	})
}

func TestCloseEndsTheWaitForTheWalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{Shards: 1, Default: Retention{Messages: 4}, AppendWait: math.MaxInt64})
		release := stall(t, g)
		for range 4 {
			publish(t, g, "a", "x")
		}
		got := make(chan error)
		go func() {
			_, err := g.Publish(t.Context(), draft("a", "x"))
			got <- err
		}()
		synctest.Wait()
		go g.Close()
		synctest.Wait()
		if err := <-got; !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		release()
		if _, err := g.Publish(t.Context(), draft("a", "x")); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
}
