package downlink

import (
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tidings/gateway/socket"
	"tidings/transport"
	"tidings/transport/park"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const epoch = "k3f9a2m1"

var welcome = socket.Welcome{Epoch: epoch, Protocol: "chat", Since: 4, Ack: 2, Ping: 20 * time.Second, Away: 30 * time.Second}

var offer = transport.Offer{Transports: []string{"websocket", "sse"}}

// talk is the socket of one link.
type talk struct {
	mu       sync.Mutex
	link     socket.Link // nil once it has been let go
	frames   []socket.Frame
	last     uint64 // the seq of the last frame
	ack      uint64
	pings    int
	left     int // frames of which the link has said that they have left
	detached int
}

func (s *talk) attach(t Terms) Link {
	l := New(s, t)
	s.link, s.last, s.ack = l, welcome.Since, welcome.Ack
	return l
}

// Ready implements [Socket].
func (s *talk) Ready(l socket.Link) { s.do(func() {}) }

// Detach implements [Socket].
func (s *talk) Detach(l socket.Link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link != nil {
		s.link = nil
		s.detached++
	}
}

// Taken implements [Socket].
func (s *talk) Taken() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ack
}

// do changes something, and has the link carry what there is.
func (s *talk) do(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	if s.link == nil {
		return
	}
	load := socket.Load{Frames: s.frames, Ack: s.ack, Ping: s.pings > 0}
	s.pings = 0
	n, done := s.link.Carry(load)
	s.frames = s.frames[n:]
	s.left += n
	if done {
		s.link = nil
	}
}

// push adds a frame. It is called within do.
func (s *talk) push(f socket.Frame) {
	s.last++
	f.Seq = s.last
	s.frames = append(s.frames, f)
}

func (s *talk) send(text string) {
	s.do(func() { s.push(socket.Frame{Kind: socket.Text, Data: []byte(text)}) })
}

func (s *talk) end(e socket.End) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link != nil {
		s.link.End(e)
		s.link = nil
	}
}

// pipe is a connection that takes as many bytes as it is given room for.
type pipe struct {
	handler park.Handler

	mu       sync.Mutex // guards the rest
	out      strings.Builder
	room     int // below 0: any number
	finished bool
}

var _ park.Conn = (*pipe)(nil)

// Write implements [park.Conn].
func (p *pipe) Write(parts [][]byte) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.finished {
		return 0, park.ErrClosed
	}
	for _, b := range parts {
		if p.room >= 0 {
			b = b[:min(len(b), p.room)]
			p.room -= len(b)
		}
		n += len(b)
		p.out.Write(b)
	}
	return n, nil
}

// Finish implements [park.Conn].
func (p *pipe) Finish(parts [][]byte) {
	p.give(-1)
	_, _ = p.Write(parts)
	p.Close()
}

// Close implements [park.Conn].
func (p *pipe) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finished = true
}

// give gives room for so many bytes; below 0 for any number.
func (p *pipe) give(room int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.room = room
}

// text returns what was written.
func (p *pipe) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// Serve implements [park.Conn].
func (p *pipe) Serve(h park.Handler) { p.handler = h }

// Resume implements [park.Conn].
func (*pipe) Resume() {}

// exchange opens a pipe.
type exchange struct {
	park.Exchange
	pipe    *pipe
	chunked bool
	err     error
}

// Open implements [park.Exchange].
func (x *exchange) Open(*park.Head) (park.Answer, error) {
	return park.Answer{Conn: x.pipe, Head: [][]byte{[]byte("head\n")}, Chunked: x.chunked}, x.err
}
