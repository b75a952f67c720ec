package gateway

import "tidings/gateway/journal"

// room is what a batch that is about to be appended would do to one topic.
type room struct {
	topic   string
	log     *topicLog
	keep    Retention
	retain  int   // how many messages are retained now
	added   int   // by the batch so far
	dropped int   // of those that are retained now, oldest first
	bytes   int64 // of payload then
	skips   bool  // it conflates: it means to skip
}

// admits returns how many of the records, from the first, may be appended at once: those for which none would have to wait if they
// came one after the other (see awaitWalk). A record that would have to wait for one of the same batch is not among them.
func (g *Gateway) admits(all []journal.Record) int {
	walked := g.slowest()
	h := g.history
	h.mu.RLock()
	defer h.mu.RUnlock()
	var rooms [mostAtOnce]room
	topics := 0
	left := h.limit - h.used()
	gone, freed := 0, int64(0)
	for i := range all {
		r := &all[i]
		// The budget of all topics: what makes room must have been walked, to the middle of what is left then.
		need := left - int64(len(r.Data)) - messageOverhead
		for need+freed < 0 && gone < h.tail.slots.len() {
			if m := h.tail.slots.at(gone).message; m != nil {
				freed += m.size()
			}
			gone++
		}
		if need < 0 && h.tail.slots.len() > 0 {
			middle := gone + (h.tail.slots.len()-gone-1)/2
			if middle >= h.tail.slots.len() || h.tail.slots.at(middle).seq > walked {
				return i
			}
		}
		left -= costOf(r)
		at := 0
		for at < topics && rooms[at].topic != r.Topic {
			at++
		}
		if at == topics {
			rooms[at] = h.room(r.Topic)
			topics++
			if h.topics[r.Topic] == nil {
				left -= topicOverhead
			}
		}
		if !rooms[at].take(int64(len(r.Data)), walked) {
			return i
		}
	}
	return len(all)
}

// costOf is what the record's message will count in the history.
func costOf(r *journal.Record) int64 {
	return int64(len(r.Topic)+len(r.Type)+len(r.Event)+len(r.Key)+len(r.Data)) + messageOverhead
}

// room returns a topic as it is. h.mu is held.
func (h *history) room(topic string) room {
	t := h.topics[topic]
	if t == nil {
		t = new(topicLog)
		t.keep, _ = h.rule(topic)
	}
	return room{topic: topic, log: t, keep: t.keep, retain: t.ring.len(), bytes: t.bytes, skips: t.conflates()}
}

// take reports whether another message may come, and adds it.
func (r *room) take(size int64, walked uint64) bool {
	if r.skips {
		return true
	}
	n := r.retain + r.added - r.dropped
	if n > 0 && (n >= r.keep.Messages || r.bytes+size > r.keep.Bytes) {
		middle := r.dropped + (n-1)/2
		if middle >= r.retain || (*r.log.ring.at(middle)).Seq > walked {
			return false
		}
	}
	r.added++
	r.bytes += size
	for n++; n > r.keep.Messages || r.bytes > r.keep.Bytes && n > 1; n-- {
		if r.dropped == r.retain {
			return false
		}
		r.bytes -= int64(len((*r.log.ring.at(r.dropped)).Data))
		r.dropped++
	}
	return true
}
