package gateway

import "time"

// dueHeap orders topics by when something in them expires. An entry whose time is not its topic's due any more is stale.
type dueHeap []dueEntry

type dueEntry struct {
	at    int64 // milliseconds since 1970
	topic *topicLog
}

func (d *dueHeap) push(e dueEntry) {
	*d = append(*d, e)
	h := *d
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if h[parent].at <= h[i].at {
			return
		}
		h[parent], h[i] = h[i], h[parent]
		i = parent
	}
}

func (d *dueHeap) pop() dueEntry {
	h := *d
	top := h[0]
	last := len(h) - 1
	h[0], h[last] = h[last], dueEntry{}
	h = h[:last]
	*d = h
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(h) {
			return top
		}
		if child+1 < len(h) && h[child+1].at < h[child].at {
			child++
		}
		if h[i].at <= h[child].at {
			return top
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}

// idleCheck is how often a topic that is only kept for its followers is looked at again.
const idleCheck = time.Minute

// schedule enters the topic's next expiry. A topic in which nothing is retained is due when its newest message would have
// been too old: until then it can still say why its messages are missing. h.mu is held.
func (h *history) schedule(t *topicLog) {
	at := t.time + t.keep.Age.Milliseconds()
	if t.ring.len() > 0 {
		at = (*t.ring.at(0)).Time + t.keep.Age.Milliseconds()
	}
	if t.ttl {
		if t.due == 0 { // only then is the newest message not the only one to look at
			for i := range t.ring.len() {
				if m := *t.ring.at(i); m.Expires != 0 {
					at = min(at, m.Expires)
				}
			}
		} else if p := t.newest; p != nil && p.message.Expires != 0 {
			at = min(at, p.message.Expires)
		}
	}
	if t.due == 0 || at < t.due {
		t.due = at
		h.due.push(dueEntry{at, t})
	}
}

// expire lets go what is past its time, and returns when to look again (0: nothing will expire).
func (h *history) expire(now int64) (next int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.due) > 0 {
		top := h.due[0]
		if top.at != top.topic.due {
			h.due.pop()
			continue
		}
		if top.at > now {
			return top.at
		}
		h.due.pop()
		h.expireTopic(top.topic, now)
	}
	return 0
}

func (h *history) expireTopic(t *topicLog, now int64) {
	t.due = 0
	age := t.keep.Age.Milliseconds()
	for t.ring.len() > 0 && (*t.ring.at(0)).Time+age <= now {
		h.drop(t, t.ring.pop(), GapExpired)
	}
	if t.ttl {
		t.ttl = false
		t.ring.filter(func(at **Message) bool {
			m := *at
			if m.Expires != 0 && m.Expires <= now {
				h.drop(t, m, GapExpired)
				return false
			}
			t.ttl = t.ttl || m.Expires != 0
			return true
		})
	}
	if t.ring.len() > 0 || t.time+age > now {
		h.schedule(t)
		return
	}
	if h.followed(t.name) {
		t.due = now + idleCheck.Milliseconds()
		h.due.push(dueEntry{t.due, t})
		return
	}
	h.letGo(t, GapExpired)
}
