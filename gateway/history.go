package gateway

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tidings/gateway/journal"
)

// What a retained message and a topic cost beside their texts, for the budget: structs, ring and index slots, map entries.
const (
	messageOverhead = 256
	topicOverhead   = 512
)

// history is what the log's newest part looks like in memory: a ring of messages per topic, and one tail index over all.
// It is the journal's sink and so has one writer, which holds mu; followers that are behind and polls read under its
// read lock. Shards that keep up never take it: they walk the links.
type history struct {
	log   *logState
	rules []Rule
	rest  Retention // of topics that no rule matches
	limit int64     // bytes

	lookSlice, fewTopics int  // the constants, but in tests
	disconnects          bool // a rule has slow followers ended

	// followed reports whether somebody follows the topic by name; shed asks a follower to be closed as slow.
	followed func(topic string) bool
	shed     func(*Follower)
	rouse    func() // tells the shards that there is a message to walk

	mu       sync.RWMutex
	topics   map[string]*topicLog // guarded by mu, as all that follows
	names    nameTree
	tail     tailIndex
	losses   lossIndex
	due      dueHeap
	messages int
	bytes    int64 // what all messages that are retained and all topics cost
	floor    uint64
	floorWhy GapReason // why the messages up to floor are lost
	dropped  [len(GapReasons)]uint64
	newest   *link // the end of the log: the next message is linked behind it

	head atomic.Uint64 // seq of the newest message; written under mu
}

// topicLog is one topic's state. It is guarded by history.mu.
type topicLog struct {
	name     string
	keep     Retention
	ring     deque[*Message] // what is retained, oldest first
	bytes    int64           // of payload in ring
	last     uint64          // newest seq of the topic, markers included
	time     int64           // of last
	emptied  int64           // when the last retained message went; 0 if there is one
	newest   *place          // of the message last, while it is retained or a marker
	ttl      bool            // some message in ring has a time to live
	due      int64           // when something of the topic expires
	dueIndex int             // in history.due, plus 1; 0 for nowhere
	lostAt   uint64          // of its slot in history.losses; 0 for none
	keyed    *keyed          // nil unless the topic conflates by key
	slow     Slow

	// The highest seq that was lost for each reason, leaving conflation out: it is no loss.
	expired, deleted, limited uint64
}

// conflates reports whether a message of the topic may be skipped because of a newer one: whichever that is, or, by key, one with
// the same key.
func (t *topicLog) conflates() bool { return t.keep.Messages == 1 || t.keyed != nil }

// lastLost returns the highest seq that was lost.
func (t *topicLog) lastLost() uint64 { return max(t.expired, t.deleted, t.limited) }

// conflated is why a message leaves the history whose topic has a newer one that says all that it said. No gap states that.
const conflated GapReason = ""

func newHistory(o Options, epoch string) *history {
	h := &history{
		log: &logState{epoch: epoch, born: time.Now()}, rules: o.Rules, rest: o.Default, limit: o.HistoryBytes,
		topics: make(map[string]*topicLog), floorWhy: GapExpired, losses: lossIndex{slots: deque[loss]{steady: true}},
		lookSlice: lookSlice, fewTopics: fewTopics,
	}
	h.losses.count = 1
	h.disconnects = slices.ContainsFunc(o.Rules, func(r Rule) bool { return r.Slow.Disconnect })
	h.newest = &link{place: &place{message: &Message{log: h.log}}} // seq 0: where the first message is linked
	return h
}

var _ journal.BatchSink = (*history)(nil)

// State implements [journal.Sink].
func (h *history) State(topic string) (last uint64, retained int) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if t := h.topics[topic]; t != nil {
		return t.last, t.ring.len()
	}
	return 0, 0
}

// Apply implements [journal.Sink]: it links the record's message behind the one before it, and lets go what is over a
// bound because of it.
func (h *history) Apply(r *journal.Record) {
	m := newMessage(r, h.log)
	m.arrived = h.log.since()
	here := &link{place: &place{message: m}}

	h.mu.Lock()
	before := h.newest
	h.apply(r, here)
	h.mu.Unlock()

	// Only now can a shard see it: whoever is behind finds it in the history by then.
	before.next.Store(here)
	h.rouse()
}

// ApplyAll implements [journal.BatchSink]: as Apply for one after the other, with the lock taken and the shards roused once.
func (h *history) ApplyAll(all []journal.Record) {
	if len(all) == 0 {
		return
	}
	arrived := h.log.since()
	links := make([]*link, 0, mostAtOnce)
	for i := range all {
		m := newMessage(&all[i], h.log)
		m.arrived = arrived
		links = append(links, &link{place: &place{message: m}})
		if i > 0 {
			links[i-1].next.Store(links[i]) // nobody sees it before the first is linked
		}
	}

	h.mu.Lock()
	before := h.newest
	for i := range all {
		h.apply(&all[i], links[i])
	}
	h.mu.Unlock()

	before.next.Store(links[0])
	h.rouse()
}

