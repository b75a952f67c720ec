package socket

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
)

// attached opens a plain socket with a link that does nothing.
func attached(t *testing.T, h Handler, o Options, unpack Unpack) *Socket {
	t.Helper()
	set := NewSet()
	t.Cleanup(set.Close)
	opening := &Opening{Path: &Path{Name: "/", Handler: h, Options: o}, Request: &Request{}, Transport: "websocket", Unpack: unpack}
	s, err := set.Open(opening)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Attach(idle{}, opening); err != nil {
		t.Fatal(err)
	}
	return s
}

// idle is a link that does nothing.
type idle struct{}

func (idle) Carry(l Load) (int, bool) { return len(l.Frames), false }
func (idle) Heard() bool              { return true }
func (idle) Resume()                  {}
func (idle) End(End)                  {}

// TestPassedOver: what a Reader has left of a message, of any size, is not gathered while its handler waits for the next.
func TestPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := make(chan Message, 1)
		s := attached(t, func(s *Socket) {
			_, r, err := s.Reader()
			if err == nil {
				_, err = r.Read(make([]byte, 1))
			}
			m, end := s.Receive()
			if err = errors.Join(err, end); err != nil {
				t.Error(err)
			}
			got <- m
		}, Options{MessageBytes: -1, ReceiveBytes: 1000}, nil)
		synctest.Wait()
		for range 100 {
			if _, more, err := s.Put(Frame{Kind: Binary, More: true, Data: make([]byte, 10_000)}); err != nil {
				t.Fatal(more, err)
			}
			synctest.Wait()
			if s.up.cost > 20_000 {
				t.Fatalf("%d bytes are kept of what nobody wants", s.up.cost)
			}
		}
		for _, f := range []Frame{{Kind: Binary}, {Kind: Text, Data: []byte("next")}} {
			if _, _, err := s.Put(f); err != nil {
				t.Fatal(err)
			}
		}
		if m := <-got; string(m.Data) != "next" {
			t.Errorf("received %q", m.Data)
		}
		s.Detach(idle{})
	})
}

// TestBrokenStaysBroken: a message that could not be inflated does not look as if it had come to its end, however often it is read.
func TestBrokenStaysBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errs := make(chan error, 2)
		s := attached(t, func(s *Socket) {
			_, r, err := s.Reader()
			for range 2 {
				if err == nil {
					_, err = r.Read(make([]byte, 1))
				}
				errs <- err
				err = nil
			}
		}, Options{}, func(Kind, int, func() ([]byte, error)) io.ReadCloser { return broken{} })
		if _, _, err := s.Put(Frame{Kind: Text, Packed: true, Data: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			var end *CloseError
			if err := <-errs; !errors.As(err, &end) || end.Code != 1007 {
				t.Errorf("read %v", err)
			}
		}
		s.Detach(idle{})
	})
}

// broken is a message that cannot be inflated.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, &CloseError{Code: 1007} }
func (broken) Close() error             { return nil }
