package client

import (
	"fmt"

	"tidings/gateway"
)

// reader keeps what docs/wire.md says that a reader keeps: one position, and a cover per topic. It decides what of all that
// comes in is new, and notices what is missing.
type reader struct {
	epoch   string
	at      uint64 // position; counts once heard is true
	heard   bool   // the gateway has told a position, or sent a message
	follows []*follow
	covers  map[string]uint64 // per topic: the last seq received in it, raised by gaps
	// restarted is set on a connection that began with another epoch: the restart was reported, and the gateway's own gaps
	// that say the same are not reported again.
	restarted bool
}

// follow is one topic or pattern that is followed.
type follow struct {
	pattern gateway.Pattern
	since   string // as it was asked for at first
	exact   bool   // it begins at a cursor, or at the one that hello tells (now)
	begun   bool   // base is known
	base    uint64 // cover of topics without a message
	live    bool   // it has caught up on this connection
	told    bool   // that a poll has caught up was told on this connection; a stream says live itself
	last    uint64 // last seq received from it in this epoch
}

func newReader(patterns []gateway.Pattern, since []string) (*reader, error) {
	r := &reader{covers: map[string]uint64{}}
	for i, p := range patterns {
		f := &follow{pattern: p, since: since[i], exact: since[i] == "now"}
		if c, err := gateway.ParseCursor(since[i]); err == nil {
			if r.epoch != "" && r.epoch != c.Epoch {
				return nil, fmt.Errorf("the cursors are of different logs: %s and %s", r.epoch, c.Epoch)
			}
			r.epoch = c.Epoch
			f.exact, f.begun, f.base = true, true, c.Seq
		}
		r.follows = append(r.follows, f)
	}
	return r, nil
}

// since returns where each follow is to be taken up on the next connection.
func (r *reader) since() []string {
	out := make([]string, len(r.follows))
	for i, f := range r.follows {
		switch {
		case f.live && r.heard:
			out[i] = r.cursor(r.at)
		case f.last > 0:
			out[i] = r.cursor(f.last)
		case f.since == "now" && f.begun:
			out[i] = r.cursor(f.base) // asked again, "now" would leave out what has come meanwhile
		default:
			out[i] = f.since
		}
	}
	return out
}

func (r *reader) cursor(seq uint64) string { return gateway.Cursor{Epoch: r.epoch, Seq: seq}.String() }

// connect prepares for a new connection: nothing is live on it yet. What was live is taken up at the position; where its
// covers begin stays as it was, so that a loss in between is noticed.
func (r *reader) connect() {
	r.restarted = false
	for _, f := range r.follows {
		if f.live && r.heard {
			f.last = r.at
		}
		f.live, f.told = false, false
	}
}

// take takes an object in and returns what is to be told of it.
func (r *reader) take(o object) ([]Event, error) {
	switch {
	case o.Hello != nil:
		return r.meet(o.Hello.Cursor, true)
	case o.page != nil && o.page.first:
		return r.meet(o.page.Cursor, false)
	case o.page != nil:
		return r.settle(o.page)
	case o.Ping != nil:
		return nil, r.move(o.Ping.Cursor)
	case o.Gap != nil:
		return r.gap(o.Gap), nil
	case o.Live != nil:
		return r.caughtUp(o.Live)
	case o.Deleted != nil:
		return r.deleted(o.Deleted), nil
	}
	m, err := o.message(r.epoch)
	if m == nil || err != nil {
		return nil, err
	}
	return r.message(m), nil
}

// meet compares the epoch with which a connection or a poll begins. A hello also tells where the follows begin.
func (r *reader) meet(text string, hello bool) ([]Event, error) {
	c, err := gateway.ParseCursor(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %q: %w", ErrUnreachable, text, err)
	}
	var events []Event
	if r.epoch != "" && r.epoch != c.Epoch {
		clear(r.covers)
		r.restarted, r.heard = true, false
		for _, f := range r.follows {
			f.begun, f.exact, f.live, f.told, f.last = false, false, false, false, 0
			f.since = "all" // should the connection break before a message: everything of the new log is news
			events = append(events, Event{Gap: &Gap{Topic: f.pattern.String(), Reason: string(gateway.GapRestart)}})
		}
	}
	r.epoch = c.Epoch
	if !hello {
		return events, nil
	}
	r.at, r.heard = c.Seq, true
	for _, f := range r.follows {
		if f.exact && !f.begun {
			f.begun, f.base = true, c.Seq
		}
	}
	return events, nil
}

