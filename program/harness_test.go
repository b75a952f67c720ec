package program

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"tidings/gateway/socket"
)

func TestMain(m *testing.M) {
	adoptOrphans()
	goleak.VerifyTestMain(m)
}

// talk stands for a socket: what its client says is put into says, and what it hears stands in heard. Its client hears everything at once, unless it is held back.
type talk struct {
	request *socket.Request
	ctx     context.Context //nolint:containedctx // it is the socket's
	end     context.CancelFunc
	says    chan socket.Message // closed: the client has left
	room    chan struct{}       // if there is one, a message waits for an element

	mu     sync.Mutex
	heard  []string // guarded by mu: the messages, and "+" before each piece of one that has more
	closes []*socket.CloseError
	said   chan struct{} // gets an element whenever one of them has changed, if there is none
}

func newTalk(t *testing.T, says ...string) *talk {
	c := &talk{
		request: &socket.Request{Path: "/", Host: "localhost:8080", Header: textproto.MIMEHeader{}, Remote: "192.0.2.1:4711"},
		says:    make(chan socket.Message, len(says)),
		said:    make(chan struct{}, 1),
	}
	c.ctx, c.end = context.WithCancel(t.Context())
	for _, text := range says {
		c.says <- socket.Message{Kind: socket.Text, Data: []byte(text)}
	}
	return c
}

func (c *talk) Request() *socket.Request { return c.request }
func (c *talk) Context() context.Context { return c.ctx }

func (c *talk) Send(kind socket.Kind, data []byte) error {
	text := string(data)
	if kind == socket.Binary {
		text = "binary:" + text
	}
	return c.hear(text)
}

func (c *talk) hear(text string) error {
	if c.room != nil {
		select {
		case <-c.room:
		case <-c.ctx.Done():
		}
	}
	if c.ctx.Err() != nil {
		return &socket.CloseError{Code: 1006}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = append(c.heard, text)
	c.tell()
	return nil
}

func (c *talk) tell() {
	select {
	case c.said <- struct{}{}:
	default:
	}
}

func (c *talk) Writer(socket.Kind) (io.WriteCloser, error) { return &pieces{c, ""}, nil }

// pieces is a message of which the last piece is held back until it is known to be the last.
type pieces struct {
	c    *talk
	last string
}

func (p *pieces) Write(b []byte) (int, error) {
	var err error
	if p.last != "" {
		err = p.c.hear("+" + p.last)
	}
	p.last = string(b)
	return len(b), err
}

func (p *pieces) Close() error { return p.c.hear(p.last) }

// Reader gives what was said before the end also after it, as a socket does.
func (c *talk) Reader() (socket.Kind, io.Reader, error) {
	var m socket.Message
	ok := false
	select {
	case m, ok = <-c.says:
	default:
		select {
		case m, ok = <-c.says:
		case <-c.ctx.Done():
		}
	}
	if !ok {
		return 0, nil, &socket.CloseError{Code: 1006}
	}
	return m.Kind, bytes.NewReader(m.Data), nil
}

func (c *talk) Close(code uint16, reason string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closes = append(c.closes, &socket.CloseError{Code: code, Reason: reason})
	c.tell()
	c.end()
	return nil
}

func (c *talk) all() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.heard, "|")
}

// until waits until what was heard holds.
func (c *talk) until(t *testing.T, holds func(heard string) bool) string {
	t.Helper()
	for {
		if heard := c.all(); holds(heard) {
			return heard
		}
		select {
		case <-c.said:
		case <-t.Context().Done():
			t.Fatalf("heard only %q", c.all())
		}
	}
}

// closed returns how the socket was closed first.
func (c *talk) closed() socket.CloseError {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.closes) == 0 {
		return socket.CloseError{}
	}
	return *c.closes[0]
}

// logged is a log that a test reads.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// shell makes a runner of a script.
func shell(t *testing.T, script string, change ...func(*Options)) *Runner {
	t.Helper()
	o := Options{Command: []string{"/bin/sh", "-c", script}, Logger: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&o)
	}
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func write(t *testing.T, dir, name, text string, mode os.FileMode) string {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return file
}
