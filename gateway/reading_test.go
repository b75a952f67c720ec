package gateway

import (
	"errors"
	"fmt"
	"testing"

	"tidings/gateway/journal"
)

// fill applies n messages to a history, i to the topic that name says, without the rest of a gateway.
func fill(h *history, from, n int, name func(int) string) {
	for i := from; i < from+n; i++ {
		h.Apply(&journal.Record{Seq: uint64(i), Time: 1e12, Topic: name(i), Type: "text/plain", Data: []byte("x")})
	}
}

func newFilled(t testing.TB, n int, name func(int) string) *Gateway {
	t.Helper()
	g := newGateway(t, Options{Shards: 1, Default: Retention{Messages: n, Age: 1 << 62}, HistoryBytes: 1 << 40})
	g.history.rouse = func() {} // nobody follows here
	fill(g.history, 1, n, name)
	return g
}

func touched(t testing.TB, g *Gateway, limit int, since string, patterns ...string) Page {
	t.Helper()
	start, err := g.Start(follows(t, g, since, patterns...))
	if err != nil {
		t.Fatal(err)
	}
	return g.Read(start, limit, 1<<30)
}

// A resume looks at what it returns, and beside that at the smaller of the tail past the cursor and the topics that the
// pattern leads to.
func TestResumeIsALookup(t *testing.T) {
	t.Parallel()
	messages, topics, slack := 1_000_000, 100_000, 10
	if testing.Short() {
		messages, topics = 200_000, 20_000
	}
	g := newFilled(t, messages, func(i int) string { return fmt.Sprintf("t%d/%d", i%100, i%topics) })
	head := messages
	for _, c := range []struct {
		since        int
		follow       string
		limit        int
		items, looks int
	}{
		{head, "t1/1", 1000, 0, 1},
		{head - topics, "t1/1", 1000, 1, 2},
		{0, "t1/1", 1000, 10, 11},
		{0, "t1/1", 3, 3, 4},
		{head, "**", 1000, 0, 0},
		{head - 50, "**", 1000, 50, 100},
		{head - 50, "t77/*", 1000, 1, 51},                     // the tail is shorter than the topics
		{head - topics/2, "t7/*", 100, 100, topics/100 + 100}, // the topics are less than the tail
		{head - topics/2, "*/7", 1000, 0, topics / 2},
		{0, "t7/*", 1000, 1000, topics/100 + 1000},
		{0, "t7/7", 1000, 10, 11},
		{0, "*/77", 1000, 10, 100 + 100 + 10},
		{0, "nothing/*", 1000, 0, 2},
		{0, "nothing", 1000, 0, 1},
	} {
		page := touched(t, g, c.limit, fmt.Sprint("@", c.since), c.follow)
		if len(page.Items) != c.items {
			t.Errorf("%s since %d: %d items, want %d", c.follow, c.since, len(page.Items), c.items)
		}
		// A tail that was tried after the topics costs as much again at most.
		if page.Touched > 2*c.looks+slack {
			t.Errorf("%s since %d: %d were looked at, want about %d", c.follow, c.since, page.Touched, c.looks)
		}
	}
}

// A page of a pattern goes on where the one before it stopped, in the order of the log, whatever the limit.
func TestPagesJoinWithoutASeam(t *testing.T) {
	const messages = 500
	g := newFilled(t, messages, func(i int) string { return fmt.Sprintf("t%d/%d", i%7, i%3) })
	for _, limit := range []int{1, 2, 7, 100, 499, 500, 1000} {
		at, seen := 0, 0
		for {
			page := touched(t, g, limit, fmt.Sprint("@", at), "*/0", "t1/*", "t2/1")
			for _, item := range page.Items {
				if item.Message == nil || int(item.Message.Seq) <= at {
					t.Fatalf("limit %d: %+v past %d", limit, item, at)
				}
				at = int(item.Message.Seq)
				seen++
			}
			if at = int(page.Cursor.Seq); !page.More {
				break
			}
		}
		want := 0
		for i := 1; i <= messages; i++ {
			if i%3 == 0 || i%7 == 1 || i%7 == 2 && i%3 == 1 {
				want++
			}
		}
		if seen != want || at != messages {
			t.Errorf("limit %d: %d messages up to %d, want %d", limit, seen, at, want)
		}
	}
}

func TestBranchesThatLeadNowhereAreCounted(t *testing.T) {
	const topics = 5000
	g := newFilled(t, topics, func(i int) string { return fmt.Sprint("t", i, "/a") })
	page := touched(t, g, 10, fmt.Sprint("@", topics-10), "*/nothing")
	if page.Touched < 10 || page.Touched > 30 {
		t.Errorf("%d were looked at, want the 10 of the tail and as many branches", page.Touched)
	}
}

func TestNewestOfWhatIsFollowed(t *testing.T) {
	g := newGateway(t, Options{})
	publish(t, g, "a", "1")
	publish(t, g, "b/x", "2")
	publish(t, g, "c", "3")
	remove(t, g, "b/x") // 4
	for range 2000 {    // past what is looked at in the tail
		publish(t, g, "noise/x", "x")
	}
	for follow, want := range map[string]uint64{"a": 1, "b/*": 4, "c": 3, "*": 3, "b/**": 4, "**": 2004, "none": 0, "none/*": 0} {
		if got := g.Newest(follows(t, g, "now", follow)); got.Seq != want || got.Epoch != g.Epoch() {
			t.Errorf("%s: %v, want %d", follow, got, want)
		}
	}
	if got := g.Newest(follows(t, g, "now", "a", "c")); got.Seq != 3 {
		t.Errorf("a and c: %v", got)
	}
}

func TestTooManyTopicsAreRefused(t *testing.T) {
	g := newGateway(t, Options{FollowTopics: 2})
	if _, err := g.Start(follows(t, g, "now", "a", "b", "c")); !errors.Is(err, ErrTooManyTopics) {
		t.Errorf("%v", err)
	}
}
