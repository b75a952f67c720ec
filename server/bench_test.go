package server

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// benchServer returns a server in memory that logs no requests, as the program does by default.
func benchServer(b *testing.B) *Server {
	b.Helper()
	s, err := New(Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

// inProcess is a ResponseWriter that is used again and again.
type inProcess struct {
	header http.Header
	status int
	size   int
}

func (w *inProcess) Header() http.Header             { return w.header }
func (w *inProcess) WriteHeader(status int)          { w.status = status }
func (w *inProcess) SetReadDeadline(time.Time) error { return nil }

func (w *inProcess) Write(b []byte) (int, error) {
	w.size += len(b)
	return len(b), nil
}

// content is a body that tells of its end with its last bytes, as net/http's do.
type content struct{ rest []byte }

func (c *content) Close() error { return nil }

func (c *content) Read(b []byte) (int, error) {
	n := copy(b, c.rest)
	if c.rest = c.rest[n:]; len(c.rest) == 0 {
		return n, io.EOF
	}
	return n, nil
}

// benchHandler has a handler answer one request over and over, without a connection.
func benchHandler(b *testing.B, h http.Handler, target, contentType string, body []byte, want int) {
	b.Helper()
	came := new(content)
	ctx := context.WithValue(b.Context(), loopbackKey{}, true)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, came)
	if err != nil {
		b.Fatal(err)
	}
	r.ContentLength = int64(len(body))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Prefer", "return=minimal")
	w := &inProcess{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		came.rest = body
		clear(w.header)
		h.ServeHTTP(w, r)
	}
	if w.status != want {
		b.Fatalf("status %d", w.status)
	}
}

// BenchmarkPost is what our layers cost: everything between net/http and the log, and back.
func BenchmarkPost(b *testing.B) {
	benchHandler(b, benchServer(b), "http://localhost/topics/a", "text/plain", bytes.Repeat([]byte("x"), 128), http.StatusCreated)
}

// batchOf returns n lines of NDJSON with messages of 128 bytes in a few topics.
func batchOf(n int) []byte {
	var out bytes.Buffer
	for i := range n {
		fmt.Fprintf(&out, "{\"topic\":\"news/%d\",\"data\":\"%s\"}\n", i%4, strings.Repeat("x", 128))
	}
	return out.Bytes()
}

const batchLines = 300

// BenchmarkBatch reports its figures per message, allocations apart: those are of a batch of 300.
func BenchmarkBatch(b *testing.B) {
	benchHandler(b, benchServer(b), "http://localhost/topics", "application/x-ndjson", batchOf(batchLines), http.StatusOK)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batchLines, "ns/message")
}

// BenchmarkOverLoopback sends requests over one keep-alive connection and reads the answers, to us and to the least that
// net/http can do: a handler that reads the body, with 204 or an answer like ours. CPU is that of the process, the client's share, which is the same for both,
// included; so are some requests on their way at once, so that the client is not woken for each.
func BenchmarkOverLoopback(b *testing.B) {
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err == nil {
			w.WriteHeader(http.StatusNoContent)
		}
	})
	// What net/http alone takes for an answer like ours, whoever makes it.
	answering := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err == nil {
			h := w.Header()
			h["Content-Type"], h["X-Content-Type-Options"], h["Tidings-Cursor"] = jsonField, noSniffField, []string{"aaaaaaaaaaaa-1234567"}
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"topic":"a","cursor":"aaaaaaaaaaaa-1234567","seq":1234567,"prev":1234566,"durability":"memory",`+
				`"followers":0,"duplicate":false}`+"\n")
		}
	})
	single := request("/topics/a", "text/plain", bytes.Repeat([]byte("x"), 128))
	lines := request("/topics", "application/x-ndjson", batchOf(batchLines))
	b.Run("bare", func(b *testing.B) { overLoopback(b, serveBare(bare), single, 1) })
	b.Run("bare-answer", func(b *testing.B) {
		overLoopback(b, serveBare(answering), single, 1)
	})
	b.Run("post", func(b *testing.B) { overLoopback(b, serveBench(b), single, 1) })
	b.Run("batch", func(b *testing.B) { overLoopback(b, serveBench(b), lines, batchLines) })
}

// benchAddress serves at a loopback address until the benchmark ends.
func benchAddress(b *testing.B) (*Server, *net.TCPAddr) {
	b.Helper()
	s := benchServer(b)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(b.Context(), ln) }()
	b.Cleanup(func() { <-served }) // its context has ended
	at, _ := ln.Addr().(*net.TCPAddr)
	return s, at
}

func serveBench(b *testing.B) func(context.Context, net.Listener) {
	s := benchServer(b)
	return func(ctx context.Context, ln net.Listener) { _ = s.Serve(ctx, ln) }
}

func serveBare(h http.Handler) func(context.Context, net.Listener) {
	return func(_ context.Context, ln net.Listener) { _ = http.Serve(ln, h) }
}

func request(path, contentType string, body []byte) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nPrefer: return=minimal\r\nContent-Length: %d\r\n\r\n%s",
		path, contentType, len(body), body)
}

func overLoopback(b *testing.B, serve func(context.Context, net.Listener), request []byte, messages int) {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	served := make(chan struct{})
	ctx, stop := context.WithCancel(b.Context())
	go func() { serve(ctx, ln); close(served) }()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		c.Close()
		stop()
		ln.Close()
		<-served
	}()
	const ahead = 4
	answers := make(chan error, ahead)
	go func() {
		in := bufio.NewReader(c)
		for {
			err := readAnswer(in)
			answers <- err
			if err != nil {
				return
			}
		}
	}()
	send := func() {
		if _, err := c.Write(request); err != nil {
			b.Error(err)
		}
	}
	for range ahead {
		send()
	}
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	for b.Loop() {
		if err := <-answers; err != nil {
			b.Fatal(err)
		}
		send()
	}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	for range ahead {
		<-answers
	}
	spent := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N)/float64(messages), "cpu-ns/message")
	if messages > 1 {
		b.ReportMetric(float64(messages)*float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	}
}

// readAnswer reads an answer of 2xx to its end.
func readAnswer(in *bufio.Reader) error {
	length := 0
	for n := 0; ; n++ {
		line, err := in.ReadSlice('\n')
		switch {
		case err != nil:
			return err
		case n == 0 && !bytes.HasPrefix(line, []byte("HTTP/1.1 2")):
			return fmt.Errorf("answered %s", line)
		case len(line) == 2:
			_, err = in.Discard(length)
			return err
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
}
