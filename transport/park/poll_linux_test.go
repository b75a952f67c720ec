package park

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"testing"
)

// holder holds what it is asked.
type holder struct {
	counter
	ear  *ears
	held chan Held
}

func (h *holder) Ask(x *Fresh, _ string) bool {
	held := x.Hold()
	held.Serve(h.ear)
	h.held <- held
	return true
}

// TestLeftBeforeItsPollIsHeld: a client that closes its side together with its request does not wait for the answer either.
func TestLeftBeforeItsPollIsHeld(t *testing.T) {
	h := &holder{ear: newEars(), held: make(chan Held, 1)}
	loops := NewLoops(h, nil)
	near, far := dialed(t)
	defer near.Close()
	say(t, near, "GET / HTTP/1.1\r\n\r\n")
	near.(*net.TCPConn).CloseWrite()
	// Both are there before the loop looks.
	if _, err := far.Read(nil); err != nil {
		t.Fatal(err)
	}
	c := asks(t, far, loops)
	defer c.Close()
	<-h.held
	h.ear.goneOnce(t)
}

// TestLeftBeforeServe: nor does one that closes it before its handler is there.
func TestLeftBeforeServe(t *testing.T) {
	h := &holder{ear: newEars(), held: make(chan Held, 1)}
	loops := NewLoops(h, nil)
	near, far := dialed(t)
	held := loops.hold(far, nil, nil, true)
	near.Close()
	c := held.(*lent).poll
	for seen := false; !seen; {
		c.mu.Lock()
		seen = (*socket)(c).is(again)
		c.mu.Unlock()
	}
	held.Serve(h.ear)
	h.ear.goneOnce(t)
}

// TestServedLate: what was answered before it was served does not take the events of the connection's next request.
func TestServedLate(t *testing.T) {
	next := &holder{ear: newEars(), held: make(chan Held, 1)}
	loops := NewLoops(next, nil)
	near, far := dialed(t)
	first, ear := loops.hold(far, nil, nil, true), newEars()
	first.Reply(Reply{Head: textX, Parts: [][]byte{[]byte("here")}})
	resp, err := http.ReadResponse(bufio.NewReader(near), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	say(t, near, "GET / HTTP/1.1\r\n\r\n")
	<-next.held
	first.Serve(ear)
	near.Close()
	select {
	case <-next.ear.gone:
	case <-ear.gone:
		t.Error("the first poll hears of the end of the second")
	}
}

// TestHeldWithoutLoops: a poll that cannot be held ends as if its client had left, answered or not.
func TestHeldWithoutLoops(t *testing.T) {
	withoutNumbers(t, 0)
	for i, before := range []func(Held){
		func(Held) {},
		func(h Held) { h.Reply(Reply{Head: textX}) },
		func(h Held) { h.Close() },
	} {
		near, far := dialed(t)
		ear := newEars()
		h := NewLoops(nil, nil).hold(far, nil, nil, true)
		before(h)
		h.Serve(ear)
		if told := len(ear.gone) > 0; told != (i == 0) {
			t.Errorf("case %d: Gone is %v", i, told)
		}
		if _, err := near.Read(make([]byte, 1)); err == nil {
			t.Error("it is answered")
		}
		near.Close()
	}
}

// TestLongAnswer: a large answer has more time to be taken than a small one.
func TestLongAnswer(t *testing.T) {
	near, far := dialed(t)
	defer near.Close()
	h := NewLoops(nil, nil).hold(far, nil, nil, true)
	h.Reply(Reply{Head: textX, Parts: batch(1, 16<<20)})
	c := (*socket)(h.(*lent).poll)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != answering || c.due < now()+600 {
		t.Errorf("it has %d s", c.due-now())
	}
	c.shut()
}

// TestAheadOfAPoll: what a client sends behind a request that is held stays in the kernel, but for a little.
func TestAheadOfAPoll(t *testing.T) {
	h := &holder{ear: newEars(), held: make(chan Held, 1)}
	near, far := dialed(t)
	defer near.Close()
	say(t, near, "GET / HTTP/1.1\r\n\r\n"+strings.Repeat("x", 60<<10))
	c := asks(t, far, NewLoops(h, nil))
	defer c.Close()
	<-h.held
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.more().early); n == 0 || n > headBytes {
		t.Errorf("%d bytes are kept", n)
	}
}
