package gateway

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// The model test drives a gateway with random publishes, deletions, pauses and clients that follow, stall, poll, switch and
// come back, and holds what every client got against the list of everything published: in order, nothing twice, and what
// is missing lies in a gap that was stated.

var (
	modelTopics   = []string{"a", "b/x", "b/y", "c/z/z", "last", "keyed"}
	modelPatterns = []string{"a", "b/x", "b/*", "**", "c/**", "last", "nothing", "keyed"}
)

type modelOp struct {
	kind   string
	client int
	name   int
	amount int
}

var modelOps = []string{
	"publish", "publish", "publish", "publish", "burst", "batch", "delete", "sleep", "ttl",
	"connect", "connect", "poll", "poll", "drop", "stall", "flow", "add", "remove",
}

func drawOps(t *rapid.T) []modelOp {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) modelOp {
		return modelOp{
			kind:   rapid.SampledFrom(modelOps).Draw(t, "kind"),
			client: rapid.IntRange(0, 2).Draw(t, "client"),
			name:   rapid.IntRange(0, 7).Draw(t, "name"),
			amount: rapid.IntRange(0, 100).Draw(t, "amount"),
		}
	}), 1, 80).Draw(t, "ops")
}

func TestNothingIsLostDoubledOrOutOfOrder(t *testing.T) {
	last, keyed := pattern(t, "last"), pattern(t, "keyed")
	rapid.Check(t, func(rt *rapid.T) {
		ops := drawOps(rt)
		o := Options{
			Shards:  rapid.IntRange(1, 2).Draw(rt, "shards"),
			Default: Retention{Messages: rapid.SampledFrom([]int{2, 5, 100}).Draw(rt, "retained"), Age: time.Minute},
			Rules: []Rule{
				{Pattern: last, Retention: Retention{Messages: 1}},
				{Pattern: keyed, Retention: Retention{ByKey: true}},
				{Pattern: pattern(t, "b/x"), Slow: Slow{Disconnect: true, Lag: rapid.SampledFrom([]int{0, 3}).Draw(rt, "lag")}},
			},
			// A small budget drops messages and lets topics go.
			HistoryBytes: int64(rapid.SampledFrom([]int{4 << 10, 1 << 20}).Draw(rt, "budget")),
		}
		// Without few topics, patterns are read along the tail, and never much of it at a time.
		few := rapid.SampledFrom([]int{0, fewTopics}).Draw(rt, "few")
		look := rapid.SampledFrom([]int{1, 5, lookSlice}).Draw(rt, "look")
		var breaches []string
		synctest.Test(t, func(t *testing.T) {
			m := &model{t: t, g: newGateway(t, o)}
			m.g.history.fewTopics, m.g.history.lookSlice = few, look
			for range 3 {
				m.clients = append(m.clients, &modelClient{reader: newReader(m.g)})
			}
			for i, op := range ops {
				m.do(op)
				if i%3 == op.amount%3 {
					synctest.Wait()
				}
			}
			breaches = m.end()
		})
		if len(breaches) > 0 {
			rt.Fatalf("%s", strings.Join(breaches, "\n"))
		}
	})
}

type model struct {
	t       *testing.T
	g       *Gateway
	clients []*modelClient
	log     []line // everything published
}

// modelClient is a reader and its present connection.
type modelClient struct {
	*reader
	peer     *linePeer
	follower *Follower
	read     int // how many of the peer's lines the reader has taken
	joins    int // how many follows were added
}

func (m *model) head() uint64 { return m.g.history.head.Load() }

func (m *model) do(op modelOp) {
	c := m.clients[op.client]
	topic := modelTopics[op.name%len(modelTopics)]
	pattern := modelPatterns[op.name]
	switch op.kind {
	case "publish":
		m.publish(topic, 0)
	case "ttl":
		m.publish(topic, time.Duration(op.amount)*time.Second)
	case "burst":
		for range op.amount / 4 {
			m.publish(topic, 0)
		}
	case "batch":
		m.publishAll(op.amount, op.name)
	case "delete":
		if _, err := m.g.Delete(m.t.Context(), topic); err != nil {
			m.t.Error(err)
		}
	case "sleep":
		time.Sleep(time.Duration(op.amount) * time.Second)
	case "connect":
		if len(c.follows) == 0 {
			c.add(pattern, m.since(op.amount), m.head())
		}
		m.connect(c)
	case "poll":
		if len(c.follows) == 0 {
			c.add(pattern, m.since(op.amount), m.head())
		}
		m.poll(c, 1+op.amount%4)
	case "drop":
		m.drop(c)
	case "stall":
		if c.peer != nil {
			c.peer.setRoom(op.amount * 2)
		}
	case "flow":
		m.flow(c)
	case "add":
		m.add(c, pattern, m.since(op.amount))
	case "remove":
		m.remove(c, pattern)
	}
}

