package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A message's payload begins with mark and the time it was sent in nanoseconds, 19 digits: it is found in the bytes of any
// transport without parsing them.
const (
	mark     = "@@"
	markSize = len(mark) + 19
)

// load is a crowd of followers of one topic on one transport.
type load struct {
	host      string
	transport string
	conns     []net.Conn
	received  atomic.Int64
	failed    atomic.Int64
	reading   sync.WaitGroup

	mu    sync.Mutex
	delay []time.Duration // guarded by mu
}

// path is what a follower asks for.
func (l *load) path(since string) string {
	return fmt.Sprintf("/topics/figures?transport=%s&wait=55&since=%s", l.transport, since)
}

// open connects n followers and returns when every one has its first bytes (long polls: is held).
func (l *load) open(n int) error {
	const dialers = 64
	conns := make(chan net.Conn, n)
	errs := make(chan error, dialers)
	var left atomic.Int64
	left.Store(int64(n))
	for range dialers {
		go func() {
			for left.Add(-1) >= 0 {
				c, err := l.connect()
				if err != nil {
					errs <- err
					return
				}
				conns <- c
			}
		}()
	}
	for range n {
		select {
		case c := <-conns:
			l.conns = append(l.conns, c)
		case err := <-errs:
			return err
		}
	}
	return nil
}

func (l *load) connect() (net.Conn, error) {
	c, err := net.Dial("tcp", l.host)
	if err != nil {
		return nil, err
	}
	head := "GET " + l.path("now") + " HTTP/1.1\r\nHost: " + l.host + "\r\n"
	if l.transport == "websocket" {
		head += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	}
	if _, err := io.WriteString(c, head+"\r\n"); err != nil {
		return nil, err
	}
	ready := make(chan error, 1)
	l.reading.Go(func() {
		if l.transport == "longpoll" {
			ready <- nil
			l.poll(c)
			return
		}
		l.stream(c, ready)
	})
	return c, <-ready
}

// stream counts what arrives on one connection.
func (l *load) stream(c net.Conn, ready chan<- error) {
	buf := make([]byte, 4<<10)
	kept := 0 // bytes of a mark that has not arrived whole
	for first := true; ; {
		n, err := c.Read(buf[kept:])
		if first {
			first = false
			ready <- err
		}
		if err != nil {
			return
		}
		kept = copy(buf, l.count(buf[:kept+n], time.Now()))
	}
}

// count takes account of the messages in b, and returns what may be the begin of another.
func (l *load) count(b []byte, now time.Time) (rest []byte) {
	for {
		i := bytes.Index(b, []byte(mark))
		if i < 0 {
			return b[max(0, len(b)-1):]
		}
		if len(b)-i < markSize {
			return b[i:]
		}
		l.note(b[i+len(mark):i+markSize], now)
		b = b[i+markSize:]
	}
}

func (l *load) note(sent []byte, now time.Time) {
	nanos, err := strconv.ParseInt(string(sent), 10, 64)
	if err != nil {
		return
	}
	l.received.Add(1)
	if n := l.received.Load(); n%16 == 0 { // a sample is enough for percentiles
		l.mu.Lock()
		l.delay = append(l.delay, now.Sub(time.Unix(0, nanos)))
		l.mu.Unlock()
	}
}

// poll answers every long poll with the next one.
func (l *load) poll(c net.Conn) {
	r := bufio.NewReaderSize(c, 2<<10)
	for {
		answer, err := http.ReadResponse(r, nil)
		if err != nil {
			return
		}
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK {
			l.failed.Add(1)
			return
		}
		l.count(body, time.Now())
		// {"cursor":"…",
		_, cursor, _ := strings.Cut(string(body[:min(len(body), 60)]), `"cursor":"`)
		cursor, _, _ = strings.Cut(cursor, `"`)
		_, err = io.WriteString(c, "GET "+l.path(cursor)+" HTTP/1.1\r\nHost: "+l.host+"\r\n\r\n")
		if err != nil {
			return
		}
	}
}

func (l *load) close() {
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.reading.Wait()
}

// publish sends one message of size bytes.
func publish(client *http.Client, host string, size int) error {
	payload := fmt.Sprintf("%s%019d", mark, time.Now().UnixNano())
	payload += strings.Repeat(".", size-len(payload))
	answer, err := client.Post("http://"+host+"/topics/figures", "text/plain", strings.NewReader(payload))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	if answer.StatusCode != http.StatusCreated {
		return errors.New(answer.Status)
	}
	return nil
}
