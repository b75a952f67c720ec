package park

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ears record what a Handler hears.
type ears struct {
	ready chan struct{} // of size 1
	gone  chan struct{} // of size 8: more than one is a fault
	data  chan string
	deaf  bool // what Data does not return
}

func newEars() *ears {
	return &ears{ready: make(chan struct{}, 1), gone: make(chan struct{}, 8), data: make(chan string, 64)}
}

func (e *ears) Data(b []byte) bool {
	e.data <- string(b)
	return !e.deaf
}

func (e *ears) Ready() {
	select {
	case e.ready <- struct{}{}:
	default:
	}
}

func (e *ears) Gone() { e.gone <- struct{}{} }

func (e *ears) goneOnce(t *testing.T) {
	t.Helper()
	<-e.gone
	if len(e.gone) > 0 {
		t.Error("Gone was called twice")
	}
}

// shard writes to an answer as a shard of the gateway does.
type shard struct {
	t *testing.T
	Answer
	*ears
	rest   []byte
	served <-chan struct{} // closed when Serve has returned
}

// frame makes a body's part of b.
func (s *shard) frame(b []byte) []byte {
	if !s.Chunked {
		return b
	}
	return fmt.Appendf(nil, "%x\r\n%s\r\n", len(b), b)
}

// end is what closes a complete body.
func (s *shard) end() []byte {
	if !s.Chunked {
		return nil
	}
	return []byte("0\r\n\r\n")
}

// offer writes what there is room for and returns what is left.
func (s *shard) offer(parts [][]byte) ([][]byte, error) {
	n, err := s.Conn.Write(parts)
	s.rest = restOf(parts, n)
	for len(parts) > 0 && n >= len(parts[0]) {
		n -= len(parts[0])
		parts = parts[1:]
	}
	if n > 0 {
		parts = append([][]byte{parts[0][n:]}, parts[1:]...)
	}
	return parts, err
}

// restOf returns what is left of the unit inside which a Write of parts ended when it took n bytes, or nil.
func restOf(parts [][]byte, n int) []byte {
	for _, p := range parts {
		if n > 0 && n < len(p) {
			return p[n:]
		}
		n -= len(p)
	}
	return nil
}

// write writes everything, waiting for room.
func (s *shard) write(parts ...[]byte) {
	s.t.Helper()
	for {
		left, err := s.offer(parts)
		if err != nil {
			s.t.Errorf("Write: %v", err)
			return
		}
		if parts = left; len(parts) == 0 {
			return
		}
		<-s.ready
	}
}

// fill writes until there is no more room, and returns how many bytes of the body went out or are in the rest.
func (s *shard) fill(piece []byte) int {
	s.t.Helper()
	for n := 0; ; n += len(piece) {
		left, err := s.offer([][]byte{s.frame(piece)})
		if err != nil {
			s.t.Fatalf("Write: %v", err)
		}
		if len(left) > 0 {
			if s.rest != nil {
				n += len(piece)
			}
			return n
		}
	}
}

// client is the other end.
type client struct {
	*http.Response
	leave context.CancelFunc
}

// textX is the head of the suite's answers.
var textX = NewHead(Field{"Content-Type", "text/x"}, Field{"Vary", "Accept"})

// connect makes a request that is answered by a parked connection; before runs in the handler, ahead of Serve.
func connect(t *testing.T, start func(*testing.T, func(Exchange)) (string, *http.Client), before func(*shard)) (*shard, *client) {
	t.Helper()
	shards := make(chan *shard, 1)
	served := make(chan struct{})
	url, web := start(t, func(x Exchange) {
		defer close(served)
		answer, err := x.Open(textX)
		if err != nil {
			t.Errorf("Open: %v", err)
			return
		}
		s := &shard{t: t, Answer: answer, ears: newEars(), served: served}
		if before != nil {
			before(s)
		} else if len(answer.Head) > 0 {
			_, _ = answer.Conn.Write(answer.Head)
		}
		shards <- s
		answer.Conn.Serve(s.ears)
	})
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := web.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	s := <-shards
	t.Cleanup(s.Conn.Close)
	return s, &client{response, cancel}
}

