package gateway

import "sync"

// audience is the followers of one topic or pattern on one shard. It is owned by the shard.
type audience struct {
	members []member
}

type member struct {
	follower *Follower
	sub      *sub
}

func (a *audience) add(f *Follower, s *sub) {
	s.audience, s.slot = a, len(a.members)
	a.members = append(a.members, member{f, s})
}

func (a *audience) remove(s *sub) {
	last := len(a.members) - 1
	a.members[s.slot] = a.members[last]
	a.members[s.slot].sub.slot = s.slot
	a.members[last] = member{}
	a.members = a.members[:last]
	s.audience = nil
}

// audiences holds all audiences of a shard.
type audiences struct {
	exact map[string]*audience
	wild  patternTree[audience]
}

func (a *audiences) join(f *Follower, s *sub) {
	if !s.pattern.Exact() {
		a.wild.get(s.pattern.text, func() *audience { return new(audience) }).add(f, s)
		return
	}
	to := a.exact[s.pattern.text]
	if to == nil {
		to = new(audience)
		a.exact[s.pattern.text] = to
	}
	to.add(f, s)
}

func (a *audiences) leave(s *sub) {
	from := s.audience
	if from == nil {
		return
	}
	from.remove(s)
	if len(from.members) > 0 {
		return
	}
	if s.pattern.Exact() {
		delete(a.exact, s.pattern.text)
	} else {
		a.wild.remove(s.pattern.text)
	}
}

// interest counts who follows what on all shards, for receipts and for letting idle topics go.
type interest struct {
	mu    sync.RWMutex
	exact map[string]int
	wild  patternTree[int]
}

func (i *interest) add(p Pattern, n int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if p.Exact() {
		if i.exact[p.text] += n; i.exact[p.text] == 0 {
			delete(i.exact, p.text)
		}
		return
	}
	count := i.wild.get(p.text, func() *int { return new(int) })
	if *count += n; *count == 0 {
		i.wild.remove(p.text)
	}
}

// count returns how many follow the topic. A follower that follows it by two patterns counts twice.
func (i *interest) count(topic string) int {
	i.mu.RLock()
	defer i.mu.RUnlock()
	n := i.exact[topic]
	i.wild.match(topic, func(count *int) { n += *count })
	return n
}

// named reports whether somebody follows the topic by its name.
func (i *interest) named(topic string) bool {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.exact[topic] > 0
}
