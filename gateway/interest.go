package gateway

import "sync"

// interest knows who follows what on all shards, for receipts and for letting idle topics go: it finds the audiences and adds
// up their sizes. A follower that comes or goes does not touch it, only an audience that begins or ends.
type interest struct {
	mu    sync.RWMutex
	exact map[string]*interested  // guarded by mu
	wild  patternTree[interested] // guarded by mu
}

// interested are the audiences of one topic or pattern, one per shard at most.
type interested struct{ audiences []*audience }

func (i *interested) size() (n int) {
	for _, a := range i.audiences {
		n += int(a.size.Load())
	}
	return n
}

func (i *interest) add(a *audience) {
	i.mu.Lock()
	defer i.mu.Unlock()
	in := i.get(a.pattern)
	in.audiences = append(in.audiences, a)
}

// get returns the entry of a pattern, made if there is none. i.mu is held.
func (i *interest) get(p Pattern) *interested {
	if !p.Exact() {
		return i.wild.get(p.text, func() *interested { return new(interested) })
	}
	in := i.exact[p.text]
	if in == nil {
		in = new(interested)
		i.exact[p.text] = in
	}
	return in
}

func (i *interest) remove(a *audience) {
	i.mu.Lock()
	defer i.mu.Unlock()
	in := i.get(a.pattern)
	for n, have := range in.audiences {
		if have == a {
			last := len(in.audiences) - 1
			in.audiences[n] = in.audiences[last]
			in.audiences[last] = nil
			in.audiences = in.audiences[:last]
			break
		}
	}
	switch {
	case len(in.audiences) > 0:
	case a.pattern.Exact():
		delete(i.exact, a.pattern.text)
	default:
		i.wild.remove(a.pattern.text)
	}
}

// count returns how many follow the topic. A follower that follows it by two patterns counts twice.
func (i *interest) count(topic string) (n int) {
	i.mu.RLock()
	defer i.mu.RUnlock()
	if in := i.exact[topic]; in != nil {
		n = in.size()
	}
	i.wild.match(topic, func(in *interested) { n += in.size() })
	return n
}

// named reports whether somebody follows the topic by its name.
func (i *interest) named(topic string) bool {
	i.mu.RLock()
	defer i.mu.RUnlock()
	in := i.exact[topic]
	return in != nil && in.size() > 0
}
