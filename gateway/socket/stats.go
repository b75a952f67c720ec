package socket

import (
	"maps"
)

// PathStats are the figures of one path. Counters start at 0 and never fall; gauges say so.
type PathStats struct {
	Path     string
	Open     int               // gauge: sockets that are not over
	Links    map[string]int    // gauge: links that are attached, by transport
	Opened   uint64            // sockets
	Closed   map[uint16]uint64 // sockets that are over, by the code of their end
	Resumed  map[string]uint64 // links that have carried a socket on, by transport
	Panics   uint64            // of handlers
	Messages [2]uint64         // from clients, and to them
	Bytes    [2]uint64         // of their payload
}

// counts are the figures of a path that do not belong to open sockets. The set's lock guards them.
type counts struct {
	links    map[string]int
	opened   uint64
	closed   map[uint16]uint64
	resumed  map[string]uint64
	panics   uint64
	messages [2]uint64 // of sockets that are over
	bytes    [2]uint64
}

func newCounts() counts {
	return counts{links: map[string]int{}, closed: map[uint16]uint64{}, resumed: map[string]uint64{}}
}

// Stats returns a snapshot, by path.
func (s *Set) Stats() []PathStats {
	s.mu.Lock()
	out := make([]PathStats, len(s.paths))
	open := make([][]*Socket, len(s.paths))
	for i, p := range s.paths {
		c := &p.counts
		out[i] = PathStats{
			Path: p.Name, Open: len(p.sockets), Links: maps.Clone(c.links), Opened: c.opened, Closed: maps.Clone(c.closed),
			Resumed: maps.Clone(c.resumed), Panics: c.panics, Messages: c.messages, Bytes: c.bytes,
		}
		for one := range p.sockets {
			open[i] = append(open[i], one)
		}
	}
	s.mu.Unlock()
	for i := range out {
		for _, one := range open[i] {
			messages, bytes := one.traffic()
			for k := range messages {
				out[i].Messages[k] += messages[k]
				out[i].Bytes[k] += bytes[k]
			}
		}
	}
	return out
}

// Links reports how many links of a transport are attached.
func (s *Set) Links(transport string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.links[transport]
}

// traffic returns how many messages and bytes have come and were sent.
func (s *Socket) traffic() (messages, bytes [2]uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sum()
}

// sum is traffic. s.mu is held.
func (s *Socket) sum() (messages, bytes [2]uint64) {
	s.up.mu.Lock()
	defer s.up.mu.Unlock()
	return [2]uint64{s.up.messages, s.out.messages}, [2]uint64{s.up.bytes, s.out.bytes}
}

// attached counts a link. The socket's lock is held, as in what follows.
func (s *Set) attached(one *Socket, c *carrier, resumed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links[c.transport]++
	one.path.counts.links[c.transport]++
	if resumed {
		one.path.counts.resumed[c.transport]++
	}
}

func (s *Set) detached(one *Socket, c *carrier) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links[c.transport]--
	one.path.counts.links[c.transport]--
}

// ended counts a socket that is over, and forgets it unless it is kept.
func (s *Set) ended(one *Socket, code uint16, kept bool) {
	messages, bytes := one.sum()
	s.mu.Lock()
	defer s.mu.Unlock()
	p := one.path
	delete(p.sockets, one)
	if p.options.PerAddress > 0 {
		if p.addresses[one.address]--; p.addresses[one.address] == 0 {
			delete(p.addresses, one.address)
		}
	}
	p.counts.closed[code]++
	for k := range messages {
		p.counts.messages[k] += messages[k]
		p.counts.bytes[k] += bytes[k]
	}
	s.open--
	s.changed.Broadcast()
	if !kept {
		s.remove(one)
	}
}

// forget lets go of a socket that is over.
func (s *Set) forget(one *Socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(one)
}

// remove is forget. s.mu is held.
func (s *Set) remove(one *Socket) {
	delete(s.held, one)
	if at := (label{one.path, one.id}); s.labels[at] == one {
		delete(s.labels, at)
	}
}

// panicked counts and tells.
func (s *Set) panicked(one *Socket, cause any, stack []byte) {
	s.mu.Lock()
	one.path.counts.panics++
	s.mu.Unlock()
	if s.Panicked != nil {
		s.Panicked(one, cause, stack)
	}
}
