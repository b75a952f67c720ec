package websocket

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/textproto"
	"slices"
	"sync"
	"testing"

	"github.com/gobwas/ws"

	"tidings/gateway/socket"
	"tidings/transport/park"
)

// narrow is a connection that takes as many bytes as it is told to.
type narrow struct {
	mu     sync.Mutex
	room   int
	short  bool
	copied bool     // it copies what it takes; else it looks at it when it is asked only
	kept   [][]byte // what it has taken
	over   bool
}

var _ park.Conn = (*narrow)(nil)

func (c *narrow) Write(parts [][]byte) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return 0, park.ErrClosed
	}
	for _, p := range parts {
		took := p[:min(len(p), c.room)]
		if c.copied {
			c.kept = append(c.kept, bytes.Clone(took))
		} else {
			c.kept = append(c.kept, took)
		}
		n += len(took)
		c.room -= len(took)
		c.short = c.short || len(took) < len(p)
	}
	return n, nil
}

func (c *narrow) Finish(parts [][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept, c.over = append(c.kept, parts...), true
}

func (c *narrow) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
}

func (c *narrow) Serve(park.Handler) {}
func (c *narrow) Resume()            {}

// widen gives room for so many bytes, and reports whether somebody waits for it.
func (c *narrow) widen(n int) (wanted bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.room += n
	wanted, c.short = c.short, false
	return wanted
}

// TestPlainWrites: whatever room a connection has at a time, and whether it copies what it takes, what comes out of it are the frames of whole
// messages in order, deflated or not, with what answers pings between them.
func TestPlainWrites(t *testing.T) {
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 0))
		if err := plainWrites(random); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// said is a message that a client was sent.
type said struct {
	op   ws.OpCode
	data string
}

func plainWrites(random *rand.Rand) error {
	set := socket.NewSet()
	defer set.Close()
	path := &socket.Path{Name: "/", Handler: func(s *socket.Socket) { <-s.Context().Done() }, Options: socket.Options{
		FragmentBytes: 100 + random.IntN(8000), BufferBytes: 1 << 30,
	}}
	o := &socket.Opening{Path: path, Request: &socket.Request{Path: "/", Header: textproto.MIMEHeader{}}, Transport: "websocket"}
	s, err := set.Open(o)
	if err != nil {
		return err
	}
	conn := &narrow{copied: random.IntN(2) == 0}
	l := newPlain(s, conn)
	l.copies = conn.copied
	if random.IntN(2) == 0 {
		l.deflate(9 + random.IntN(7))
	}
	if _, err := s.Attach(l, o); err != nil {
		return err
	}
	s.Ready(l)
	want, pings, err := converse(random, set, s, l, conn)
	if err != nil {
		return err
	}
	for conn.widen(1 << 20) {
		s.Ready(l)
	}
	if l.half() {
		return errors.New("something is left")
	}
	var got []said
	var pongs []string
	parser := messages{frames: frames{state: ws.StateClientSide, limit: -1, deflates: l.bits > 0}, hear: func(op ws.OpCode, payload []byte) error {
		if op == opPong {
			pongs = append(pongs, string(payload))
		} else {
			got = append(got, said{op, string(payload)})
		}
		return nil
	}}
	if err := parser.feed(slices.Concat(conn.kept...)); err != nil {
		return err
	}
	if !slices.Equal(pongs, pings) {
		return fmt.Errorf("%d pings were answered with %d pongs", len(pings), len(pongs))
	}
	for i, m := range want {
		if i == len(got) || got[i] != m {
			return fmt.Errorf("message %d of %d is another than was sent; %d came", i, len(want), len(got))
		}
	}
	return nil
}

// converse has all sorts of messages sent, and returns them.
func converse(random *rand.Rand, set *socket.Set, s *socket.Socket, l *plain, conn *narrow) (want []said, pings []string, err error) {
	for i := range 40 {
		data := bytes.Repeat(fmt.Append(nil, "message ", i, " äöü "), random.IntN(3)*random.IntN(500))
		scratch := bytes.Clone(data)
		switch kind := socket.Kind(1 + random.IntN(2)); random.IntN(6) {
		case 0:
			if set.Broadcast("/", kind, scratch) != 1 {
				err = errors.New("broadcast to none")
			}
			want = append(want, said{opOf(kind), string(data)})
		case 1:
			err = inPieces(random, s, kind, scratch)
			want = append(want, said{opOf(kind), string(data)})
		case 2:
			ping := fmt.Sprint(i)
			(*plainEars)(l).pong([]byte(ping))
			pings = append(pings, ping)
		default:
			err = s.Send(kind, scratch)
			want = append(want, said{opOf(kind), string(data)})
		}
		if err != nil {
			return nil, nil, err
		}
		clear(scratch) // it was lent
		if random.IntN(2) == 0 && conn.widen(random.IntN(3)*random.IntN(8000)) {
			s.Ready(l)
		}
	}
	return want, pings, nil
}

func inPieces(random *rand.Rand, s *socket.Socket, kind socket.Kind, data []byte) error {
	w, err := s.Writer(kind)
	if err != nil {
		return err
	}
	for len(data) > 0 {
		n := min(len(data), 1+random.IntN(6000))
		if _, err := w.Write(data[:n]); err != nil {
			return err
		}
		clear(data[:n])
		data = data[n:]
	}
	return w.Close()
}