func TestSuite(t *testing.T) {
	piece := []byte(strings.Repeat("weather", 1000))
	cases := []struct {
		name string
		run  func(t *testing.T, s *shard, c *client)
	}{
		{"head", func(t *testing.T, s *shard, c *client) {
			s.Conn.Finish([][]byte{s.end()})
			_, _ = io.Copy(io.Discard, c.Body)
			if c.StatusCode != http.StatusOK || c.Header.Get("Content-Type") != "text/x" || c.Header.Get("Access-Control-Allow-Origin") != "*" ||
				len(c.Header.Values("Vary")) != 2 || c.Header.Get("Date") == "" {
				t.Errorf("status %d, header %v", c.StatusCode, c.Header)
			}
		}},
		{"everything arrives in order", func(t *testing.T, s *shard, c *client) {
			var want strings.Builder
			for i := range 2000 {
				fmt.Fprintf(&want, "%d,", i)
			}
			var done sync.WaitGroup
			done.Go(func() {
				var parts [][]byte
				for i := range 2000 {
					parts = append(parts, s.frame(fmt.Appendf(nil, "%d,", i)))
					if len(parts) == 150 || i == 1999 { // more than one system call takes
						s.write(parts...)
						parts = nil
					}
				}
				s.Conn.Finish([][]byte{s.end()})
			})
			got, err := io.ReadAll(c.Body)
			if err != nil || string(got) != want.String() {
				t.Errorf("got %d bytes and %v, want %d", len(got), err, want.Len())
			}
			done.Wait()
		}},
		{"a client that does not read", func(t *testing.T, s *shard, c *client) {
			total := s.fill(piece)
			var done sync.WaitGroup
			done.Go(func() {
				<-s.ready
				if s.rest != nil {
					s.write(s.rest)
				}
				for range 100 {
					s.write(s.frame(piece))
				}
				s.Conn.Finish([][]byte{s.end()})
			})
			n, err := io.Copy(io.Discard, c.Body)
			if err != nil || n != int64(total+100*len(piece)) {
				t.Errorf("got %d bytes and %v, want %d", n, err, total+100*len(piece))
			}
			done.Wait()
		}},
		{"finish while full", func(t *testing.T, s *shard, c *client) {
			total := s.fill(piece)
			s.Conn.Finish([][]byte{s.rest, s.frame([]byte("the end")), s.end()})
			got, err := io.ReadAll(c.Body)
			if err != nil || len(got) != total+7 || !strings.HasSuffix(string(got), "the end") {
				t.Errorf("got %d bytes and %v, want %d", len(got), err, total+7)
			}
			if _, err := s.Conn.Write([][]byte{piece}); !errors.Is(err, ErrClosed) {
				t.Errorf("Write after Finish: %v", err)
			}
			s.Conn.Finish(nil)
		}},
		{"the client leaves", func(t *testing.T, s *shard, c *client) {
			s.write(s.frame(piece))
			_, _ = io.ReadFull(c.Body, make([]byte, len(piece)))
			c.leave()
			s.goneOnce(t)
			if _, err := s.Conn.Write([][]byte{piece}); err == nil {
				t.Error("Write after Gone takes bytes")
			}
		}},
		{"the client leaves while the connection is full", func(t *testing.T, s *shard, c *client) {
			s.fill(piece)
			c.leave()
			s.goneOnce(t)
		}},
		{"close cuts the answer", func(t *testing.T, s *shard, c *client) {
			s.Conn.Close()
			s.Conn.Close()
			if _, err := io.ReadAll(c.Body); err == nil {
				t.Error("the client takes the cut for an end")
			}
			if _, err := s.Conn.Write([][]byte{piece}); !errors.Is(err, ErrClosed) {
				t.Errorf("Write after Close: %v", err)
			}
			<-s.served
		}},
		{"close while full", func(t *testing.T, s *shard, c *client) {
			s.fill(piece)
			s.Conn.Close()
			if _, err := io.ReadAll(c.Body); err == nil {
				t.Error("the client takes the cut for an end")
			}
		}},
		{"close and leave at once", func(_ *testing.T, s *shard, c *client) {
			c.leave()
			s.Conn.Close()
			<-s.served
		}},
	}
	for _, kind := range kinds {
		for _, c := range cases {
			t.Run(kind.name+"/"+c.name, func(t *testing.T) {
				s, client := connect(t, kind.start, nil)
				c.run(t, s, client)
			})
		}
	}
}

func TestBeforeServe(t *testing.T) {
	piece := []byte(strings.Repeat("weather", 1000))
	for _, kind := range kinds {
		t.Run(kind.name+"/full", func(t *testing.T) {
			total := 0
			s, c := connect(t, kind.start, func(s *shard) {
				if left, err := s.offer(s.Head); err != nil || len(left) > 0 {
					t.Errorf("the head leaves %d parts and %v", len(left), err)
				}
				if kind.name == "pipe" {
					return // takes the head when the client reads, and so nothing else yet
				}
				total = s.fill(piece)
			})
			var done sync.WaitGroup
			done.Go(func() {
				if total > 0 {
					<-s.ready
				}
				if s.rest != nil {
					s.write(s.rest)
				}
				s.write(s.frame(piece))
				s.Conn.Finish([][]byte{s.end()})
			})
			n, err := io.Copy(io.Discard, c.Body)
			if err != nil || n != int64(total+len(piece)) {
				t.Errorf("got %d bytes and %v, want %d", n, err, total+len(piece))
			}
			done.Wait()
		})
		t.Run(kind.name+"/finished", func(t *testing.T) {
			s, c := connect(t, kind.start, func(s *shard) {
				s.Conn.Finish(append(s.Head, s.frame(piece), s.end()))
			})
			got, err := io.ReadAll(c.Body)
			if err != nil || len(got) != len(piece) {
				t.Errorf("got %d bytes and %v", len(got), err)
			}
			<-s.served
		})
	}
}

