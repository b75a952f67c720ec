// Package sockettest opens sockets in memory, whose clients a test plays: what it puts comes from the client, and what is carried it reads.
package sockettest

import (
	"bytes"
	"net/textproto"
	"sync"
	"testing"
	"time"

	"tidings/gateway/socket"
)

// Client is the other side of a socket, over a link in memory that has room for everything unless it is told otherwise.
type Client struct {
	t      testing.TB
	Socket *socket.Socket

	mu      sync.Mutex
	changed sync.Cond
	frames  []socket.Frame // that were carried and not read
	room    int            // how many frames it takes; -1 for all
	deaf    bool           // the link is not to put more
	pings   int
	heard   bool
	ended   *socket.End
}

var _ socket.Link = (*Client)(nil)

// Open serves a socket by handler until the test ends. The request may be nil.
func Open(t testing.TB, handler socket.Handler, o socket.Options, r *socket.Request) *Client {
	t.Helper()
	set := socket.NewSet()
	t.Cleanup(set.Close)
	return OpenIn(t, set, &socket.Path{Name: "/", Handler: handler, Options: o}, r)
}

// OpenIn opens a plain socket of a set.
func OpenIn(t testing.TB, set *socket.Set, p *socket.Path, r *socket.Request) *Client {
	t.Helper()
	if r == nil {
		r = &socket.Request{Path: p.Name, Host: "localhost", Remote: "127.0.0.1:4711", Header: textproto.MIMEHeader{}}
	}
	c, err := Carry(t, set, &socket.Opening{Path: p, Request: r, Transport: "websocket"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Carry opens a socket, or carries one on.
func Carry(t testing.TB, set *socket.Set, o *socket.Opening) (*Client, error) {
	t.Helper()
	s, err := set.Open(o)
	if err != nil {
		return nil, err
	}
	c := New(t, s)
	if _, err := s.Attach(c, o); err != nil {
		return nil, err
	}
	s.Ready(c)
	return c, nil
}

// New makes a link for a socket. It is not attached.
func New(t testing.TB, s *socket.Socket) *Client {
	c := &Client{t: t, Socket: s, room: -1, heard: true}
	c.changed.L = &c.mu
	return c
}

// Put sends a frame, whatever the socket says to it.
func (c *Client) Put(f socket.Frame) (more bool, err error) {
	c.hear()
	_, more, err = c.Socket.Put(f)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deaf = c.deaf || !more
	return more, err
}

// Send sends a message. It waits while the socket has no room for more.
func (c *Client) Send(kind socket.Kind, data string) {
	c.t.Helper()
	c.mu.Lock()
	for c.deaf && c.ended == nil {
		c.changed.Wait()
	}
	c.mu.Unlock()
	if _, err := c.Put(socket.Frame{Kind: kind, Data: []byte(data)}); err != nil {
		c.t.Errorf("put: %v", err)
	}
}

// Close sends a Close; 1005 stands for none.
func (c *Client) Close(code uint16, reason string) {
	c.t.Helper()
	if _, err := c.Put(socket.Frame{Kind: socket.Close, Code: code, Reason: reason}); err != nil {
		c.t.Errorf("put: %v", err)
	}
}

// Vanish breaks the link.
func (c *Client) Vanish() { c.Socket.Detach(c) }

// Frame waits for the next frame. It fails the test where the link ends before it.
func (c *Client) Frame() socket.Frame {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.frames) == 0 {
		if c.ended != nil {
			c.t.Fatalf("the link has ended (%+v) before a frame", *c.ended)
		}
		c.changed.Wait()
	}
	f := c.frames[0]
	c.frames = c.frames[1:]
	return f
}

// Take returns what was carried and not read. It waits for nothing.
func (c *Client) Take() []socket.Frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.frames
	c.frames = nil
	return all
}

// Over reports whether the link was ended.
func (c *Client) Over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended != nil
}

// Message waits for the next whole message, or for a Close.
func (c *Client) Message() socket.Frame {
	c.t.Helper()
	all := c.Frame()
	for all.More {
		f := c.Frame()
		if f.Kind == socket.Close {
			return f
		}
		all.Data, all.More, all.Seq = append(all.Data, f.Data...), f.More, f.Seq
	}
	return all
}

// Expect waits for a message and compares it.
func (c *Client) Expect(kind socket.Kind, data string) {
	c.t.Helper()
	if f := c.Message(); f.Kind != kind || string(f.Data) != data {
		c.t.Fatalf("got %d %q (%d %s), want %d %q", f.Kind, f.Data, f.Code, f.Reason, kind, data)
	}
}

// ExpectClose waits for a Close.
func (c *Client) ExpectClose(code uint16, reason string) {
	c.t.Helper()
	if f := c.Message(); f.Kind != socket.Close || f.Code != code || f.Reason != reason {
		c.t.Fatalf("got %d %q (%d %q), want a close with %d %q", f.Kind, f.Data, f.Code, f.Reason, code, reason)
	}
}

// Ended waits for the end of the link.
func (c *Client) Ended() socket.End {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.ended == nil {
		c.changed.Wait()
	}
	return *c.ended
}

// Limit has the link take so many more frames and no others, until it is told anew; below 0 it takes all.
func (c *Client) Limit(frames int) {
	c.mu.Lock()
	was := c.room
	c.room = frames
	c.mu.Unlock()
	if was == 0 && frames != 0 {
		c.Socket.Ready(c)
	}
}

// Deaf reports whether the socket has no room for more.
func (c *Client) Deaf() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deaf
}

// Pings reports how often the client was asked for a sign of life.
func (c *Client) Pings() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pings
}

// Pong gives a sign of life.
func (c *Client) Pong() { c.hear() }

func (c *Client) hear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = true
}

// Carry implements [socket.Link].
func (c *Client) Carry(l socket.Load) (n int, done bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range l.Frames {
		if c.room == 0 {
			break
		}
		if c.room > 0 {
			c.room--
		}
		f.Data = bytes.Clone(f.Data)
		c.frames = append(c.frames, f)
		n++
	}
	if l.Ping {
		c.pings++
	}
	c.changed.Broadcast()
	return n, false
}

// Heard implements [socket.Link].
func (c *Client) Heard() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.heard
	c.heard = false
	return was
}

// Resume implements [socket.Link].
func (c *Client) Resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deaf = false
	c.changed.Broadcast()
}

// End implements [socket.Link].
func (c *Client) End(e socket.End) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = &e
	c.changed.Broadcast()
}

// Within fails the test where f takes longer than any machine needs.
func Within(t testing.TB, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("it takes for ever")
	}
}
