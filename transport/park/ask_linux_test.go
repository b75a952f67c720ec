package park

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"unsafe"
)

// counter counts what an Asker is asked, and answers "here".
type counter struct {
	asked chan string
	conns chan net.Conn
}

func (c *counter) Ask(x *Fresh, head string) bool {
	if strings.Contains(head, "elsewhere") {
		return false
	}
	c.asked <- head
	x.Reply(Reply{Head: textX, Parts: [][]byte{[]byte("here")}})
	return true
}

func (c *counter) Pass(nc net.Conn) { c.conns <- nc }

func desk(t *testing.T) (*counter, *Loops, func() net.Conn) {
	t.Helper()
	c := &counter{asked: make(chan string, 64), conns: make(chan net.Conn, 64)}
	loops := NewLoops(c, nil)
	ln := listen(t, "tcp", "127.0.0.1:0")
	if ok, err := loops.Listen(ln); !ok || err != nil {
		t.Fatal(ok, err)
	}
	at := ln.Addr().String()
	t.Cleanup(func() {
		loops.Close()
		ln.Close()
	})
	return c, loops, func() net.Conn {
		nc, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { nc.Close() })
		return nc
	}
}

// asks has a connection watched by loops from which requests are awaited.
func asks(t *testing.T, nc net.Conn, ls *Loops) *socket {
	t.Helper()
	c, ok := leave(nc, nil, ls)
	if !ok {
		t.Fatal("it cannot be watched")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ask()
	return c
}

func say(t *testing.T, nc net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(nc, text); err != nil {
		t.Fatal(err)
	}
}

// TestPassedOn: what the loops do not answer goes on with all that it has said, as soon as that is known.
func TestPassedOn(t *testing.T) {
	c, _, dial := desk(t)
	for _, text := range []string{
		"POST /", "PUT", "\x16\x03\x01", "GET /elsewhere HTTP/1.1\r\n\r\nbehind", "GET /" + strings.Repeat("x", headBytes), "\r\nGET",
	} {
		nc := dial()
		say(t, nc, text)
		passed := <-c.conns
		say(t, nc, " and more")
		nc.Close()
		got, err := io.ReadAll(passed)
		if err != nil || string(got) != text+" and more" {
			t.Errorf("%.20q became %.40q, %v", text, got, err)
		}
		passed.Close()
	}
}

// TestHeadInPieces: a head is asked for once it is whole, and what comes behind it is another.
func TestHeadInPieces(t *testing.T) {
	c, _, dial := desk(t)
	nc := dial()
	in := bufio.NewReader(nc)
	const head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	for cut := 1; cut < len(head); cut++ {
		say(t, nc, head[:cut])
		say(t, nc, head[cut:]+head[:cut])
		say(t, nc, head[cut:])
		for range 2 {
			if got := <-c.asked; got != head {
				t.Fatalf("cut at %d: %q", cut, got)
			}
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(resp.Body); string(body) != "here" || err != nil {
				t.Fatalf("cut at %d: %q, %v", cut, body, err)
			}
			resp.Body.Close()
		}
	}
}

// TestOverdue: whoever does not ask in time is closed, in the middle of a head too.
func TestOverdue(t *testing.T) {
	c, loops, dial := desk(t)
	for _, text := range []string{"", "GET / HT"} {
		nc := dial()
		in := bufio.NewReader(nc)
		say(t, nc, "GET / HTTP/1.1\r\n\r\n") // so that it is known to be there
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
		<-c.asked
		say(t, nc, text)
		due := false
		loops.each(func(c *socket) {
			if c.fd < 0 { // the one before, on its way out
				return
			}
			due = c.due > now() && c.due <= now()+uint32(idleTime.Seconds())
			c.due = 1
			c.watcher().dueAt(1)
			c.watcher().Wake()
		})
		if !due {
			t.Error("it may stay for ever")
		}
		if _, err := in.ReadByte(); err == nil {
			t.Error("it is answered")
		}
	}
}

// TestDrain: nobody comes in any more, answers are the last on their connections, and who asks nothing is closed.
func TestDrain(t *testing.T) {
	c, loops, dial := desk(t)
	idle, busy := dial(), dial()
	for _, nc := range []net.Conn{idle, busy} {
		say(t, nc, "GET / HTTP/1.1\r\n\r\n")
		if _, err := http.ReadResponse(bufio.NewReader(nc), nil); err != nil {
			t.Fatal(err)
		}
		<-c.asked
	}
	loops.Drain()
	say(t, busy, "GET / HTTP/1.1\r\n\r\n")
	in := bufio.NewReader(busy)
	resp, err := http.ReadResponse(in, nil)
	if err != nil || !resp.Close {
		t.Fatalf("%v, %v", resp, err)
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		t.Error(err)
	}
	loops.Quiet()
	if _, err := idle.Read(make([]byte, 1)); err == nil {
		t.Error("who asks nothing is answered")
	}
}

// TestSocketIsSmall: there may be a million.
func TestSocketIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(socket{}); size > 48 {
		t.Errorf("a socket has %d bytes", size)
	}
}

// TestHugeHead: a head that is too large is net/http's to refuse, in however many pieces it came.
func TestHugeHead(t *testing.T) {
	c, _, dial := desk(t)
	nc := dial()
	text := fmt.Sprintf("GET /%s HTTP/1.1\r\n\r\n", strings.Repeat("x", headBytes))
	say(t, nc, text)
	select {
	case passed := <-c.conns:
		passed.Close()
	case <-c.asked:
		t.Error("it is answered")
	}
}

// TestManyAtOnce: who sends many requests ahead has them answered in slices, and others have their turn in between.
func TestManyAtOnce(t *testing.T) {
	c := &counter{asked: make(chan string, 1000), conns: make(chan net.Conn, 1)}
	var hosted []*Loop
	loops := NewLoops(c, func(_ int, l *Loop) func() {
		hosted = append(hosted, l)
		return l.Left
	})
	ln := listen(t, "tcp", "127.0.0.1:0")
	defer ln.Close()
	if ok, err := loops.Listen(ln); !ok || err != nil {
		t.Fatal(ok, err)
	}
	defer loops.Close()
	nc, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	const many = 200
	say(t, nc, strings.Repeat("GET / HTTP/1.1\r\n\r\n", many))
	most := 0
	for all := 0; all < many; {
		for _, l := range hosted {
			l.Wait(0)
		}
		for n := 0; ; n++ {
			if len(c.asked) == 0 {
				most, all = max(most, n), all+n
				break
			}
			<-c.asked
		}
	}
	if most > 2*requestBudget+1 { // after its event it is in the first slice of those that read on
		t.Errorf("%d are answered in a turn", most)
	}
}

// failing answers, and then says that it has not: as one whose panic was caught.
type failing struct{ counter }

func (f *failing) Ask(x *Fresh, head string) bool {
	f.counter.Ask(x, head)
	return false
}

// TestAnsweredOnce: what was answered is not passed on, whatever is said of it.
func TestAnsweredOnce(t *testing.T) {
	f := &failing{counter{asked: make(chan string, 1), conns: make(chan net.Conn, 1)}}
	near, far := dialed(t)
	defer near.Close()
	c := asks(t, far, NewLoops(f, nil))
	defer c.Close()
	say(t, near, "GET / HTTP/1.1\r\n\r\n")
	if got, err := io.ReadAll(near); err != nil || !strings.HasSuffix(string(got), "here") || len(f.conns) > 0 {
		t.Errorf("%q, %v, %d are passed on", got, err, len(f.conns))
	}
}
