package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// The published cases of the Autobahn test suite (its fuzzing client, numbers 1 to 7, 9, 10, 12 and 13; github.com/crossbario/autobahn-testsuite),
// as facts in our own tables: what is sent, what must come back, who closes and with which code. Where the suite takes
// several outcomes, the strict one is asked for. What the suite waits for by the clock, to see that nothing comes, is seen by the order in
// which things come instead.

// published is a case: a conversation with a handler that sends back what it receives.
type published struct {
	number string
	steps  []step
	want   []event // what comes, before the end
	// end is the close code that the server must say of itself or in answer to a step, "" for a close frame without one; nil where it
	// must not: it is then closed with 1000, and must answer that.
	end *string
}

// step is something that is sent, once something has come.
type step struct {
	after  *event
	writes [][]byte // one segment each
}

// at once, each frame for itself, or octet by octet: how the bytes of frames are cut on their way.
func together(frames ...frame) []step { return []step{{writes: [][]byte{joined(frames)}}} }

func framewise(frames ...frame) []step {
	var s step
	for _, f := range frames {
		s.writes = append(s.writes, f.bytes())
	}
	return []step{s}
}

func chopped(size int, frames ...frame) []step {
	return []step{{writes: slices.Collect(slices.Chunk(joined(frames), size))}}
}

func joined(frames []frame) []byte {
	var all []byte
	for _, f := range frames {
		all = append(all, f.bytes()...)
	}
	return all
}

func TestConformance(t *testing.T) {
	address := conformingServer(t)
	for _, table := range [][]published{
		framing(), pings(), reserved(), opcodes(), fragments(), utf8Texts(), utf8Sequences(), closeFrames(), closeCodes(), misc(),
		messages(), fragmented(), choppedUp(),
	} {
		for _, p := range table {
			t.Run(p.number, func(t *testing.T) { p.run(dialRaw(t, address, "")) })
		}
	}
	for _, r := range roundTrips() {
		t.Run(r.number, func(t *testing.T) { r.run(dialRaw(t, address, r.offer)) })
	}
}

func (p *published) run(c *rawConn) {
	c.Helper()
	seen := 0
	expect := func(n int) {
		for ; seen < n; seen++ {
			c.expect(p.want[seen])
		}
	}
	for _, s := range p.steps {
		if s.after != nil {
			expect(slices.Index(p.want, *s.after) + 1)
		}
		for _, w := range s.writes {
			c.write(w)
		}
	}
	expect(len(p.want))
	if p.end == nil {
		c.write(closing(1000, "").bytes())
		c.expect(event{"close", "1000"})
	} else {
		c.expect(event{"close", *p.end})
		c.reply(closing(1000, "").bytes())
	}
	c.expectEnd()
}

// roundTrip is a case of many messages, each of which must have come back before the next is sent.
type roundTrip struct {
	number   string
	offer    string // of permessage-deflate, or none
	text     bool
	noise    bool // what is sent cannot be made smaller
	message  func(i int) string
	count    int
	fragment int // bytes of a frame's payload; 0 for no fragments
}

func (r *roundTrip) run(c *rawConn) {
	c.Helper()
	if (r.offer != "") != c.deflates {
		c.Fatalf("of %q came %v", r.offer, c.deflates)
	}
	kind, op := "binary", byte(2)
	if r.text {
		kind, op = "text", 1
	}
	for i := range r.count {
		message := r.message(i)
		c.write(c.message(op, message, r.fragment))
		c.expect(event{kind, message})
	}
	c.write(closing(1000, "").bytes())
	c.expect(event{"close", "1000"})
	c.expectEnd()
	if large := r.offer != "" && !r.noise && len(r.message(0)) >= 4096; large && c.packed == 0 {
		c.Error("nothing came deflated")
	}
}

// event is what comes: a message, a pong, a close frame (whose payload here is its code).
type event struct{ kind, payload string }

// String cuts what is long.
func (e event) String() string {
	if len(e.payload) > 60 {
		return fmt.Sprintf("%s of %d bytes, %.60q", e.kind, len(e.payload), e.payload)
	}
	return fmt.Sprintf("%s %q", e.kind, e.payload)
}

// patience bounds a whole case. Nothing is measured by it.
const patience = time.Minute

func times(s string, n int) string { return strings.Repeat(s, n/len(s)+1)[:n] }