func (m *model) publish(topic string, ttl time.Duration) {
	key := []string{"", "x", "y", "z"}[len(m.log)*7%11%4]
	r, err := m.g.Publish(m.t.Context(), Draft{Topic: topic, Key: key, Data: fmt.Appendf(nil, "%s%d", topic, len(m.log)), TTL: ttl})
	if err != nil {
		m.t.Error(err)
		return
	}
	m.log = append(m.log, line{Topic: topic, Seq: r.Cursor.Seq, Key: key, Data: fmt.Sprint(topic, len(m.log))})
}

// since makes up where a follow begins: now, everything, the last few, or some cursor.
func (m *model) since(n int) string {
	switch {
	case n < 25:
		return "now"
	case n < 40:
		return "all"
	case n < 50:
		return "last:2"
	}
	return fmt.Sprint("@", m.head()*uint64(n-50)/50)
}

// start resolves what the client asks for on a new connection.
func (m *model) start(c *modelClient) *Start {
	patterns, sinces := c.sinces(m.head())
	var all []Follow
	for i := range patterns {
		all = append(all, follows(m.t, m.g, sinces[i], patterns[i])...)
	}
	start, err := m.g.Start(all)
	if err != nil {
		m.t.Fatal(err)
	}
	c.hello(start.Cursor().Seq)
	return start
}

func (m *model) connect(c *modelClient) {
	m.drop(c)
	c.peer = newLinePeer()
	c.follower = new(Follower)
	terms := &Terms{Format: lineFormat, Live: true, MaxParts: 3, MaxBytes: 300, Ping: 5 * time.Second}
	err := m.g.Follow(c.follower, FollowOptions{Start: m.start(c), Peer: c.peer, Terms: terms, Tick: 100 * time.Millisecond})
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *model) poll(c *modelClient, limit int) {
	m.drop(c)
	page := m.g.Read(m.start(c), limit, 1<<20)
	for _, l := range pageLines(page) {
		c.take(l)
	}
	c.position = max(c.position, page.Cursor.Seq)
	if !page.More {
		c.settle(page.Cursor.Seq)
	}
}

// drop breaks the client's connection; it keeps what has arrived.
func (m *model) drop(c *modelClient) {
	if c.peer == nil {
		return
	}
	c.follower.Close(ReasonGone)
	synctest.Wait()
	m.receive(c)
	c.peer, c.follower, c.read = nil, nil, 0
}

func (m *model) receive(c *modelClient) {
	lines := c.peer.lines(m.t)
	for _, l := range lines[c.read:] {
		c.take(l)
	}
	c.read = len(lines)
}

func (m *model) flow(c *modelClient) {
	if c.peer != nil {
		c.peer.setRoom(-1)
		c.follower.Ready()
	}
}

// add follows more on a live connection. A client that took nothing yet takes what has come first: what it was owed until
// then is not what this asks for.
func (m *model) add(c *modelClient, pattern, since string) {
	if c.peer == nil || c.follows[pattern] != nil {
		return
	}
	head := m.head()
	added := m.parse(pattern, since)
	_, _ = c.follower.Add(added, func(at Cursor) []byte {
		return fmt.Appendf(nil, `{"Kind":"reply","Topic":%q,"Seq":%d}`+"\n", pattern, at.Seq)
	})
	f := c.reader.add(pattern, since, head)
	c.joins++
	f.joined = c.joins
	synctest.Wait() // nothing is published until it has begun, so that it began at head
	if since == "now" {
		f.base, f.based = head, true
	}
}

func (m *model) parse(pattern, since string) []Follow { return follows(m.t, m.g, since, pattern) }

func (m *model) remove(c *modelClient, pattern string) {
	if c.peer == nil || c.follows[pattern] == nil || len(c.follows) == 1 {
		return
	}
	p, _ := ParsePattern(pattern)
	c.follower.Remove([]Pattern{p}, nil)
	synctest.Wait()
	m.receive(c)
	delete(c.follows, pattern)
	// What lies behind the removed follow's covers does not come back by another follow of the same topics.
	for _, topic := range modelTopics {
		if p.Match(topic) {
			c.forgiven[topic] = m.head()
		}
	}
	// What the client has of topics that it does not follow any more is of no use later.
	for topic := range c.covers {
		if !slices.ContainsFunc(m.patterns(c), func(p Pattern) bool { return p.Match(topic) }) {
			delete(c.covers, topic)
			delete(c.received, topic)
		}
	}
}

func (m *model) patterns(c *modelClient) (out []Pattern) {
	for _, f := range c.follows {
		out = append(out, f.pattern)
	}
	return out
}

// end lets every client read all there is, and returns what was wrong.
func (m *model) end() (breaches []string) {
	synctest.Wait()
	for i, c := range m.clients {
		if len(c.follows) == 0 {
			continue
		}
		if c.peer == nil {
			m.connect(c)
		}
		m.flow(c)
		synctest.Wait()
		if reason, _ := c.peer.end(); reason != "" {
			m.receive(c)
			m.connect(c)
			synctest.Wait()
		}
		m.receive(c)
		c.missing(m.log)
		for _, b := range c.breaches {
			breaches = append(breaches, fmt.Sprintf("client %d: %s", i, b))
		}
	}
	return breaches
}
