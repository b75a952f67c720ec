package gateway

// tailIndex lists what the history holds in the order of the log: seq → topic, message. A topic whose newest message is not
// retained (or was a marker) keeps a slot without a message, its stub: whoever resumes before it must hear of the hole.
type tailIndex struct {
	slots   deque[tailSlot]
	cleared int // slots without a topic
}

type tailSlot struct {
	seq     uint64
	topic   *topicLog // nil: nothing is here any more
	message *Message  // nil: the stub of topic
}

func (x *tailIndex) push(s tailSlot) { x.slots.push(s) }

// after returns the index of the first slot past seq.
func (x *tailIndex) after(seq uint64) int {
	return x.slots.search(func(s *tailSlot) bool { return s.seq > seq })
}

// oldest returns the oldest slot in use, or nil.
func (x *tailIndex) oldest() *tailSlot {
	x.trim()
	if x.slots.len() == 0 {
		return nil
	}
	return x.slots.at(0)
}

// clear takes the message of seq out; a stub stays if it was the newest of its topic.
func (x *tailIndex) clear(seq uint64, stub bool) {
	i := 0
	if x.slots.len() == 0 {
		return
	}
	if x.slots.at(0).seq != seq { // mostly the oldest goes
		i = x.after(seq - 1)
	}
	slot := x.slots.at(i)
	slot.message = nil
	if !stub {
		slot.topic = nil
		x.cleared++
		x.trim()
	}
}

// unstub takes the topic's stub out, if it has one.
func (x *tailIndex) unstub(t *topicLog) {
	if i := x.after(t.last - 1); i < x.slots.len() && t.last > 0 {
		if slot := x.slots.at(i); slot.seq == t.last && slot.topic == t && slot.message == nil {
			slot.topic = nil
			x.cleared++
			x.trim()
		}
	}
}

// trim removes cleared slots: those at the end at once, the others when they are most of the index.
func (x *tailIndex) trim() {
	for x.slots.len() > 0 && x.slots.at(0).topic == nil {
		x.slots.pop()
		x.cleared--
	}
	if x.cleared > 64 && x.cleared > x.slots.len()/2 {
		x.slots.filter(func(s *tailSlot) bool { return s.topic != nil })
		x.cleared = 0
	}
}
