package gateway

// keyed is what a topic that conflates by key has beside its ring. Of its messages with the same key only the newest is retained;
// those without a key are retained as in any other topic.
//
// Between two messages of such a topic others may have gone because of newer ones, so that prev does not tell a loss. Holes does.
type keyed struct {
	newest map[string]uint64 // by key: the seq of the message that is retained
	holes  map[uint64]uint64 // by the seq of a message that is retained: the highest that was lost between it and the one before it
}

// join takes account of m, which is about to come into the topic's ring.
func (t *topicLog) join(m *Message) {
	var last uint64
	if n := t.ring.len(); n > 0 {
		last = (*t.ring.at(n - 1)).Seq
	}
	if lost := t.lastLost(); lost > last {
		t.keyed.holes[m.Seq] = lost
	}
}

// left takes account of m, which has left the topic's ring. It returns true if a hole has no message in front of it any more that
// it had: whoever did not read that one yet must hear of the hole earlier.
func (t *topicLog) left(m *Message, lost bool) (bared bool) {
	k := t.keyed
	hole := k.holes[m.Seq]
	delete(k.holes, m.Seq)
	if lost {
		hole = m.Seq
	}
	// What is lost at the end of the ring is known by lastLost.
	if next := t.past(m.Seq); next < t.ring.len() {
		seq := (*t.ring.at(next)).Seq
		if hole = max(hole, k.holes[seq]); hole > 0 {
			k.holes[seq] = hole
			bared = true
		}
	}
	if k.newest[m.Key] == m.Seq {
		delete(k.newest, m.Key)
	}
	return bared
}

// conflate lets go the message that m, which is in the topic's ring, is to be read instead of. h.mu is held.
func (h *history) conflate(t *topicLog, m *Message) {
	if m.Key == "" {
		return
	}
	older := t.keyed.newest[m.Key]
	t.keyed.newest[m.Key] = m.Seq
	if older > 0 {
		h.drop(t, t.ring.remove(t.past(older-1)), conflated)
	}
}
