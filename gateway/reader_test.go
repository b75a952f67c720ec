package gateway

import (
	"fmt"
	"slices"
	"strings"
)

// reader is the reference model of a client: it follows docs/wire.md, "What a reader keeps", word by word, and notes every
// breach of the promises.
type reader struct {
	g        *Gateway
	follows  map[string]*readerFollow // by pattern
	covers   map[string]uint64        // by topic, once something came
	position uint64
	began    bool // something was received on some connection

	received map[string][]uint64 // by topic, in the order of arrival
	forgiven map[string]uint64   // up to where nothing is owed of a topic, whatever is followed
	gaps     []line
	breaches []string
}

// readerFollow is a topic or pattern that the reader follows.
type readerFollow struct {
	pattern Pattern
	asked   string // the since that it was asked with at first
	base    uint64 // the cursor at which it began
	based   bool   // base is known
	live    bool   // on the present connection
	joined  int    // it was added to the present connection as the n-th, and does not share its position until it is live
	last    uint64 // seq of the last message that can only have come by this follow
	first   uint64 // what comes after it is owed
}

func newReader(g *Gateway) *reader {
	return &reader{
		g: g, follows: make(map[string]*readerFollow), covers: make(map[string]uint64), received: make(map[string][]uint64),
		forgiven: make(map[string]uint64),
	}
}

// add begins to follow a pattern. It is owed everything published from now on, and all behind since if that is a cursor.
func (r *reader) add(pattern, since string, head uint64) *readerFollow {
	p, err := ParsePattern(pattern)
	if err != nil {
		panic(err)
	}
	f := &readerFollow{pattern: p, asked: since, first: head}
	if seq, ok := strings.CutPrefix(since, "@"); ok {
		_, _ = fmt.Sscan(seq, &f.base)
		f.first, f.based = f.base, true
	}
	r.follows[pattern] = f
	return f
}

// sinces returns what to ask for on a new connection. Who has received nothing asks as at first, and is owed no more than
// the answer.
func (r *reader) sinces(head uint64) (patterns, sinces []string) {
	for text, f := range r.follows {
		since := f.asked
		switch {
		case r.began && (f.live || f.joined == 0):
			f.base, f.based = r.position, true
		case f.last > 0:
			f.base, f.based = f.last, true
		}
		if f.based {
			since = fmt.Sprint("@", f.base)
		} else {
			f.first = head
		}
		patterns, sinces = append(patterns, text), append(sinces, since)
	}
	return patterns, sinces
}

// hello begins a connection at a position. All that was asked for together shares it.
func (r *reader) hello(at uint64) {
	r.position = at
	for _, f := range r.follows {
		f.live, f.joined, f.last = false, 0, 0
		if f.asked == "now" && !f.based {
			f.base, f.based = at, true
		}
	}
}

func (r *reader) cover(topic string) (seq uint64, known bool) {
	if seq, ok := r.covers[topic]; ok {
		return seq, true
	}
	// Of several follows the highest that is live counts; while none is, the lowest of those that the connection began with, if
	// all are known, or else the first of those added since.
	best, first := -1, 0
	for _, f := range r.follows {
		if !f.pattern.Match(topic) {
			continue
		}
		rank := 1
		switch {
		case f.live:
			rank = 2
		case f.joined > 0:
			rank = 0
		}
		switch {
		case rank > best || rank == 0 && f.joined < first:
			best, first, seq, known = rank, f.joined, f.base, f.based
		case rank < best || rank == 0:
		case rank == 2:
			seq = max(seq, f.base)
		default:
			seq, known = min(seq, f.base), known && f.based
		}
	}
	return seq, known
}

func (r *reader) raise(topic string, to uint64) { r.covers[topic] = max(r.covers[topic], to) }

func (r *reader) take(l line) {
	switch l.Kind {
	case "message", "deleted":
		r.takeMessage(l)
	case "gap":
		r.began = true
		r.gaps = append(r.gaps, l)
		if l.Seq == 0 {
			r.breach("unknown extent without cause: %+v", l)
		}
		// A pattern's gap speaks of topics that the gateway does not know any more. It raises no cover: what is retained of the
		// others may be older than its end.
		if p, _ := ParsePattern(l.Topic); p.Exact() {
			r.raise(l.Topic, l.Seq)
		}
	case "live":
		if f := r.follows[l.Topic]; f != nil {
			f.live = true
			if !f.based {
				f.base, f.based = l.Seq, true
			}
		}
	case "ping":
		r.position = max(r.position, l.Seq)
	}
}

func (r *reader) takeMessage(l line) {
	r.began = true
	r.position = max(r.position, l.Seq)
	if only := r.only(l.Topic); only != nil {
		only.last = l.Seq
	}
	cover, known := r.cover(l.Topic)
	if known && l.Seq <= cover {
		return
	}
	if l.Kind == "deleted" {
		r.gaps = append(r.gaps, line{Topic: l.Topic, From: 1, Seq: l.Seq, Reason: "deleted"})
		r.raise(l.Topic, l.Seq)
		return
	}
	if known && l.Prev > cover && !l.Latest {
		r.breach("%s: %d after cover %d has prev %d, and no gap says so", l.Topic, l.Seq, cover, l.Prev)
	}
	if n := len(r.received[l.Topic]); n > 0 && r.received[l.Topic][n-1] >= l.Seq {
		r.breach("%s: %d came after %d", l.Topic, l.Seq, r.received[l.Topic][n-1])
	}
	r.received[l.Topic] = append(r.received[l.Topic], l.Seq)
	r.covers[l.Topic] = l.Seq
}

// settle says that everything was read up to a position without more.
func (r *reader) settle(at uint64) {
	r.position = max(r.position, at)
	r.began = true
	for _, f := range r.follows {
		f.live = true
		if !f.based {
			f.base, f.based = at, true
		}
	}
}

// only returns the follow by which a topic comes, if there is just one.
func (r *reader) only(topic string) (found *readerFollow) {
	for _, f := range r.follows {
		if f.pattern.Match(topic) {
			if found != nil {
				return nil
			}
			found = f
		}
	}
	return found
}

func (r *reader) breach(format string, args ...any) {
	r.breaches = append(r.breaches, fmt.Sprintf(format, args...))
}

// missing checks that every message of the log that is owed has arrived or is in a gap.
func (r *reader) missing(log []line) {
	for i, m := range log {
		superseded := func(newer line) bool {
			return newer.Topic == m.Topic && (m.Topic == "last" || m.Topic == "keyed" && m.Key != "" && newer.Key == m.Key)
		}
		if slices.ContainsFunc(log[i+1:], superseded) || !r.owed(m) || r.has(m) || r.inGap(m) {
			continue
		}
		r.breach("%s: %d was lost without a word (%s)", m.Topic, m.Seq, m.Data)
	}
}

// owed reports whether m lies past where every follow of its topic began: following more brings back nothing that is
// behind the topic's cover.
func (r *reader) owed(m line) bool {
	owed := false
	if m.Seq <= r.forgiven[m.Topic] {
		return false
	}
	for _, f := range r.follows {
		if f.pattern.Match(m.Topic) {
			if m.Seq <= f.first {
				return false
			}
			owed = true
		}
	}
	return owed
}

func (r *reader) has(m line) bool { return slices.Contains(r.received[m.Topic], m.Seq) }

func (r *reader) inGap(m line) bool {
	for _, g := range r.gaps {
		if p, _ := ParsePattern(g.Topic); p.Match(m.Topic) && g.From <= m.Seq && m.Seq <= g.Seq {
			return true
		}
	}
	return false
}
