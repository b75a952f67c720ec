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

// endings are how a client ends a socket: by a Close, or by breaking the protocol.
var endings = map[string]struct {
	end  func(c *sockettest.Client)
	seen func(t *testing.T, c *sockettest.Client) // by the client
}{
	"close": {
		func(c *sockettest.Client) { c.Close(4000, "done") },
		func(t *testing.T, c *sockettest.Client) {
			c.ExpectClose(4000, "done")
			if end := c.Ended(); !end.Over {
				t.Errorf("the link ended with %+v", end)
			}
		},
	},
	"failure": {
		func(c *sockettest.Client) { c.Socket.Fail(4000, "done") },
		func(t *testing.T, c *sockettest.Client) {
			if end := c.Ended(); end != (socket.End{Code: 4000, Reason: "done"}) {
				t.Errorf("the link ended with %+v", end)
			}
		},
	},
}

// TestAnswersBeforeTheEnd: what a client has sent is answered before its end is, though that comes at once.
func TestAnswersBeforeTheEnd(t *testing.T) {
	for name, e := range endings {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				step := make(chan struct{})
				c := sockettest.Open(t, func(s *socket.Socket) {
					for range step {
						m, err := s.Receive()
						if err != nil {
							if _, again := s.Receive(); again != err { //nolint:errorlint // the very same
								t.Errorf("%v, then %v", err, again)
							}
							return
						}
						if err := s.Send(m.Kind, m.Data); err != nil {
							t.Errorf("the answer: %v", err)
						}
					}
				}, socket.Options{}, nil)
				defer close(step)
				c.Send(socket.Text, "a")
				c.Send(socket.Text, "b")
				e.end(c)
				for _, want := range []string{"a", "b"} {
					step <- struct{}{}
					c.Expect(socket.Text, want)
				}
				var why *socket.CloseError
				if cause := context.Cause(c.Socket.Context()); !errors.As(cause, &why) || why.Code != 4000 {
					t.Errorf("the context says %v", cause)
				}
				if state := c.Socket.State(); state != socket.Closing {
					t.Errorf("the state is %d", state)
				}
				step <- struct{}{}
				e.seen(t, c)
				if err := c.Socket.Send(socket.Text, nil); !errors.As(err, &why) || why.Code != 4000 {
					t.Errorf("sending behind the end: %v", err)
				}
			})
		})
	}
}

// TestEndsAtOnce: an end waits for no handler that has nothing to answer.
func TestEndsAtOnce(t *testing.T) {
	for name, e := range endings {
		for kind, handler := range map[string]socket.Handler{
			"never receives": func(s *socket.Socket) { <-s.Context().Done() },
			"is waiting": func(s *socket.Socket) {
				if m, err := s.Receive(); err == nil {
					t.Errorf("received %v", m)
				}
			},
			"waits for the rest": func(s *socket.Socket) {
				if _, r, err := s.Reader(); err == nil {
					_, _ = r.Read(make([]byte, 10))
					_, err = r.Read(make([]byte, 10))
					if err == nil {
						t.Error("there is more")
					}
				}
			},
			"listens to the context": func(s *socket.Socket) {
				_ = s.Send(socket.Text, nil)
				<-s.Context().Done()
			},
			"only sends": func(s *socket.Socket) {
				for s.Send(socket.Text, nil) == nil {
					time.Sleep(time.Minute)
				}
			},
		} {
			t.Run(name+", "+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := sockettest.Open(t, handler, socket.Options{}, nil)
					if kind == "only sends" {
						c.Expect(socket.Text, "")
					}
					if kind == "listens to the context" {
						c.Expect(socket.Text, "")
						c.Send(socket.Text, "nobody receives this")
					}
					if kind == "waits for the rest" {
						if _, err := c.Put(socket.Frame{Kind: socket.Text, More: true, Data: []byte("a")}); err != nil {
							t.Error(err)
						}
					}
					synctest.Wait()
					began := time.Now()
					e.end(c)
					e.seen(t, c)
					if took := time.Since(began); took != 0 {
						t.Errorf("it took %v", took)
					}
				})
			})
		}
	}
}

// TestAnswersAreBounded: a handler that does not come to an end is not waited for longer than Options.CloseTime, whatever it says.
func TestAnswersAreBounded(t *testing.T) {
	for name, e := range endings {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := sockettest.Open(t, func(s *socket.Socket) {
					if _, err := s.Receive(); err != nil {
						t.Error(err)
					}
					for s.Send(socket.Text, []byte("tick")) == nil {
						time.Sleep(time.Second)
					}
				}, socket.Options{CloseTime: 3 * time.Second}, nil)
				c.Send(socket.Text, "go")
				synctest.Wait()
				began := time.Now()
				e.end(c)
				for c.Socket.State() != socket.Closed {
					time.Sleep(time.Second)
				}
				if took := time.Since(began); took < 3*time.Second || took > 5*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// TestFailureBehindOurClose: who has said its last word says nothing about a client that breaks the protocol.
func TestFailureBehindOurClose(t *testing.T) {
	c := sockettest.Open(t, func(s *socket.Socket) { _ = s.Close(3000, "") }, socket.Options{}, nil)
	c.ExpectClose(3000, "")
	c.Socket.Fail(1002, "no")
	if end := c.Ended(); end != (socket.End{Over: true}) {
		t.Errorf("the link ended with %+v", end)
	}
}
