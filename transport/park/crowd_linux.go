package park

import (
	"math/bits"
	"time"

	"golang.org/x/sys/unix"
)

// crowd knows whether requests come from many connections at a time. Whoever is woken for every one of them then spends more on waking
// (threads that look for work, and find none) than on answering: a quarter of what held polls cost. So they are let gather for a
// moment, in which the thread sleeps, and the scheduler is not asked. A connection that asks again as soon as it is answered is never held
// up: it is no crowd. Neither are those that are open: what they bring is for somebody who has been woken for it, and would wait.
type crowd struct {
	since time.Duration // when classes was empty
	slots uint64        // classes of connections that have asked since, by their slots
}

const (
	crowdTime = 2 * time.Millisecond // how long connections are counted
	crowdFrom = 24                   // of 64 classes
)

var gatherTime = unix.NsecToTimespec(int64(300 * time.Microsecond))

// see notes that a connection has asked.
func (c *crowd) see(slot int32) { c.slots |= 1 << (slot % 64) }

// gather waits a moment if there is a crowd.
func (c *crowd) gather() {
	at := time.Since(began)
	if at-c.since > crowdTime {
		c.since, c.slots = at, 0
	}
	if bits.OnesCount64(c.slots) >= crowdFrom {
		_ = unix.Nanosleep(&gatherTime, nil) // less of it is as well
	}
}
