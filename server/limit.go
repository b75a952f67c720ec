package server

import (
	"fmt"
	"sync"
	"time"

	"tidings/transport"
)

// limits bound how many connections follow. Once it is admitted, a connection leaves the server, so that nothing here hears
// of its end: what is open is asked of the gateway, at most every refresh, and what was admitted since is added. So the
// count may be too high for a moment, after many have left, but does not run away.
type limits struct {
	connections, held int
	// open returns how many followers there are by transport.
	open func() [len(transport.Kinds)]int

	mu    sync.Mutex // guards what follows
	asked time.Time
	now   [len(transport.Kinds)]int
}

const refresh = 250 * time.Millisecond

// take admits one more follower of a kind. Plain polls hold nothing and are not counted.
func (l *limits) take(kind transport.Kind) *problem {
	if kind == transport.Poll {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if at := time.Now(); at.Sub(l.asked) >= refresh {
		l.now, l.asked = l.open(), at
	}
	all := 0
	for _, n := range l.now {
		all += n
	}
	var p *problem
	switch {
	case all >= l.connections:
		p = tooManyConnections.of(fmt.Sprintf("%d connections are open", all))
	case kind == transport.LongPoll && l.now[kind] >= l.held:
		p = tooManyConnections.of(fmt.Sprintf("%d polls are held", l.now[kind]))
	default:
		l.now[kind]++
		return nil
	}
	p.retry = 5 * time.Second
	return p
}
