package socket_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/textproto"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tidings/gateway/socket"
	"tidings/gateway/socket/sockettest"
)

// TestEveryFrameOnce: over any sequence of links that come, are slow, are beside each other, and break, with what was under way on them, a socket
// that can move brings every message both ways exactly once, whole and in order, and both sides hear of its end.
func TestEveryFrameOnce(t *testing.T) {
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) { newMover(t, seed).run() })
	}
}

// message returns the i-th message of a direction.
func message(i int) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(i))
	return append(b, bytes.Repeat([]byte{byte(i)}, i*i%301)...)
}

const modelMessages = 60

// talker sends all messages and receives all, and closes.
type talker struct {
	t    *testing.T
	left atomic.Int32 // how many messages were told to have left
	seed uint64
	done chan error
}

func (k *talker) serve(s *socket.Socket) {
	random := rand.New(rand.NewPCG(k.seed, 1))
	sent := make(chan error, 1)
	go func() { sent <- k.send(s, random) }()
	for i := range modelMessages {
		m, err := s.Receive()
		if err != nil || !bytes.Equal(m.Data, message(i)) {
			k.done <- fmt.Errorf("message %d came as %d bytes %.8x, %w", i, len(m.Data), m.Data, err)
			return
		}
	}
	err := <-sent
	if err == nil {
		err = s.Close(4000, "all said")
	}
	if err == nil {
		_, err = s.Receive()
	}
	<-s.Context().Done()
	k.done <- err
}

func (k *talker) send(s *socket.Socket, random *rand.Rand) error {
	for i := range modelMessages {
		if random.IntN(3) > 0 {
			if err := s.SendThen(socket.Binary, message(i), func(error) { k.left.Add(1) }); err != nil {
				return err
			}
			continue
		}
		k.left.Add(1) // nobody tells
		w, err := s.Writer(socket.Binary)
		if err != nil {
			return err
		}
		for _, b := range message(i) {
			if _, err := w.Write([]byte{b}); err != nil {
				return err
			}
		}
		if err := w.Close(); err != nil {
			return err
		}
	}
	return nil
}

// mover is a client that moves.
type mover struct {
	t         *testing.T
	random    *rand.Rand
	set       *socket.Set
	path      *socket.Path
	talker    *talker
	socket    *socket.Socket
	epoch     string
	number    uint32
	links     []*sockettest.Client
	up        []socket.Frame // all that it says
	put       int            // of them, on the links that there are
	acked     uint64         // of them
	have      uint64         // frames down
	message   []byte         // what has come of one
	came      int            // messages
	closed    bool
	connected time.Time // last
}

