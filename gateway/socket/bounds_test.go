package socket_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tidings/gateway/socket"
	"tidings/gateway/socket/sockettest"
)

// TestFramesCost: what a frame takes beside its payload counts, so that a handler that sends nothing many times waits, too.
func TestFramesCost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		c := sockettest.Open(t, func(s *socket.Socket) {
			for s.Send(socket.Text, nil) == nil {
				sent++
			}
		}, socket.Options{BufferBytes: 10_000}, nil)
		c.Limit(0)
		synctest.Wait()
		if sent > 10_000/64 {
			t.Errorf("%d empty messages wait in a buffer of 10,000 bytes", sent)
		}
		if n := c.Socket.Buffered(); n != 0 {
			t.Errorf("%d bytes of payload in empty messages", n)
		}
		c.Vanish()
	})
}

// TestBroadcastBehindAWriter: what waits for the end of a message that is being written is bounded as what waits for the client is.
func TestBroadcastBehindAWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := socket.NewSet()
		t.Cleanup(set.Close)
		p := &socket.Path{Name: "/", Options: socket.Options{BufferBytes: 10_000}, Handler: func(s *socket.Socket) {
			w, err := s.Writer(socket.Text)
			if err != nil {
				t.Error(err)
			}
			<-s.Context().Done()
			_ = w.Close()
		}}
		c := sockettest.OpenIn(t, set, p, nil)
		synctest.Wait()
		n := 0
		for range 1000 {
			n += set.Broadcast("/", socket.Text, make([]byte, 100))
		}
		if n > 100 {
			t.Errorf("%d messages of 100 bytes wait behind one that is being written", n)
		}
		c.ExpectClose(1013, "")
		c.Close(1013, "")
	})
}

// TestSlowGoodbye: a client that takes a large frame bit by bit is not given up before it has come to the Close behind it.
func TestSlowGoodbye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := sockettest.Open(t, func(s *socket.Socket) {
			_ = s.Send(socket.Text, []byte("large"))
			_ = s.Close(4000, "done")
			<-s.Context().Done()
		}, socket.Options{CloseTime: 5 * time.Second}, nil)
		c.Limit(0)
		synctest.Wait()
		for range 10 {
			time.Sleep(3 * time.Second)
			c.Socket.Ready(c) // a part of the frame has left
		}
		c.Limit(-1)
		c.Expect(socket.Text, "large")
		c.ExpectClose(4000, "done")
		c.Close(4000, "done")
		<-c.Socket.Context().Done()
		if end := ended(t, c); end.Code != 4000 {
			t.Errorf("it ended with %v", end)
		}
	})
}

// ended returns how a socket ended.
func ended(t *testing.T, c *sockettest.Client) *socket.CloseError {
	t.Helper()
	end, ok := errors.AsType[*socket.CloseError](context.Cause(c.Socket.Context()))
	if !ok {
		t.Fatalf("it ended with %v", context.Cause(c.Socket.Context()))
	}
	return end
}

// TestClosesAndLeaves: a client that says Close and breaks the connection has closed, and not vanished.
func TestClosesAndLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := socket.NewSet()
		t.Cleanup(set.Close)
		p := &socket.Path{Name: "/", Handler: func(s *socket.Socket) { _, _ = s.Receive(); time.Sleep(time.Second) }}
		c := sockettest.OpenIn(t, set, p, nil)
		c.Send(socket.Text, "a")
		c.Close(4000, "done")
		c.Vanish()
		synctest.Wait()
		if end := ended(t, c); end.Code != 4000 || end.Reason != "done" {
			t.Errorf("it ended with %v", end)
		}
		if closed := set.Stats()[0].Closed; closed[4000] != 1 {
			t.Errorf("%v ended", closed)
		}
	})
}

// TestClosesWhileAway: a client that closes while no link is there has its Close counted, though its handler does not listen.
func TestClosesWhileAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := socket.NewSet()
		t.Cleanup(set.Close)
		gone := make(chan struct{})
		p := &socket.Path{Name: "/", Handler: func(s *socket.Socket) { _, _ = s.Receive(); <-gone }}
		defer close(gone)
		o := &socket.Opening{Path: p, ID: "0123456789abcdef", Request: &socket.Request{}, Transport: "longpoll"}
		c, err := sockettest.Carry(t, set, o)
		if err != nil {
			t.Fatal(err)
		}
		c.Send(socket.Text, "a")
		synctest.Wait()
		c.Send(socket.Text, "b")
		c.Vanish()
		c.Close(4000, "done")
		time.Sleep(10 * time.Second)
		if closed := set.Stats()[0].Closed; closed[4000] != 1 {
			t.Errorf("%v ended", closed)
		}
	})
}