// apply puts the record's message, which is in here, at the end of the history. h.mu is held.
func (h *history) apply(r *journal.Record, here *link) {
	m := here.place.message
	t, fresh := h.topic(m.Topic)
	m.Topic = t.name // one copy for all messages of a topic, and none of the request it came in
	m.Prev, m.Latest, m.byKey = t.last, t.conflates(), t.keyed != nil
	m.reborn = fresh && m.Prev > 0 && !m.Deleted
	r.Prev = m.Prev
	if t.newest != nil {
		t.newest.after.Store(here.place)
	}
	if t.ring.len() == 0 || (*t.ring.at(t.ring.len() - 1)).Seq != t.last { // else there is none, and nothing to search for
		h.tail.unstub(t)
	}
	t.last, t.time, t.newest = m.Seq, m.Time, here.place
	if m.Deleted {
		for t.ring.len() > 0 {
			h.drop(t, t.ring.pop(), GapDeleted)
		}
		t.deleted = m.Seq
		h.lose(t) // the marker itself too, for whoever comes late
		t.emptied = m.Time
		m.leave() // it is never in a ring: its encodings count only while they are pinned
		h.tail.push(tailSlot{seq: m.Seq, topic: t})
	} else {
		if t.keyed != nil {
			t.join(m)
		}
		t.ring.push(m)
		t.emptied = 0
		t.bytes += int64(len(m.Data))
		h.messages++
		h.bytes += m.size()
		h.tail.push(tailSlot{seq: m.Seq, topic: t, message: m})
		t.ttl = t.ttl || m.Expires != 0
		if t.keyed != nil {
			h.conflate(t, m)
		}
		for t.ring.len() > t.keep.Messages || t.bytes > t.keep.Bytes && t.ring.len() > 1 {
			h.drop(t, t.ring.pop(), GapLimit)
		}
	}
	h.schedule(t)
	h.newest = here
	h.head.Store(m.Seq)
	h.shrink()
}

// topic returns the topic's state, made new if there is none. h.mu is held.
func (h *history) topic(name string) (t *topicLog, fresh bool) {
	t = h.topics[name]
	if t == nil {
		name = strings.Clone(name) // what was published is a piece of a request, which must not be kept for a name
		t = &topicLog{name: name, last: h.floor}
		t.keep, t.slow = h.rule(name)
		if t.keep.ByKey && t.keep.Messages > 1 {
			t.keyed = &keyed{newest: make(map[string]uint64), holes: make(map[uint64]uint64)}
			t.expired = h.floor // prev does not tell
		}
		h.topics[name] = t
		h.names.add(t)
		h.bytes += topicOverhead
		if h.floor > 0 {
			h.lose(t) // it may have had messages before
		}
		return t, true
	}
	return t, false
}

// rule returns what holds for a topic.
func (h *history) rule(topic string) (Retention, Slow) {
	for _, rule := range h.rules {
		if rule.Pattern.Match(topic) {
			return rule.Retention.withDefaults(h.rest), rule.Slow
		}
	}
	return h.rest, Slow{}
}

// drop takes account of m, which has left t's ring. h.mu is held.
func (h *history) drop(t *topicLog, m *Message, why GapReason) {
	t.bytes -= int64(len(m.Data))
	h.bytes -= m.size()
	h.messages--
	if why == GapLimit && t.keep.Messages == 1 && m.Seq != t.last {
		why = conflated
	}
	switch why {
	case GapExpired:
		t.expired = max(t.expired, m.Seq) // one in the middle may have gone before for its TTL
	case GapDeleted:
		t.deleted = m.Seq
	case GapLimit:
		t.limited = m.Seq
	}
	lost := why != conflated
	if lost {
		h.count(why)
	}
	if t.keyed != nil {
		lost = t.left(m, lost) || lost
	}
	if lost {
		h.lose(t)
	}
	h.tail.clear(m.Seq, m.Seq == t.last)
	if t.newest != nil && t.newest.message == m {
		t.newest = nil // a message that is not retained must not be kept by its topic
	}
	m.leave()
}

func (h *history) count(why GapReason) {
	for i, reason := range GapReasons {
		if reason == why {
			h.dropped[i]++
		}
	}
}

// used returns what counts against the budget. h.mu is held.
func (h *history) used() int64 { return h.bytes + h.log.encoded.Load() + h.log.pinned.size() }

// shrink keeps the whole history within its budget, oldest first: followers that have stopped reading and pin what left the
// history already, then messages and topics. h.mu is held.
func (h *history) shrink() {
	for h.used() > h.limit {
		slow := h.log.pinned.takeOldest()
		if len(slow) == 0 {
			break
		}
		for _, f := range slow {
			h.shed(f)
		}
	}
	for h.used() > h.limit {
		slot := h.tail.oldest()
		switch {
		case slot == nil || slot.seq == h.head.Load():
			return // the newest always stays, however large it is
		case slot.message != nil:
			h.drop(slot.topic, slot.topic.ring.pop(), GapLimit)
		default:
			h.letGo(slot.topic, GapLimit)
		}
	}
}

// letGo forgets a topic, in which nothing is retained. h.mu is held.
func (h *history) letGo(t *topicLog, why GapReason) {
	h.tail.unstub(t)
	delete(h.topics, t.name)
	h.names.remove(t.name)
	h.bytes -= topicOverhead
	if t.last > h.floor {
		h.floor, h.floorWhy = t.last, why
	}
	h.due.remove(t)
	t.lostAt = 0
	h.losses.trim(len(h.topics))
}

// lost returns the gap between base, up to which a follower has the topic's messages, and to, the last one that is
// missing; ok is false if nothing is missing. Conflation is no loss. h.mu is held.
func (t *topicLog) lost(base, to uint64) (n Notice, ok bool) {
	if t.conflates() {
		to = min(to, t.lastLost())
	}
	if to <= base {
		return Notice{}, false
	}
	n = Notice{Kind: NoticeGap, Topic: t.name, From: base + 1, To: to, Reason: GapLimit}
	switch {
	case t.deleted > base:
		n.Reason = GapDeleted
	case t.expired > base && t.expired >= t.limited, t.expired == 0 && t.limited == 0:
		// With no loss of its own, the topic was let go before: that follows an expiry, or the budget.
		n.Reason = GapExpired
	}
	return n, true
}
