package park

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestRoomBeforeServe: room that came before there was anybody to tell is told later.
func TestRoomBeforeServe(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	c := own(far, nil, nil)
	defer c.Close()
	c.(*conn).room(nil)
	heard := newEars()
	c.Serve(heard)
	<-heard.ready
}

// halves is a connection whose one side can be closed.
type halves struct {
	net.Conn
	closed chan struct{}
}

func (h halves) CloseWrite() error {
	close(h.closed)
	return nil
}

// TestFinishLeavesTheClientItsSide: the connection stays open for what the client still sends, until the client ends.
func TestFinishLeavesTheClientItsSide(t *testing.T) {
	for _, served := range []bool{false, true} {
		near, far := net.Pipe()
		c := own(halves{far, make(chan struct{})}, nil, nil)
		heard := newEars()
		if served {
			c.Serve(heard)
		}
		c.Finish(nil)
		half, _ := c.(*conn).net.(halves)
		<-half.closed
		if _, err := near.Write([]byte("still here")); err != nil {
			t.Error(err)
		}
		near.Close()
		if _, err := c.Write(nil); err == nil {
			t.Error("a finished connection takes bytes")
		}
		if len(heard.data)+len(heard.gone) > 0 {
			t.Error("the handler hears of a finished connection")
		}
	}
}

// bounded is a recorder with a write deadline.
type bounded struct {
	*httptest.ResponseRecorder
	deadline time.Time
}

func (b *bounded) SetWriteDeadline(at time.Time) error {
	b.deadline = at
	return nil
}

// TestDeadlinesEnd: a connection that goes back to its server has no deadline of ours.
func TestDeadlinesEnd(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	w := &bounded{ResponseRecorder: httptest.NewRecorder()}
	answer, err := HTTP(w, r).Open(textX)
	if err != nil {
		t.Fatal(err)
	}
	answer.Conn.Finish(nil)
	if w.deadline.IsZero() {
		t.Error("the end is not bounded")
	}
	answer.Conn.Serve(newEars())
	if !w.deadline.IsZero() {
		t.Error("a stream leaves its deadline")
	}

	h := HTTP(w, r).Hold()
	h.Reply(Reply{Head: textX})
	h.Serve(newEars())
	if !w.deadline.IsZero() {
		t.Error("a poll leaves its deadline")
	}
}
