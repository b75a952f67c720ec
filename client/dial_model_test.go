package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tidings/client"
	"tidings/gateway/socket"
	"tidings/server"
	"tidings/transport"
)

// conversation is what both ends of a socket have.
type conversation interface {
	Send(kind client.Kind, data []byte) error
	SendThen(kind client.Kind, data []byte, left func(error)) error
	Writer(kind client.Kind) (io.WriteCloser, error)
	Receive() (socket.Message, error)
	Reader() (client.Kind, io.Reader, error)
	Close(code uint16, reason string) error
}

var (
	_ conversation = (*client.Socket)(nil)
	_ conversation = (*socket.Socket)(nil)
)

// side is one end of a conversation whose messages are known beforehand.
type side struct {
	name   string
	seed   uint64
	send   int // messages
	expect int
	left   atomic.Int32 // messages that have left, in order
}

// message is message n of the one that is called so.
func message(seed uint64, from string, n int) (client.Kind, []byte) {
	rng := rand.New(rand.NewPCG(seed, uint64(n)<<8|uint64(from[0])))
	size := rng.IntN(400)
	if rng.IntN(10) == 0 {
		size = rng.IntN(200_000)
	}
	head := fmt.Sprintf("%s %d ", from, n)
	if rng.IntN(2) == 0 {
		return client.Text, append([]byte(head), bytes.Repeat([]byte("é\"<"), size/4)...)
	}
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	return client.Binary, append([]byte(head), data...)
}

// speak sends all messages, whole or in pieces.
func (a *side) speak(s conversation) error {
	rng := rand.New(rand.NewPCG(a.seed, uint64(a.name[0])))
	for n := range a.send {
		kind, data := message(a.seed, a.name, n)
		left := func(err error) {
			if err == nil {
				a.left.Add(1)
			}
		}
		if rng.IntN(3) > 0 {
			if err := s.SendThen(kind, data, left); err != nil {
				return fmt.Errorf("message %d of %s: %w", n, a.name, err)
			}
			continue
		}
		w, err := s.Writer(kind)
		for len(data) > 0 && err == nil {
			piece := data[:1+rng.IntN(min(len(data), 50_000))]
			data = data[len(piece):]
			_, err = w.Write(piece)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			return fmt.Errorf("message %d of %s: %w", n, a.name, err)
		}
		a.left.Add(1)
	}
	return nil
}

// listen receives the other's messages and sees that they are those, in order. It returns the error behind the last.
func (a *side) listen(s conversation, from string, until int) error {
	for n := range until {
		m, err := s.Receive()
		if err != nil {
			return fmt.Errorf("message %d of %s: %w", n, from, err)
		}
		kind, data := message(a.seed, from, n)
		if m.Kind != kind || !bytes.Equal(m.Data, data) {
			return fmt.Errorf("message %d of %s: %.30q came, of %d bytes", n, from, m.Data, len(m.Data))
		}
	}
	return nil
}

// hold is the whole part of one side. Who closes does it when everything was said; the other waits for it.
func (a *side) hold(s conversation, from string, closes bool) error {
	spoken := make(chan error, 1)
	go func() { spoken <- a.speak(s) }()
	if err := a.listen(s, from, a.expect); err != nil {
		return err
	}
	if err := <-spoken; err != nil {
		return err
	}
	if closes {
		if err := s.Close(4321, a.name); err != nil {
			return err
		}
	}
	m, err := s.Receive()
	closed, ok := errors.AsType[*client.CloseError](err)
	if !ok || closed.Code != 4321 {
		return fmt.Errorf("behind everything: %.30q, %w", m.Data, err)
	}
	return nil
}

