package socket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tidings/gateway/socket"
	"tidings/gateway/socket/sockettest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo sends what it receives, and returns how the socket ended.
func echo(ends chan<- error) socket.Handler {
	return func(s *socket.Socket) {
		for {
			m, err := s.Receive()
			if err == nil {
				err = s.Send(m.Kind, m.Data)
			}
			if err != nil {
				ends <- err
				return
			}
		}
	}
}

func TestEcho(t *testing.T) {
	ends := make(chan error, 1)
	c := sockettest.Open(t, echo(ends), socket.Options{}, nil)
	c.Send(socket.Text, "a")
	c.Expect(socket.Text, "a")
	for _, f := range []socket.Frame{
		{Kind: socket.Binary, More: true, Data: []byte("b")}, {Kind: socket.Binary, More: true}, {Kind: socket.Binary, Data: []byte("c")},
	} {
		if _, err := c.Put(f); err != nil {
			t.Fatal(err)
		}
	}
	c.Expect(socket.Binary, "bc")
	c.Send(socket.Text, "")
	c.Expect(socket.Text, "")
	c.Close(4000, "done")
	c.ExpectClose(4000, "done")
	if end := c.Ended(); !end.Over {
		t.Errorf("the link ended with %+v", end)
	}
	var end *socket.CloseError
	if err := <-ends; !errors.As(err, &end) || *end != (socket.CloseError{Code: 4000, Reason: "done", Clean: true}) {
		t.Errorf("the handler saw %v", err)
	}
	<-c.Socket.Context().Done()
	if cause := context.Cause(c.Socket.Context()); !errors.As(cause, &end) || end.Code != 4000 {
		t.Errorf("the context ended by %v", cause)
	}
	if c.Socket.State() != socket.Closed || c.Socket.Transport() != "" {
		t.Errorf("state %d, transport %q", c.Socket.State(), c.Socket.Transport())
	}
}

// TestWhatAHandlerLeaves: how the socket is closed behind a handler.
func TestWhatAHandlerLeaves(t *testing.T) {
	for name, try := range map[string]struct {
		handler socket.Handler
		code    uint16
		reason  string
	}{
		"returns": {func(s *socket.Socket) { _, _ = s.Receive() }, 1000, ""},
		"panics":  {func(s *socket.Socket) { _, _ = s.Receive(); panic("oh") }, 1011, ""},
		"closes":  {func(s *socket.Socket) { _, _ = s.Receive(); _ = s.Close(3001, "bye"); panic("late") }, 3001, "bye"},
		"no code": {func(s *socket.Socket) { _, _ = s.Receive(); _ = s.Close(0, "") }, 1005, ""},
	} {
		t.Run(name, func(t *testing.T) {
			panics := make(chan any, 1)
			set := socket.NewSet()
			set.Panicked = func(_ *socket.Socket, cause any, _ []byte) { panics <- cause }
			defer set.Close()
			c := sockettest.OpenIn(t, set, &socket.Path{Name: "/", Handler: try.handler}, nil)
			c.Send(socket.Text, "go")
			c.ExpectClose(try.code, try.reason)
			// What comes now is nobody's, and stops nobody.
			c.Send(socket.Binary, strings.Repeat("x", 1<<20))
			c.Close(try.code, "")
			if end := c.Ended(); !end.Over {
				t.Errorf("the link ended with %+v", end)
			}
			if strings.Contains(name, "panics") && <-panics != "oh" {
				t.Error("the panic was not told")
			}
		})
	}
}

// TestReceiveBytes: a client that sends faster than the handler receives is not read from; one long message still comes to its end.
func TestReceiveBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		step := make(chan struct{})
		got := make(chan int, 10)
		c := sockettest.Open(t, func(s *socket.Socket) {
			for range step {
				m, err := s.Receive()
				if err != nil {
					t.Error(err)
				}
				got <- len(m.Data)
			}
		}, socket.Options{ReceiveBytes: 1000}, nil)
		put := func(more bool, n int) bool {
			t.Helper()
			read, err := c.Put(socket.Frame{Kind: socket.Binary, More: more, Data: make([]byte, n)})
			if err != nil {
				t.Fatal(err)
			}
			return read
		}
		if !put(false, 500) || put(false, 500) {
			t.Fatal("1000 bytes and what they cost were not the bound")
		}
		step <- struct{}{}
		synctest.Wait()
		if n := <-got; n != 500 || c.Deaf() == false {
			t.Fatalf("%d bytes, deaf %v; want the client to be read from again below half of the bound", n, c.Deaf())
		}
		step <- struct{}{}
		synctest.Wait()
		if n := <-got; n != 500 || c.Deaf() {
			t.Fatalf("%d bytes, deaf %v", n, c.Deaf())
		}
		if put(true, 5000) {
			t.Fatal("nobody waits for the message, and it was read on")
		}
		step <- struct{}{}
		synctest.Wait()
		if c.Deaf() {
			t.Fatal("a message is waited for, and not read on")
		}
		if !put(true, 5000) {
			t.Fatal("a message is waited for, and not read on")
		}
		put(false, 5000)
		if n := <-got; n != 15000 {
			t.Fatalf("%d bytes", n)
		}
		close(step)
		c.ExpectClose(1000, "")
		c.Close(1000, "")
		c.Ended()
	})
}