// TestUpstream sends bytes with the request and behind it, on a connection that was taken without an answer.
func TestUpstream(t *testing.T) {
	for _, kind := range kinds {
		if !kind.taken || kind.name == "pipe" {
			continue
		}
		t.Run(kind.name, func(t *testing.T) {
			ear := newEars()
			ear.deaf = true
			conns := make(chan Conn, 1)
			url, web := kind.start(t, func(x Exchange) {
				c, fields, err := x.Take()
				if err != nil || !slices.Contains(fields, Field{"Vary", "Origin"}) {
					t.Errorf("Take: %v, fields %v", err, fields)
					return
				}
				conns <- c
				c.Serve(ear)
			})
			nc := dialOf(t, url, web)
			defer nc.Close()
			fmt.Fprint(nc, "GET / HTTP/1.1\r\nHost: a\r\n\r\nfirst")
			if got := <-ear.data; got != "first" {
				t.Errorf("got %q", got)
			}
			c := <-conns
			fmt.Fprint(nc, "second")
			if _, err := c.Write([][]byte{[]byte("here")}); err != nil {
				t.Error(err)
			}
			if _, err := io.ReadFull(nc, make([]byte, 4)); err != nil {
				t.Error(err)
			}
			if len(ear.data) > 0 {
				t.Error("it is read from though its handler wants no more")
			}
			c.Resume()
			if got := <-ear.data; got != "second" {
				t.Errorf("got %q", got)
			}
			c.Resume()
			c.Finish([][]byte{[]byte("bye")})
			if kind.name != "wrapped" { // which cannot close one side only
				fmt.Fprint(nc, "third") // dropped, and answered with no reset that would destroy the bye
			}
			if got, err := io.ReadAll(nc); err != nil || string(got) != "bye" {
				t.Errorf("got %q and %v", got, err)
			}
		})
	}
}

func dialOf(t *testing.T, url string, web *http.Client) net.Conn {
	t.Helper()
	transport, _ := web.Transport.(*http.Transport)
	if host, ok := strings.CutPrefix(url, "https://"); ok {
		nc, err := tls.Dial("tcp", host, transport.TLSClientConfig.Clone())
		if err != nil {
			t.Fatal(err)
		}
		return nc
	}
	nc, err := transport.DialContext(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	return nc
}

func TestHTTP10(t *testing.T) {
	head := NewHead(Field{"Content-Type", "text/x"}, Field{"X-A", "1\r\nX-B: 2"})
	url, web := kinds[0].start(t, func(x Exchange) {
		answer, err := x.Open(head)
		if err != nil || answer.Chunked {
			t.Errorf("chunked %v, %v", answer.Chunked, err)
			return
		}
		answer.Conn.Finish(append(answer.Head, []byte("bare")))
	})
	nc := dialOf(t, url, web)
	defer nc.Close()
	fmt.Fprint(nc, "GET / HTTP/1.0\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil || string(got) != "bare" || !response.Close || response.Header.Get("X-B") != "" {
		t.Errorf("got %q, %v, %v", got, err, response.Header)
	}
}

// TestCloseRace closes while the other goroutines are busy; the race detector is the judge.
func TestCloseRace(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			s, c := connect(t, kind.start, nil)
			var done sync.WaitGroup
			done.Go(func() { _, _ = io.Copy(io.Discard, io.LimitReader(c.Body, 1<<20)); c.leave() })
			done.Go(func() {
				piece := s.frame([]byte(strings.Repeat("weather", 5000)))
				for range 100 {
					if _, err := s.Conn.Write([][]byte{piece, piece}); err != nil {
						break
					}
				}
				s.Conn.Close()
			})
			done.Wait()
			<-s.served
		})
	}
}

func TestRecorder(t *testing.T) {
	w := httptest.NewRecorder()
	answer, err := HTTP(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody)).Open(textX)
	if err != nil || answer.Chunked || len(answer.Head) > 0 {
		t.Fatalf("%+v, %v", answer, err)
	}
	ear := newEars()
	go func() {
		_, _ = answer.Conn.Write([][]byte{[]byte("a"), []byte("b")})
		answer.Conn.Finish([][]byte{[]byte("c")})
	}()
	answer.Conn.Serve(ear)
	if w.Body.String() != "abc" || !w.Flushed || w.Header().Get("Content-Type") != "text/x" {
		t.Errorf("got %q", w.Body)
	}
}
