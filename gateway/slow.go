package gateway

// tooSlow reports whether the topic's rule wants a follower ended that has the topic up to base, and would hear next of the hole n, if
// there is one. Late is as in position.
func (t *topicLog) tooSlow(base, late uint64, n Notice, hole bool) bool {
	switch {
	case !t.slow.Disconnect:
		return false
	case hole && n.Reason != GapDeleted && n.To > late:
		return true
	}
	return t.slow.Lag > 0 && t.ring.len()-t.past(max(base, late)) > t.slow.Lag
}

// tooSlow reports whether a rule wants a follower ended that is at p and does not read. Of what it follows, only the topics that it
// named are looked at: the others are when it reads on.
func (h *history) tooSlow(p *position) bool {
	if !h.disconnects {
		return false
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, s := range p.subs {
		t := h.topics[s.pattern.text]
		if t == nil || !s.pattern.Exact() || !t.slow.Disconnect {
			continue
		}
		base, _ := p.base(t.name)
		i := t.past(base)
		if i > 0 {
			base = max(base, (*t.ring.at(i - 1)).Seq)
		}
		if n, hole := t.lost(base, t.before(i)); t.tooSlow(base, p.late, n, hole) {
			return true
		}
	}
	return false
}
