package socket_test

import (
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tidings/gateway/socket"
	"tidings/gateway/socket/sockettest"
)

// wait serves a socket until it ends.
func wait(s *socket.Socket) { <-s.Context().Done() }

func opening(p *socket.Path, id string, number uint32, transport string) *socket.Opening {
	return &socket.Opening{
		Path: p, ID: id, Number: number, Transport: transport,
		Request: &socket.Request{Path: p.Name, Remote: "192.0.2.1:1", Header: textproto.MIMEHeader{}},
	}
}

func carry(t *testing.T, set *socket.Set, o *socket.Opening) *sockettest.Client {
	t.Helper()
	c, err := sockettest.Carry(t, set, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestBroadcast: a message goes to all sockets of a path, behind one that is being written, and to nobody who is too far behind.
func TestBroadcast(t *testing.T) {
	set := socket.NewSet()
	defer set.Close()
	path := &socket.Path{Name: "/", Handler: wait, Options: socket.Options{BufferBytes: 200}}
	a, b, c := sockettest.OpenIn(t, set, path, nil), sockettest.OpenIn(t, set, path, nil), sockettest.OpenIn(t, set, path, nil)
	other := sockettest.OpenIn(t, set, &socket.Path{Name: "/other", Handler: wait}, nil)
	w, err := b.Socket.Writer(socket.Text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("first")); err != nil {
		t.Fatal(err)
	}
	c.Limit(0)
	for i, want := range []int{3, 3, 2} {
		if n := set.Broadcast("/", socket.Text, fmt.Appendf(nil, "for all %d", i)); n != want {
			t.Errorf("the %d. went to %d, want %d", i, n, want)
		}
	}
	if n := set.Broadcast("/", socket.Text, []byte("\xff")); n != 0 {
		t.Errorf("what is no text went to %d", n)
	}
	a.Expect(socket.Text, "for all 0")
	if got := b.Take(); len(got) != 0 {
		t.Errorf("%d frames came before the message that was being written", len(got))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b.Expect(socket.Text, "first")
	b.Expect(socket.Text, "for all 0")
	b.Expect(socket.Text, "for all 1")
	c.Limit(-1)
	c.Expect(socket.Text, "for all 0")
	c.Expect(socket.Text, "for all 1")
	c.ExpectClose(1013, "")
	if got := other.Take(); len(got) != 0 {
		t.Errorf("%d frames came to another path", len(got))
	}
	var all []*socket.Socket
	for s := range set.All("/") {
		all = append(all, s)
	}
	if len(all) != 3 || !slices.Contains(all, a.Socket) || slices.Contains(all, other.Socket) {
		t.Errorf("%d sockets are listed", len(all))
	}
}

// TestBounds: how many sockets there may be.
func TestBounds(t *testing.T) {
	set := socket.NewSet()
	defer set.Close()
	path := &socket.Path{Name: "/", Handler: wait, Options: socket.Options{Sockets: 3, PerAddress: 2}}
	from := func(remote string) (*sockettest.Client, error) {
		o := opening(path, "", 0, "websocket")
		o.Request.Remote = remote
		return sockettest.Carry(t, set, o)
	}
	for _, try := range []struct {
		remote string
		full   bool
	}{{"192.0.2.1:1", false}, {"192.0.2.1:2", false}, {"192.0.2.1:3", true}, {"192.0.2.2", false}, {"192.0.2.3", true}} {
		if _, err := from(try.remote); errors.Is(err, socket.ErrFull) != try.full {
			t.Errorf("%s: %v", try.remote, err)
		}
	}
	for s := range set.All("/") {
		if strings.HasPrefix(s.Request().Remote, "192.0.2.1") {
			s.Fail(1002, "")
			break
		}
	}
	if _, err := from("192.0.2.1:4"); err != nil {
		t.Errorf("there is room again: %v", err)
	}
	set.Close()
	if _, err := from("192.0.2.9"); !errors.Is(err, socket.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

// TestSendThen: who has sent hears once what became of it.
func TestSendThen(t *testing.T) {
	c := sockettest.Open(t, wait, socket.Options{}, nil)
	heard := make(chan error, 10)
	then := func(err error) { heard <- err }
	c.Limit(1)
	for range 2 {
		if err := c.Socket.SendThen(socket.Text, []byte("x"), then); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-heard; err != nil {
		t.Error(err)
	}
	if len(heard) > 0 || c.Socket.Buffered() != 1 {
		t.Errorf("%d were told too early, %d bytes are buffered", len(heard), c.Socket.Buffered())
	}
	c.Vanish()
	var end *socket.CloseError
	if err := <-heard; !errors.As(err, &end) || end.Code != 1006 {
		t.Errorf("%v", err)
	}
	if err := c.Socket.SendThen(socket.Text, nil, then); !errors.As(err, &end) || len(heard) > 0 {
		t.Errorf("%v, %d were told", err, len(heard))
	}
}

// TestAbsence: a socket that can move waits for its client, and not for ever; nobody else finds it.
func TestAbsence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := socket.NewSet()
		defer set.Close()
		path := &socket.Path{Name: "/", Handler: wait}
		c := carry(t, set, opening(path, "a", 1, "sse"))
		if c.Socket.Transport() != "sse" {
			t.Errorf("the transport is %q", c.Socket.Transport())
		}
		c.Vanish()
		if c.Socket.Transport() != "" || c.Socket.State() != socket.Open {
			t.Errorf("the transport is %q, the state %d", c.Socket.Transport(), c.Socket.State())
		}
		time.Sleep(29 * time.Second)
		again := carry(t, set, opening(path, "a", 2, "longpoll"))
		if again.Socket != c.Socket || again.Socket.Transport() != "longpoll" {
			t.Errorf("another socket, or transport %q", again.Socket.Transport())
		}
		for name, o := range map[string]*socket.Opening{"epoch": {Epoch: "other", ID: "a"}, "id": {ID: "b"}} {
			o.Path, o.Resume, o.Request = path, true, &socket.Request{}
			if _, err := set.Open(o); !errors.Is(err, socket.ErrGone) {
				t.Errorf("another %s: %v", name, err)
			}
		}
		again.Vanish()
		away := time.Now()
		<-c.Socket.Context().Done()
		if took := time.Since(away); took < 30*time.Second || took > 32*time.Second {
			t.Errorf("it ended after %s", took)
		}
		if set.Len() != 0 {
			t.Errorf("%d are left", set.Len())
		}
	})
}

// TestNeverAttached: a socket that no link comes to is let go, and nobody waits for its handler.
func TestNeverAttached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := socket.NewSet()
		path := &socket.Path{Name: "/", Handler: func(*socket.Socket) { t.Error("the handler ran") }}
		var opened []*socket.Socket
		for _, id := range []string{"a", "b", ""} {
			s, err := set.Open(opening(path, id, 1, "sse"))
			if err != nil {
				t.Fatal(err)
			}
			opened = append(opened, s)
		}
		opened[2].Drop()
		if opened[2].State() != socket.Closed {
			t.Error("it was not dropped")
		}
		time.Sleep(29 * time.Second)
		if opened[0].State() != socket.Open {
			t.Error("it was let go at once")
		}
		time.Sleep(3 * time.Second)
		if opened[0].State() != socket.Closed || set.Len() != 0 {
			t.Error("it is held for ever")
		}
		set.Close()
	})
}

