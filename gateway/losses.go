package gateway

// lossIndex lists the topics that have lost messages, in the order of their latest loss. Whoever reads very many topics finds
// here what must be stated as a gap, without looking at those that have lost nothing since.
//
// A slot is dead when its topic has lost something again or was let go. Dead slots are passed over, and removed when they are most
// of the index.
type lossIndex struct {
	slots deque[loss] // steady: it is trimmed as often as it fills
	count uint64      // of losses ever, plus 1: a position that has seen none is told from one that never looked
}

type loss struct {
	at    uint64 // the count with this loss; topicLog.lostAt while the slot lives
	head  uint64 // seq of the newest message then: what was lost is not past it
	topic *topicLog
}

func (l *loss) dead() bool { return l.topic.lostAt != l.at }

// add notes that the topic has lost something; head is as in loss, and topics how many there are.
func (x *lossIndex) add(t *topicLog, head uint64, topics int) {
	x.count++
	if n := x.slots.len(); n > 0 {
		if last := x.slots.at(n - 1); last.topic == t && !last.dead() {
			last.at, last.head, t.lostAt = x.count, head, x.count
			return
		}
	}
	t.lostAt = x.count
	x.slots.push(loss{at: x.count, head: head, topic: t})
	x.trim(topics)
}

// trim removes the dead slots when they are more than half of the index.
func (x *lossIndex) trim(topics int) {
	if x.slots.len() > 2*topics+64 {
		x.slots.filter(func(l *loss) bool { return !l.dead() })
	}
}

// after returns the index of the first slot that a position has to look at: past the losses that it has surveyed, or, if it never
// did, of those that can lie past its seq.
func (x *lossIndex) after(p *position) int {
	if p.surveyed > 0 {
		return x.slots.search(func(l *loss) bool { return l.at > p.surveyed })
	}
	return x.slots.search(func(l *loss) bool { return l.head > p.seq })
}

// lose notes that something of t was lost. h.mu is held.
func (h *history) lose(t *topicLog) { h.losses.add(t, max(h.head.Load(), t.last), len(h.topics)) }
