package websocket

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gobwas/ws"

	"tidings/gateway/socket"
	"tidings/transport/wire"
)

// heardLink is a link whose connection a test plays.
type heardLink struct {
	*testing.T
	conn *sluice
	link *linked
	step chan struct{} // lets the handler receive one more message
}

// newHeardLink opens a socket whose handler receives when it is told to. The test is in a bubble.
func newHeardLink(t *testing.T, deflates bool) *heardLink {
	set := socket.NewSet()
	t.Cleanup(set.Close)
	h := &heardLink{T: t, conn: &sluice{fakeConn: fakeConn{room: 1 << 30}}, step: make(chan struct{})}
	o := &socket.Opening{ID: "0123456789abcdef", Request: &socket.Request{}, Transport: "websocket", Path: &socket.Path{Name: "/", Handler: func(s *socket.Socket) {
		for range h.step {
			if _, err := s.Receive(); err != nil {
				return
			}
		}
	}}}
	s, err := set.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	l := &linked{socket: s, conn: h.conn, copies: true}
	l.messages = messages{frames: frames{state: ws.StateServerSide, limit: wire.SocketLineBytes, deflates: deflates}, hear: (*linkedEars)(l).hear}
	h.link = l
	w, err := s.Attach(l, o)
	if err != nil {
		t.Fatal(err)
	}
	l.begin(&w, &LinkTerms{})
	s.Ready(l)
	t.Cleanup(func() {
		close(h.step)
		s.Detach(l)
	})
	return h
}

// fromClient is a frame as clients send it.
func fromClient(op ws.OpCode, rsv byte, payload []byte) []byte {
	f := ws.NewFrame(op, true, bytes.Clone(payload))
	f.Header.Rsv = rsv
	b, err := ws.CompileFrame(ws.MaskFrameInPlaceWith(f, [4]byte{1, 2, 3, 4}))
	if err != nil {
		panic(err)
	}
	return b
}

func (h *heardLink) data(b []byte) (more bool) { return (*linkedEars)(h.link).Data(bytes.Clone(b)) }

// TestLinkedGoesOn: a link that was not read from for a while is read from again, though what comes first then is no whole frame.
func TestLinkedGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHeardLink(t, false)
		frame := fromClient(opBinary, 0, make([]byte, wire.SocketFrameBytes))
		sent := 0
		for h.data(frame) {
			if sent++; sent > 100 {
				t.Fatal("what nobody receives is read without end")
			}
		}
		for range sent + 1 {
			h.step <- struct{}{}
		}
		synctest.Wait()
		if !h.data(frame[:1000]) {
			t.Error("a part of a frame stops the connection, though there is room")
		}
		if !h.data(frame[1000:]) {
			t.Error("a frame stops the connection, though there is room")
		}
	})
}

// TestLinkedWindow: a client that keeps to the wire is always read from: 256 KiB, in 1,024 frames.
func TestLinkedWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHeardLink(t, false)
		full := fromClient(opBinary, 0, make([]byte, wire.SocketFrameBytes))
		for range 4 { // they fill the queue, and are acknowledged but for the last
			h.data(full)
		}
		small := fromClient(opBinary, 0, make([]byte, 192<<10/1023+1))
		for i := range 1023 {
			if !h.data(small) {
				t.Fatalf("not read from after %d frames", i)
			}
		}
	})
}

// TestLinkedEmptyFrames: frames without payload are not taken without end either.
func TestLinkedEmptyFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHeardLink(t, false)
		empty := bytes.Repeat(fromClient(opBinary, 0, []byte{0}), 1000)
		n := 0
		for h.data(empty) {
			if n += 1000; n > 20_000 {
				t.Fatalf("%d frames were taken, and none received", n)
			}
		}
	})
}

// TestLinkedBomb: what was deflated to a thousandth ends the link before it fills the memory, be it frames or objects.
func TestLinkedBomb(t *testing.T) {
	for name, payload := range map[string]string{
		"frames":  "=" + strings.Repeat(" ", wire.SocketFrameBytes),
		"objects": `{"x":"` + strings.Repeat(" ", 500<<10) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHeardLink(t, true)
				bomb := bytes.Repeat(fromClient(opText, rsv1, appendPacked(nil, []byte(payload), 15, true)), 100)
				h.data(bomb)
				if n := h.link.socket.Taken() * wire.SocketFrameBytes; n > 2<<20 {
					t.Errorf("%d bytes were taken of a read of %d", n, len(bomb))
				}
				if end := closeBody(uint16(ws.StatusMessageTooBig), ""); !bytes.Contains(h.conn.all.Bytes(), end) {
					t.Errorf("the link goes on behind a read of %d bytes that come to %d", len(bomb), 100*len(payload))
				}
			})
		})
	}
}

// TestLinkedAcksAndPings: however many come in one read, they are heard.
func TestLinkedAcksAndPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHeardLink(t, false)
		for range 3 {
			if err := h.link.socket.Send(socket.Text, []byte("a")); err != nil {
				t.Fatal(err)
			}
		}
		h.data(bytes.Join([][]byte{
			fromClient(opText, 0, []byte(`{"ack":{"seq":1}}`)), fromClient(opText, 0, []byte(`{"ack":{"seq":2}}`)), fromClient(opText, 0, []byte(`{"id":7,"ping":true}`)),
		}, nil))
		if n := h.link.socket.Buffered(); n != 1 {
			t.Errorf("%d messages are not acknowledged, want 1", n)
		}
		if !bytes.Contains(h.conn.all.Bytes(), []byte(`{"ack":{"id":7,"seq":0}}`)) {
			t.Error("a ping was not answered")
		}
	})
}