// TestLinksBeside: a better link has the older go on beside it, for a while or until there is a third; of polls there is one.
func TestLinksBeside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := socket.NewSet()
		defer set.Close()
		path := &socket.Path{Name: "/", Handler: wait}
		replaced := socket.End{Replaced: true}
		a := carry(t, set, opening(path, "x", 1, "sse"))
		b := carry(t, set, opening(path, "x", 3, "websocket"))
		if err := a.Socket.Send(socket.Text, []byte("both")); err != nil {
			t.Fatal(err)
		}
		a.Expect(socket.Text, "both")
		b.Expect(socket.Text, "both")
		c := carry(t, set, opening(path, "x", 2, "stream")) // it was asked for before b, and comes late
		if a.Ended() != replaced || b.Over() || c.Over() {
			t.Error("not the oldest has gone")
		}
		if _, err := sockettest.Carry(t, set, opening(path, "x", 1, "sse")); !errors.Is(err, socket.ErrReplaced) {
			t.Errorf("one that is older than both: %v", err)
		}
		time.Sleep(12 * time.Second)
		if !c.Over() || b.Over() || a.Socket.Transport() != "websocket" {
			t.Errorf("after a while %q carries", a.Socket.Transport())
		}
		p := carry(t, set, opening(path, "x", 4, "longpoll"))
		q := carry(t, set, opening(path, "x", 5, "poll"))
		if p.Ended() != replaced {
			t.Error("two polls are held")
		}
		if q.Over() {
			t.Error("the newer poll has gone")
		}
	})
}

// TestDrain: every client is told, those that poll too, and none is waited for longer than Options.CloseTime.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := socket.NewSet()
		defer set.Close()
		path := &socket.Path{Name: "/", Handler: wait}
		quick := sockettest.OpenIn(t, set, path, nil)
		polls := carry(t, set, opening(path, "polls", 1, "poll"))
		polls.Vanish() // it is between polls
		carry(t, set, opening(path, "away", 1, "sse")).Vanish()
		began := time.Now()
		drained := make(chan error, 1)
		go func() { drained <- set.Drain(t.Context()) }()
		quick.ExpectClose(1001, "")
		quick.Close(1001, "")
		if _, err := set.Open(opening(path, "", 1, "websocket")); !errors.Is(err, socket.ErrClosed) {
			t.Errorf("a new one: %v", err)
		}
		time.Sleep(2 * time.Second)
		again := carry(t, set, opening(path, "polls", 2, "poll"))
		again.ExpectClose(1001, "")
		again.Close(1001, "")
		if err := <-drained; err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took < 4*time.Second || took > 8*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}