// TestSendWaits: who sends is no faster than who takes, and nothing comes twice or changes while it waits.
func TestSendWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := make(chan int, 100)
		c := sockettest.Open(t, func(s *socket.Socket) {
			data := make([]byte, 100)
			for i := range 20 {
				for k := range data {
					data[k] = byte(i)
				}
				if err := s.Send(socket.Binary, data); err != nil {
					t.Error(err)
				}
				sent <- i
			}
		}, socket.Options{BufferBytes: 500}, nil)
		c.Limit(3)
		synctest.Wait()
		if n := len(sent); n < 3 || n > 9 {
			t.Fatalf("%d were sent", n)
		}
		for i := range 20 {
			c.Limit(1)
			if f := c.Frame(); len(f.Data) != 100 || !bytes.Equal(f.Data, bytes.Repeat([]byte{byte(i)}, 100)) || f.Seq != uint64(i+1) {
				t.Fatalf("frame %d is %+v", i, f)
			}
			synctest.Wait()
			if n := c.Socket.Buffered(); n > 600 {
				t.Errorf("%d bytes are buffered", n)
			}
		}
		c.Limit(-1)
		c.ExpectClose(1000, "")
		c.Close(1000, "")
	})
}

// TestPieces: a long message leaves in frames, a text between characters; a writer's does while it is written, and others wait for it.
func TestPieces(t *testing.T) {
	text := strings.Repeat("aä€😀", 100)
	c := sockettest.Open(t, func(s *socket.Socket) {
		if err := s.Send(socket.Text, []byte(text)); err != nil {
			t.Error(err)
		}
		w, err := s.Writer(socket.Text)
		if err != nil {
			t.Error(err)
			return
		}
		for _, b := range []byte(strings.Repeat(text, 10)) {
			if _, err := w.Write([]byte{b}); err != nil {
				t.Error(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		w, err = s.Writer(socket.Binary)
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := io.Copy(w, strings.NewReader(strings.Repeat("0123456789", 10_000))); err != nil {
			t.Error(err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if w, err = s.Writer(socket.Binary); err != nil || w.Close() != nil {
			t.Error(err)
		}
	}, socket.Options{FragmentBytes: 10}, nil)
	for i, want := range []string{text, strings.Repeat(text, 10), strings.Repeat("0123456789", 10_000), ""} {
		var got []byte
		for {
			f := c.Frame()
			if len(f.Data) > 10 || i < 2 && !validText(f.Data) {
				t.Fatalf("message %d has the frame %q", i, f.Data)
			}
			if got = append(got, f.Data...); !f.More {
				break
			}
		}
		if string(got) != want {
			t.Fatalf("message %d is %d bytes %.100q", i, len(got), got)
		}
	}
	c.ExpectClose(1000, "")
}

func validText(b []byte) bool { return strings.ToValidUTF8(string(b), "") == string(b) }

// TestReader: a message can be read while it arrives, and left.
func TestReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := make(chan string, 10)
		c := sockettest.Open(t, func(s *socket.Socket) {
			kind, r, err := s.Reader()
			if err != nil || kind != socket.Binary {
				t.Error(kind, err)
				return
			}
			b := make([]byte, 3)
			for {
				n, err := io.ReadFull(r, b)
				got <- fmt.Sprint(string(b[:n]), " ", err)
				if err != nil {
					break
				}
			}
			_, r, err = s.Reader()
			if err != nil {
				t.Error(err)
				return
			}
			n, err := r.Read(b)
			got <- fmt.Sprint(string(b[:n]), " ", err)
			m, err := s.Receive()
			got <- fmt.Sprint(string(m.Data), " ", err)
			if _, err := io.ReadAll(r); err == nil {
				t.Error("a message that was left can be read to its end")
			}
			_, r, err = s.Reader()
			if err != nil {
				t.Error(err)
				return
			}
			all, err := io.ReadAll(r)
			got <- fmt.Sprint(string(all), " ", err)
		}, socket.Options{}, nil)
		put := func(more bool, data string) {
			t.Helper()
			if _, err := c.Put(socket.Frame{Kind: socket.Binary, More: more, Data: []byte(data)}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		expect := func(want string) {
			t.Helper()
			if have := <-got; have != want {
				t.Fatalf("got %q, want %q", have, want)
			}
		}
		put(true, "abcd")
		expect("abc <nil>")
		put(true, "e")
		put(true, "f")
		expect("def <nil>")
		put(false, "g")
		expect("g unexpected EOF")
		put(true, "xyz1")
		expect("xyz <nil>")
		put(true, "left")
		put(false, "over")
		put(false, "next")
		expect("next <nil>")
		put(true, "cut")
		c.Vanish()
		expect("cut socket closed with 1006")
	})
}

// TestMessageBytes: a message over the bound is refused before it is kept.
func TestMessageBytes(t *testing.T) {
	c := sockettest.Open(t, func(s *socket.Socket) { _, _ = s.Receive() }, socket.Options{MessageBytes: 10}, nil)
	if _, err := c.Put(socket.Frame{Kind: socket.Text, More: true, Data: make([]byte, 10)}); err != nil {
		t.Fatal(err)
	}
	var big *socket.CloseError
	if _, err := c.Put(socket.Frame{Kind: socket.Text, Data: make([]byte, 1)}); !errors.As(err, &big) || big.Code != 1009 {
		t.Fatalf("%v", err)
	}
	c.Socket.Fail(big.Code, big.Reason)
	if end := c.Ended(); end.Code != 1009 || end.Reason == "" {
		t.Errorf("the link ended with %+v", end)
	}
}

// TestDead: a client that says nothing when it is asked ends its socket.
func TestDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ends := make(chan error, 1)
		c := sockettest.Open(t, echo(ends), socket.Options{}, nil)
		began := time.Now()
		for time.Since(began) < 5*time.Minute {
			time.Sleep(10 * time.Second)
			c.Pong()
		}
		if c.Pings() < 14 {
			t.Errorf("%d pings in five minutes", c.Pings())
		}
		silent := time.Now()
		c.Ended()
		if took := time.Since(silent); took < 32*time.Second || took > 80*time.Second {
			t.Errorf("it took %s", took)
		}
		var end *socket.CloseError
		if err := <-ends; !errors.As(err, &end) || end.Code != 1006 || end.Clean {
			t.Errorf("the handler saw %v", err)
		}
	})
}

// TestUnheard: a client that is not read from, because its handler is behind, is not taken for one that says nothing.
func TestUnheard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ends := make(chan error, 1)
		c := sockettest.Open(t, func(s *socket.Socket) {
			time.Sleep(10 * time.Minute)
			for {
				if _, err := s.Receive(); err != nil {
					ends <- err
					return
				}
			}
		}, socket.Options{}, nil)
		for !c.Deaf() {
			c.Send(socket.Text, strings.Repeat("x", 10_000))
		}
		for time.Sleep(9 * time.Minute); c.Deaf(); time.Sleep(10 * time.Second) {
			if err := c.Socket.Context().Err(); err != nil {
				t.Fatalf("it was ended: %v", context.Cause(c.Socket.Context()))
			}
		}
		if c.Pings() < 20 { // it may want to know whether we are there
			t.Errorf("%d pings in nine minutes", c.Pings())
		}
		silent := time.Now() // now it could have answered
		c.Ended()
		if took := time.Since(silent); took > 80*time.Second {
			t.Errorf("it took %s", took)
		}
		var end *socket.CloseError
		if err := <-ends; !errors.As(err, &end) || end.Code != 1006 {
			t.Errorf("the handler saw %v", err)
		}
	})
}

// TestCloseTime: a client that does not answer a close is given up.
func TestCloseTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := sockettest.Open(t, func(s *socket.Socket) {
			if err := s.Close(4321, "go"); err != nil {
				t.Error(err)
			}
			if err := s.Send(socket.Text, nil); err == nil {
				t.Error("it can be sent behind a close")
			}
			<-s.Context().Done()
		}, socket.Options{}, nil)
		began := time.Now()
		c.ExpectClose(4321, "go")
		c.Ended()
		if took := time.Since(began); took < 5*time.Second || took > 7*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}