// move sets the position to what the gateway says it is.
func (r *reader) move(text string) error {
	c, err := gateway.ParseCursor(text)
	if err != nil || c.Epoch != r.epoch {
		return fmt.Errorf("%w: %q is no cursor of this log", ErrUnreachable, text)
	}
	r.at, r.heard = c.Seq, true
	return nil
}

// settle ends a poll's answer: the position is its cursor, and without more to come everything has caught up.
func (r *reader) settle(p *page) ([]Event, error) {
	if err := r.move(p.Cursor); err != nil {
		return nil, err
	}
	var events []Event
	for _, f := range r.follows {
		f.live = true // a poll goes on from its cursor, whether there is more or not
		if p.More {
			continue
		}
		if !f.begun {
			f.begun, f.base = true, r.at
		}
		if !f.told {
			f.told = true
			events = append(events, Event{Live: &Live{Topic: f.pattern.String(), Cursor: p.Cursor}})
		}
	}
	return events, nil
}

func (r *reader) caughtUp(l *Live) ([]Event, error) {
	c, err := gateway.ParseCursor(l.Cursor)
	if err != nil || c.Epoch != r.epoch {
		return nil, fmt.Errorf("%w: %q is no cursor of this log", ErrUnreachable, l.Cursor)
	}
	for _, f := range r.follows {
		if f.pattern.String() != l.Topic {
			continue
		}
		f.live = true
		if !f.begun {
			f.begun, f.base = true, c.Seq
		}
	}
	return []Event{{Live: l}}, nil
}

// cover returns the cover of a topic; ok is false while it has none.
func (r *reader) cover(topic string) (cover uint64, ok bool) {
	if seq, has := r.covers[topic]; has {
		return seq, true
	}
	// Of several follows that match, the one that began first has the most to say.
	for _, f := range r.follows {
		if !f.pattern.Match(topic) {
			continue
		}
		if !f.begun {
			return 0, false
		}
		if !ok || f.base < cover {
			cover, ok = f.base, true
		}
	}
	return cover, ok
}

func (r *reader) message(m *Message) (events []Event) {
	cover, has := r.cover(m.Topic)
	if has && m.Seq <= cover {
		return nil // a duplicate
	}
	if has && m.Prev > cover && !m.Latest {
		events = append(events, Event{Gap: &Gap{Topic: m.Topic, From: cover + 1, To: m.Prev, Reason: Unstated}})
	}
	r.covers[m.Topic] = m.Seq
	for _, f := range r.follows {
		if f.pattern.Match(m.Topic) {
			f.last = m.Seq
		}
	}
	if !r.heard || m.Seq > r.at {
		r.at, r.heard = m.Seq, true
	}
	return append(events, Event{Message: m})
}

func (r *reader) gap(g *Gap) []Event {
	switch gateway.GapReason(g.Reason) {
	case gateway.GapRestart:
		if r.restarted {
			r.raise(g.Topic, g.To)
			return nil
		}
		r.forget(g.Topic)
	case gateway.GapUnknownCursor:
		// What we thought to have is ahead of the log: everything that it retains comes, with lower seqs.
		r.forget(g.Topic)
	}
	r.raise(g.Topic, g.To)
	for _, f := range r.follows {
		if f.last == 0 && f.pattern.Match(g.Topic) {
			f.last = r.at // from here the gap is stated again, should no message come before the connection ends
		}
	}
	return []Event{{Gap: g}}
}

func (r *reader) deleted(d *Deleted) []Event {
	r.raise(d.Topic, d.To)
	return []Event{{Deleted: d}}
}

// raise lifts the cover of a topic, or of all that match a pattern, to a seq. It never lowers one.
func (r *reader) raise(topic string, to uint64) {
	if to == 0 {
		return
	}
	p, err := gateway.ParsePattern(topic)
	if err != nil {
		return
	}
	if p.Exact() {
		if cover, _ := r.cover(topic); to > cover {
			r.covers[topic] = to
		}
		return
	}
	for have, cover := range r.covers {
		if p.Match(have) {
			r.covers[have] = max(cover, to)
		}
	}
	for _, f := range r.follows {
		if f.begun && (f.pattern.String() == topic || f.pattern.Exact() && p.Match(f.pattern.String())) {
			f.base = max(f.base, to)
		}
	}
}

// forget drops the covers of a topic or of all that match a pattern: its next message is taken as it comes.
func (r *reader) forget(topic string) {
	p, err := gateway.ParsePattern(topic)
	if err != nil {
		return
	}
	for have := range r.covers {
		if p.Match(have) {
			delete(r.covers, have)
		}
	}
	for _, f := range r.follows {
		if f.pattern.String() == topic || p.Match(f.pattern.String()) {
			f.begun, f.exact, f.last = false, false, 0
		}
	}
}