func newMover(t *testing.T, seed uint64) *mover {
	m := &mover{t: t, random: rand.New(rand.NewPCG(seed, 2)), set: socket.NewSet(), talker: &talker{t: t, seed: seed, done: make(chan error, 1)}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	m.path = &socket.Path{Name: "/", Handler: m.talker.serve, Options: socket.Options{
		FragmentBytes: 100, BufferBytes: 1000, ReceiveBytes: 2000, CloseTime: time.Hour,
	}}
	for i := range modelMessages {
		rest := message(i)
		for more := true; more; {
			n := min(len(rest), 1+m.random.IntN(150))
			more = n < len(rest)
			m.up = append(m.up, socket.Frame{Seq: uint64(len(m.up) + 1), Kind: socket.Binary, More: more, Data: rest[:n]})
			rest = rest[n:]
		}
	}
	return m
}

func (m *mover) run() {
	defer m.set.Close()
	for step := 0; step < 3000 && !m.t.Failed(); step++ {
		switch m.random.IntN(10) {
		case 0:
			m.connect(m.number + 1)
		case 1:
			if m.number > 2 {
				m.connect(m.number - 1) // one that was slow to come
			}
		case 2:
			m.breakOne()
		case 3:
			if d := time.Duration(m.random.IntN(8000)) * time.Millisecond; time.Since(m.connected)+d < 28*time.Second { // no longer away than it may
				time.Sleep(d)
			}
		case 4:
			m.ack()
		case 5, 6:
			m.say()
		case 7:
			if c := m.one(); c != nil {
				c.Limit(m.random.IntN(5))
			}
		default:
			m.read(m.one())
		}
		synctest.Wait()
	}
	for range 1000 {
		if m.t.Failed() || m.closed {
			break
		}
		if c := m.one(); c == nil {
			m.connect(m.number + 1)
		} else {
			c.Limit(-1)
			m.read(c)
		}
		m.say()
		m.ack()
		synctest.Wait()
	}
	if m.t.Failed() {
		return
	}
	if !m.closed || m.came != modelMessages {
		m.t.Fatalf("%d messages came, closed %v; %d of %d frames were said, %d acked", m.came, m.closed, m.put, len(m.up), m.acked)
	}
	m.part()
}

// part answers the close, and sees what becomes of the socket.
func (m *mover) part() {
	bye := socket.Frame{Seq: uint64(len(m.up) + 1), Kind: socket.Close, Code: 4000}
	if _, _, err := m.socket.Put(bye); err != nil {
		m.t.Fatal(err)
	}
	synctest.Wait()
	var end *socket.CloseError
	if err := <-m.talker.done; !errors.As(err, &end) || end.Code != 4000 || !end.Clean {
		m.t.Fatalf("the handler ended with %v", err)
	}
	m.connect(m.number + 1) // the id is kept
	m.ack()
	synctest.Wait()
	if c := m.links[len(m.links)-1]; !c.Over() || !c.Ended().Over {
		m.t.Fatal("the links have not ended")
	}
	if int(m.talker.left.Load()) != modelMessages {
		m.t.Fatalf("%d messages were told to have left", m.talker.left.Load())
	}
	time.Sleep(32 * time.Second)
	if _, err := m.set.Open(m.opening(m.number + 1)); !errors.Is(err, socket.ErrGone) {
		m.t.Fatalf("the socket is kept for ever: %v", err)
	}
}

func (m *mover) opening(number uint32) *socket.Opening {
	return &socket.Opening{
		Path: m.path, Request: &socket.Request{Path: "/", Header: textproto.MIMEHeader{}}, ID: "abcdefghijklmnop", Resume: m.epoch != "", Epoch: m.epoch,
		Since: m.have, Number: number, Transport: "websocket",
	}
}

func (m *mover) connect(number uint32) {
	o := m.opening(number)
	s, err := m.set.Open(o)
	if err != nil {
		m.t.Fatalf("open: %v; closed %v, %s since the last, state %d %v", err, m.closed, time.Since(m.connected), m.socket.State(), context.Cause(m.socket.Context()))
	}
	c := sockettest.New(m.t, s)
	c.Limit(m.random.IntN(5))
	w, err := s.Attach(c, o)
	if errors.Is(err, socket.ErrReplaced) {
		return
	}
	if err != nil {
		m.t.Fatalf("attach: %v", err)
	}
	if m.socket != nil && s != m.socket || m.epoch != "" && w.Epoch != m.epoch || w.Since != m.have || w.Ack < m.acked {
		m.t.Fatalf("another socket, or another place: %+v", w)
	}
	m.socket, m.epoch, m.number = s, w.Epoch, max(m.number, number)
	m.put = int(w.Ack) // what is not acked is said again
	s.Acked(m.have)
	m.links, m.connected = append(m.links, c), time.Now()
	s.Ready(c)
}

// one returns a link that is not over.
func (m *mover) one() *sockettest.Client {
	var open []*sockettest.Client
	for _, c := range m.links {
		if !c.Over() {
			open = append(open, c)
		}
	}
	m.links = open
	if len(open) == 0 {
		return nil
	}
	return open[m.random.IntN(len(open))]
}

// breakOne breaks a link. What was under way may have come or not.
func (m *mover) breakOne() {
	c := m.one()
	if c == nil {
		return
	}
	if m.random.IntN(2) == 0 {
		m.read(c)
	}
	m.socket.Detach(c)
	c.Limit(-1)
	for i, have := range m.links {
		if have == c {
			m.links = append(m.links[:i], m.links[i+1:]...)
			break
		}
	}
}

// read takes what a link has brought: what came before is dropped, and nothing may be missing.
func (m *mover) read(c *sockettest.Client) {
	if c == nil {
		return
	}
	c.Pong()
	for _, f := range c.Take() {
		switch {
		case f.Seq <= m.have:
			continue
		case f.Seq != m.have+1 || m.closed:
			m.t.Fatalf("frame %d came behind %d", f.Seq, m.have)
		}
		m.have++
		if f.Kind == socket.Close {
			m.closed = true
			continue
		}
		if m.message = append(m.message, f.Data...); f.More {
			continue
		}
		if !bytes.Equal(m.message, message(m.came)) {
			m.t.Fatalf("message %d came as %d bytes %.8x", m.came, len(m.message), m.message)
		}
		m.came++
		m.message = nil
	}
}

func (m *mover) ack() {
	if m.socket != nil {
		m.socket.Acked(m.have)
	}
}

// say says some frames, perhaps some that were said before.
func (m *mover) say() {
	if m.socket == nil {
		return
	}
	if m.random.IntN(5) == 0 {
		m.put = int(m.acked)
	}
	for range m.random.IntN(8) {
		if m.put == len(m.up) {
			return
		}
		ack, more, err := m.socket.Put(m.up[m.put])
		if err != nil {
			m.t.Fatalf("put: %v", err)
		}
		m.put++
		if m.random.IntN(2) == 0 { // it hears of it
			m.acked = ack
		}
		if !more {
			return
		}
	}
}
