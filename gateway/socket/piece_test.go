package socket_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"

	"tidings/gateway/socket"
	"tidings/gateway/socket/sockettest"
)

// sent is a message that says which it is in every byte.
func sent(i, size int) []byte { return bytes.Repeat([]byte{byte(i)}, size) }

// put sends a message in frames, and waits wherever it must.
func put(t *testing.T, c *sockettest.Client, data []byte, frame func() int) {
	t.Helper()
	for more := true; more; {
		n := min(frame(), len(data))
		more = n < len(data)
		m, err := c.Put(socket.Frame{Kind: socket.Binary, More: more, Data: data[:n]})
		if err != nil {
			t.Fatal(err)
		}
		if data = data[n:]; !m {
			if err := c.Socket.Room(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestPiecesAreNobodyElses: what a handler has received stays as it is, whatever comes afterwards and however it is read, though the memory of
// pieces is used again.
func TestPiecesAreNobodyElses(t *testing.T) {
	const messages = 200
	rnd := rand.New(rand.NewPCG(1, 2))
	sizes := make([]int, messages)
	for i := range sizes {
		sizes[i] = 1 + rnd.IntN([]int{10, 3000, 200_000}[i%3])
	}
	type message struct {
		i    int
		data []byte
	}
	done := make(chan []message, 1)
	c := sockettest.Open(t, func(s *socket.Socket) {
		var kept []message
		defer func() { done <- kept }()
		for i := range messages {
			switch i % 4 {
			case 0, 1:
				m, err := s.Receive()
				if err != nil {
					t.Error(err)
					return
				}
				kept = append(kept, message{i, m.Data})
				continue
			}
			_, r, err := s.Reader()
			if err != nil {
				t.Error(err)
				return
			}
			n := sizes[i]
			if i%4 == 3 { // it is left
				n = (n + 1) / 2
			}
			data := make([]byte, n)
			if _, err := io.ReadFull(r, data); err != nil {
				t.Error(err)
				return
			}
			kept = append(kept, message{i, data})
		}
	}, socket.Options{}, nil)
	for i, size := range sizes {
		put(t, c, sent(i, size), func() int { return 1 + rnd.IntN([]int{5, 500, 100_000}[i%7%3]) })
	}
	kept := <-done
	if len(kept) != messages {
		t.Fatalf("%d messages came", len(kept))
	}
	for _, m := range kept {
		if want := sent(m.i, len(m.data)); !bytes.Equal(m.data, want) || m.i%4 != 3 && len(m.data) != sizes[m.i] {
			t.Errorf("message %d of %d bytes is not what was sent", m.i, len(m.data))
		}
	}
}

// TestPiecesMakeNoGarbage: a long message takes the memory that its receiver gets, and of one that is read as it comes nothing is left. The race
// detector has pools lose a quarter of what they are given.
func TestPiecesMakeNoGarbage(t *testing.T) {
	const size, messages = 200_000, 200
	for name, test := range map[string]struct {
		receive func(s *socket.Socket) error
		most    float64
	}{
		"Receive": {func(s *socket.Socket) error {
			_, err := s.Receive()
			return err
		}, 2},
		"Reader": {func(s *socket.Socket) error {
			_, r, err := s.Reader()
			if err == nil {
				_, err = io.Copy(io.Discard, r)
			}
			return err
		}, 0.7},
	} {
		t.Run(name, func(t *testing.T) {
			came := make(chan error)
			c := sockettest.Open(t, func(s *socket.Socket) {
				for {
					err := test.receive(s)
					came <- err
					if err != nil {
						return
					}
				}
			}, socket.Options{}, nil)
			data := make([]byte, size)
			once := func() {
				put(t, c, data, func() int { return 4 << 10 })
				if err := <-came; err != nil {
					t.Fatal(err)
				}
			}
			once()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range messages {
				once()
			}
			runtime.ReadMemStats(&after)
			if took := float64(after.TotalAlloc-before.TotalAlloc) / (size * messages); took > test.most {
				t.Errorf("each byte of a message takes %.2f", took)
			} else {
				t.Logf("each byte of a message takes %.2f", took)
			}
			c.Vanish()
			<-came
		})
	}
}