// TestCloseThatHasNotLeft: a gateway that stops says a Close that was only waiting, too.
func TestCloseThatHasNotLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := socket.NewSet()
		c := sockettest.OpenIn(t, set, &socket.Path{Name: "/", Handler: func(s *socket.Socket) { _, _ = s.Receive() }}, nil)
		c.Limit(0)
		if err := c.Socket.Close(4000, "done"); err != nil {
			t.Fatal(err)
		}
		set.Close()
		if end := c.Ended(); end != (socket.End{Code: 4000, Reason: "done"}) {
			t.Errorf("the link ended with %+v", end)
		}
	})
}

// TestNotReadFrom: a client that is not read from, because its handler takes its time, does not count as dead.
func TestNotReadFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := make(chan int, 1)
		c := sockettest.Open(t, func(s *socket.Socket) {
			time.Sleep(10 * time.Minute)
			n := 0
			for ; n < 3; n++ {
				if _, err := s.Receive(); err != nil {
					break
				}
			}
			got <- n
		}, socket.Options{ReceiveBytes: 1000}, nil)
		for range 3 {
			if more, err := c.Put(socket.Frame{Kind: socket.Text, Data: make([]byte, 500)}); err != nil {
				t.Fatal(more, err)
			}
		}
		if n := <-got; n != 3 {
			t.Errorf("%d messages were received", n)
		}
		c.ExpectClose(1000, "")
		c.Close(1000, "")
		if c.Pings() < 20 {
			t.Errorf("%d pings: what is written tells whether it is there", c.Pings())
		}
	})
}

// TestDrainsInTime: a gateway that stops waits for no client twice: for its answer, and for it to come back.
func TestDrainsInTime(t *testing.T) {
	for name, c := range map[string]struct {
		room, leaves int // how many frames the client takes, and after how many seconds it leaves
		most         time.Duration
	}{
		"has heard, and leaves":  {-1, 3, 3 * time.Second},
		"leaves without hearing": {0, 3, 6 * time.Second},
		"stays and says nothing": {-1, 60, 6 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				set := socket.NewSet()
				t.Cleanup(set.Close)
				p := &socket.Path{Name: "/", Handler: func(s *socket.Socket) { _, _ = s.Receive() }}
				link, err := sockettest.Carry(t, set, &socket.Opening{Path: p, ID: "0123456789abcdef", Request: &socket.Request{}, Transport: "sse"})
				if err != nil {
					t.Fatal(err)
				}
				link.Limit(c.room)
				began := time.Now()
				leave := time.AfterFunc(time.Duration(c.leaves)*time.Second, link.Vanish)
				if err := set.Drain(t.Context()); err != nil {
					t.Fatal(err)
				}
				leave.Stop()
				if took := time.Since(began); took > c.most {
					t.Errorf("it took %s, want %s at most", took, c.most)
				}
			})
		})
	}
}

// TestDrainWaitsForPolls: a client that was between two polls when the gateway began to stop is waited for.
func TestDrainWaitsForPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := socket.NewSet()
		t.Cleanup(set.Close)
		p := &socket.Path{Name: "/", Handler: func(s *socket.Socket) { _, _ = s.Receive() }}
		o := &socket.Opening{Path: p, ID: "0123456789abcdef", Request: &socket.Request{}, Transport: "poll"}
		c, err := sockettest.Carry(t, set, o)
		if err != nil {
			t.Fatal(err)
		}
		c.Vanish()
		time.Sleep(10 * time.Second)
		drained := make(chan error, 1)
		go func() { drained <- set.Drain(t.Context()) }()
		time.Sleep(4 * time.Second)
		if c, err = sockettest.Carry(t, set, o); err != nil {
			t.Fatal(err)
		}
		c.ExpectClose(1001, "")
		c.Close(1001, "")
		if err := <-drained; err != nil {
			t.Error(err)
		}
	})
}

// TestMostSockets: sockets whose clients are away are bounded, too, and those that are over and kept.
func TestMostSockets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := socket.NewSet()
		set.Most = 2
		t.Cleanup(set.Close)
		p := &socket.Path{Name: "/", Handler: func(s *socket.Socket) { _, _ = s.Receive() }}
		open := func(id string) error {
			_, err := set.Open(&socket.Opening{Path: p, ID: id, Request: &socket.Request{}, Transport: "poll"})
			return err
		}
		for _, id := range []string{"0123456789abcde1", "0123456789abcde2"} {
			if err := open(id); err != nil {
				t.Fatal(id, err)
			}
		}
		if err := open("0123456789abcde3"); !errors.Is(err, socket.ErrFull) {
			t.Error(err)
		}
		if err := open("0123456789abcde1"); err != nil {
			t.Error("the one that there is:", err)
		}
		time.Sleep(time.Minute) // they were never attached
		if err := open("0123456789abcde3"); err != nil {
			t.Error(err)
		}
	})
}
