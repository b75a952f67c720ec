package gateway

import (
	"container/heap"
	"time"
)

// dueHeap orders topics by when something in them expires. A topic is in it once at most.
type dueHeap []*topicLog

func (d dueHeap) Len() int           { return len(d) }
func (d dueHeap) Less(i, j int) bool { return d[i].due < d[j].due }

func (d dueHeap) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].dueIndex, d[j].dueIndex = i+1, j+1
}

// Push implements [heap.Interface].
func (d *dueHeap) Push(t any) {
	*d = append(*d, t.(*topicLog))
	t.(*topicLog).dueIndex = len(*d)
}

// Pop implements [heap.Interface].
func (d *dueHeap) Pop() any {
	last := len(*d) - 1
	t := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	t.dueIndex = 0
	return t
}

// set has the topic come at a time.
func (d *dueHeap) set(t *topicLog, at int64) {
	t.due = at
	if t.dueIndex == 0 {
		heap.Push(d, t)
	} else {
		heap.Fix(d, t.dueIndex-1)
	}
}

// remove takes the topic out, if it is in.
func (d *dueHeap) remove(t *topicLog) {
	if t.dueIndex > 0 {
		heap.Remove(d, t.dueIndex-1)
	}
}

// idleCheck is how often a topic that is only kept for its followers is looked at again.
const idleCheck = time.Minute

// afterlife is how long a topic is kept in which nothing is retained any more, though its newest message would not be too
// old yet: so long it can say why its messages are missing, to those who were away for a moment. Topics that are used once
// must not fill the history for a day.
const afterlife = 5 * time.Minute

// goes returns when a topic in which nothing is retained is let go.
func (t *topicLog) goes() int64 {
	return min(t.time+t.keep.Age.Milliseconds(), t.emptied+afterlife.Milliseconds())
}

// schedule enters the topic's next expiry. h.mu is held.
func (h *history) schedule(t *topicLog) {
	at := t.goes()
	if t.ring.len() > 0 {
		at = (*t.ring.at(0)).Time + t.keep.Age.Milliseconds()
	}
	if t.ttl {
		// What is entered already counts in all but the newest message.
		from := 0
		if t.dueIndex > 0 {
			from = max(0, t.ring.len()-1)
		}
		for i := from; i < t.ring.len(); i++ {
			if m := *t.ring.at(i); m.Expires != 0 {
				at = min(at, m.Expires)
			}
		}
	}
	if t.dueIndex == 0 || at < t.due {
		h.due.set(t, at)
	}
}

// expireSlice is how many topics are looked at before publishers and readers have their turn.
const expireSlice = 256

// expire lets go what is past its time, and returns when to look again (0: nothing will expire).
func (h *history) expire(now int64) (next int64) {
	for {
		next, more := h.expireSome(now)
		if !more {
			return next
		}
	}
}

func (h *history) expireSome(now int64) (next int64, more bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for range expireSlice {
		if len(h.due) == 0 {
			return 0, false
		}
		t := h.due[0]
		if t.due > now {
			return t.due, false
		}
		h.due.remove(t)
		h.expireTopic(t, now)
	}
	return 0, true
}

func (h *history) expireTopic(t *topicLog, now int64) {
	age := t.keep.Age.Milliseconds()
	for t.ring.len() > 0 && (*t.ring.at(0)).Time+age <= now {
		h.drop(t, t.ring.pop(), GapExpired)
	}
	switch {
	case t.ttl && t.keyed != nil:
		// A keyed topic has to see its ring without each one that goes.
		t.ttl = false
		for i := 0; i < t.ring.len(); {
			if m := *t.ring.at(i); m.Expires != 0 && m.Expires <= now {
				h.drop(t, t.ring.remove(i), GapExpired)
				continue
			} else if m.Expires != 0 {
				t.ttl = true
			}
			i++
		}
	case t.ttl:
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
	if t.ring.len() == 0 && t.emptied == 0 {
		t.emptied = now
	}
	if t.ring.len() > 0 || t.goes() > now {
		h.schedule(t)
		return
	}
	if h.followed(t.name) {
		h.due.set(t, now+idleCheck.Milliseconds())
		return
	}
	h.letGo(t, GapExpired)
}