// TestSocketModel talks both ways over roads that break at any byte, up or down, by all transports or one: nothing is lost, doubled or out of
// order, and each side is told of the other's close behind all that.
func TestSocketModel(t *testing.T) {
	for seed := range uint64(3) {
		for _, way := range append([]string{"any"}, kindNames()...) {
			t.Run(fmt.Sprint(way, seed), func(t *testing.T) {
				t.Parallel()
				rng := rand.New(rand.NewPCG(seed, 99))
				below := side{name: "client", seed: seed, send: 60 + rng.IntN(60), expect: 60 + rng.IntN(60)}
				above := side{name: "handler", seed: seed, send: below.expect, expect: below.send}
				closes := rng.IntN(2) == 0 // the client
				handled := make(chan error, 1)
				url := socketAt(t, server.Options{PollInterval: 2e7}, socket.Options{}, nil, func(s *socket.Socket) {
					handled <- above.hold(s, "client", !closes)
				})
				var mu sync.Mutex // guards rng and cuts
				cuts := 0
				r := newRoad(t, url[:len(url)-len("/chat")], func() (up, down int) {
					mu.Lock()
					defer mu.Unlock()
					if cuts++; cuts > 25 {
						return 0, 0
					}
					return 200 + rng.IntN(150_000), 200 + rng.IntN(150_000)
				})
				own := &http.Transport{}
				defer own.CloseIdleConnections()
				o := client.DialOptions{HTTPClient: &http.Client{Transport: own}}
				if way != "any" {
					o = by(way, o)
				}
				var s *client.Socket
				var err error
				for s == nil { // a socket that was never opened has nothing to resume
					s, err = client.DialHurried(t.Context(), r.url+"/chat", o, 300*time.Millisecond)
					if err != nil && !errors.Is(err, client.ErrUnreachable) {
						t.Fatal(err)
					}
				}
				if err := below.hold(s, "handler", closes); err != nil {
					t.Error(err)
				}
				<-s.Context().Done()
				if err := <-handled; err != nil {
					t.Error(err)
				}
				if n := int(below.left.Load()); n != below.send {
					t.Errorf("%d of %d messages have left", n, below.send)
				}
				if cuts < 2 {
					t.Error("nothing broke: the test shows nothing")
				}
			})
		}
	}
}

// TestSocketMoves has each transport in turn be the only one that gets through, while messages are on their way.
func TestSocketMoves(t *testing.T) {
	var only atomic.Int32
	url := socketAt(t, server.Options{PollInterval: 2e7}, socket.Options{}, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			now := transport.Kind(only.Load())
			kind, name := transport.WebSocket, r.URL.Query().Get("transport")
			switch {
			case name != "":
				kind, _ = transport.ParseKind(name)
			case r.Method == http.MethodPost && now != transport.WebSocket:
				kind = now
			}
			if kind != now {
				panic(http.ErrAbortHandler)
			}
			next.ServeHTTP(w, r)
		})
	}, echo)
	r := newRoad(t, url[:len(url)-len("/chat")], func() (up, down int) { return 0, 0 })
	own := &http.Transport{}
	defer own.CloseIdleConnections()
	s, err := client.DialHurried(t.Context(), r.url+"/chat", client.DialOptions{HTTPClient: &http.Client{Transport: own}}, 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	sent, received := 0, 0
	send := func(n int) {
		for range n {
			kind, data := message(5, "client", sent)
			if err := s.Send(kind, data); err != nil {
				t.Fatal(err)
			}
			sent++
		}
	}
	for _, kind := range []transport.Kind{
		transport.Poll, transport.WebSocket, transport.SSE, transport.LongPoll, transport.Stream, transport.WebSocket, transport.LongPoll,
		transport.Poll, transport.SSE, transport.Stream, transport.Poll,
	} {
		send(10)
		only.Store(int32(kind))
		r.cut()
		send(10)
		for ; received < sent; received++ {
			m, err := s.Receive()
			if want, data := message(5, "client", received); err != nil || m.Kind != want || !bytes.Equal(m.Data, data) {
				t.Fatalf("message %d by %s: %.30q, %v", received, kind, m.Data, err)
			}
		}
		// The last of them was sent when there was no other way. Who polls may just be trying a better one.
		if by := s.Transport(); by != kind.String() && (by != "" || kind < transport.LongPoll) {
			t.Errorf("carried by %q, while only %s gets through", by, kind)
		}
	}
	if err := s.Close(1000, ""); err != nil {
		t.Fatal(err)
	}
	<-s.Context().Done()
	if err := context.Cause(s.Context()); err.Error() != "socket closed with 1000" {
		t.Error(err)
	}
}
