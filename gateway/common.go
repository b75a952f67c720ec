package gateway

// common is a batch that many members of an audience get just as it is: they stand at the same place, and on the same terms. It is
// gathered once, in shard.out, and all that is left of a delivery is the peer's Write.
type common struct {
	terms *Terms // nil if there is no batch
	// The batch is for members that are at from or further, and before to.
	from, to uint64
	own      uint64 // where they are once it is written
	times    int    // how often it was written whole
}

// suits reports whether there is a batch, and it is for followers on these terms.
func (c *common) suits(t *Terms) bool { return c.terms == t || c.terms != nil && *c.terms == *t }

// serveCommon writes what f, a member that keeps up and lacks something, has in common with others. It returns false if f is not like
// others.
func (s *shard) serveCommon(f *Follower) bool {
	if f.more != nil || f.is(greeting) {
		return false
	}
	c := &s.common
	if (!c.suits(f.terms) || f.seq < c.from || f.seq >= c.to) && !s.prepare(f) {
		return false
	}
	n, err := f.peer.Write(&s.out.batch)
	if n == s.out.batch.Bytes {
		c.times++
		f.seq = c.own
		if f.terms.Wait <= 0 {
			f.moment = s.soon
		}
		if err != nil {
			s.failed(f, err)
		}
		return true
	}
	s.lone = position{seq: c.to - 1}
	s.account(f, n)
	if err != nil {
		s.failed(f, err)
	} else {
		s.block(f, &s.lone)
	}
	return true
}

// prepare gathers what f and its like lack. It returns false if there is something special about it.
func (s *shard) prepare(f *Follower) bool {
	c, o, w := &s.common, &s.out, f.audience.sweep
	c.end(s)
	first := w.first(f.seq)
	for i := first; i < w.pending.len(); i++ {
		if (*w.pending.at(i)).message.reborn {
			return false // some may have to be told of it, and others not
		}
	}
	from := uint64(0)
	if first > 0 {
		from = (*w.pending.at(first - 1)).message.Seq
	}
	to := (*w.pending.at(first)).message.Seq
	o.reset()
	s.lone = position{seq: to - 1}
	then := s.gatherLone(f, &s.lone)
	if len(o.batch.Parts) == 0 {
		return false
	}
	o.batch.Cursor, o.batch.More = s.gateway.history.cursor(then.seq), then.more
	*c = common{terms: f.terms, from: from, to: to, own: then.own}
	return true
}

// end takes account of how often the batch was written, and lets it go.
func (c *common) end(s *shard) {
	if c.terms == nil {
		return
	}
	o := &s.out
	if c.times > 0 {
		s.countClass[c.terms.Class] = true
		counts := &s.counting[c.terms.Class]
		counts.writes += uint64(c.times)
		counts.bytes += uint64(c.times * o.batch.Bytes)
		counts.messages += uint64(c.times * len(o.marks))
		for i := range o.marks {
			counts.latency.add(s.now-o.marks[i].message.arrived, c.times)
		}
	}
	o.reset()
	*c = common{}
}
