package bench

import (
	"bytes"
	"sync"
)

// cursors are those of what was published, from the receipts. So a client's cursor is known on every transport without taking
// apart what it got.
type cursors struct {
	mu    sync.Mutex
	known [phases][]string // guarded by mu
}

func (c *cursors) add(phase int, cursor string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known[phase] = append(c.known[phase], cursor)
}

// of returns the cursor of the n-th message of a phase, counted from 1. It is "" while it is not known: a follower may have the
// message before the publisher has its receipt.
func (c *cursors) of(phase int, n uint32) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if all := c.known[phase]; n > 0 && int(n) <= len(all) {
		return all[n-1]
	}
	return ""
}

// cursorIn returns the text of a member in the begin of a poll's answer or in a receipt.
func cursorIn(b []byte, member string) string {
	_, rest, _ := bytes.Cut(b, []byte(`"`+member+`":`))
	rest, quoted := bytes.CutPrefix(bytes.TrimLeft(rest, " "), []byte(`"`))
	cursor, _, whole := bytes.Cut(rest, []byte(`"`))
	if !quoted || !whole {
		return ""
	}
	return string(cursor)
}
