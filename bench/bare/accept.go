package main

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"sync"

	"github.com/gobwas/ws"
)

// door is an accept loop: it reads a request's head up to its end, looks at nothing but the path, and answers with bytes that are
// ready, the newest messages included, as if it knew what was missed. Who got them stays connected, and gets what is published
// from then on. It is how fast clients can come back at all.
type door struct {
	keep int
	ways map[string]*way

	mu       sync.RWMutex // who connects is answered under it for reading, so that messages come neither before the head nor twice
	messages [][]byte     // the newest; guarded by mu
	count    int          // of all messages; guarded by mu
}

// way is one way to follow.
type way struct {
	head    string
	message func(body []byte) []byte  // on a connection that stays
	answer  func(all [][]byte) []byte // a whole one, in place of head and messages; nil where connections stay open
	ready   []byte                    // what who connects gets; guarded by door.mu

	mu    sync.Mutex
	conns map[net.Conn]chan struct{} // who is there, and what to close once a poll is answered; guarded by mu
}

// The answer to the one key that the load sends (RFC 6455, section 1.3).
const accepted = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

func newDoor(keep int) *door {
	stream := func(kind string) string {
		return "HTTP/1.1 200 OK\r\nContent-Type: " + kind + "\r\nCache-Control: no-store\r\nTransfer-Encoding: chunked\r\n\r\n"
	}
	chunk := func(b []byte) []byte { return fmt.Appendf(nil, "%x\r\n%s\r\n", len(b), b) }
	d := &door{keep: keep, ways: map[string]*way{
		"/ws": {head: accepted, message: func(body []byte) []byte {
			return ws.MustCompileFrame(ws.NewTextFrame(body))
		}},
		"/sse":    {head: stream("text/event-stream"), message: func(body []byte) []byte { return chunk(event(body)) }},
		"/stream": {head: stream("application/x-ndjson"), message: func(body []byte) []byte { return chunk(fmt.Appendf(nil, "{\"message\":{\"data\":%q}}\n", body)) }},
		"/longpoll": {answer: func(all [][]byte) []byte {
			items := []byte(`{"items":[`)
			for i, body := range all {
				if i > 0 {
					items = append(items, ',')
				}
				items = fmt.Appendf(items, `{"data":%q}`, body)
			}
			items = append(items, ']', '}')
			return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nContent-Length: %d\r\n\r\n%s",
				len(items), items)
		}},
	}}
	for _, w := range d.ways {
		w.conns = make(map[net.Conn]chan struct{})
	}
	d.prepare()
	return d
}

// prepare makes what who connects from now on gets. d.mu is held, or nobody is there yet.
func (d *door) prepare() {
	for _, w := range d.ways {
		if w.answer != nil {
			w.ready = w.answer(d.messages)
			continue
		}
		w.ready = []byte(w.head)
		for _, body := range d.messages {
			w.ready = append(w.ready, w.message(body)...)
		}
	}
}

// publish gives everyone who is connected a message. Who cannot take it is gone.
func (d *door) publish(body []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count++
	d.messages = append(d.messages, body)
	d.messages = slices.Clone(d.messages[max(0, len(d.messages)-d.keep):])
	d.prepare()
	for _, w := range d.ways {
		var b []byte
		if w.answer != nil {
			b = w.answer([][]byte{body})
		} else {
			b = w.message(body)
		}
		w.mu.Lock()
		for c, asks := range w.conns {
			_, err := c.Write(b)
			if err != nil {
				c.Close()
			}
			if err != nil || w.answer != nil {
				delete(w.conns, c)
			}
			if asks != nil {
				close(asks)
			}
		}
		w.mu.Unlock()
	}
}

func (d *door) serve(ln net.Listener) error {
	for {
		c, err := ln.Accept()
		if err != nil {
			return err
		}
		go func() {
			if !d.answer(c) {
				c.Close()
			}
		}()
	}
}

// maxHead is how long a request may be.
const maxHead = 2 << 10

// answer serves a connection. It returns false if the connection is to be closed.
func (d *door) answer(c net.Conn) bool {
	var room [maxHead]byte
	w := d.request(c, room[:])
	if w == nil {
		return false
	}
	d.mu.RLock()
	seen := d.count
	_, err := c.Write(w.ready)
	if err == nil && w.answer == nil {
		w.add(c, nil)
	}
	d.mu.RUnlock()
	if w.answer == nil {
		return err == nil
	}
	// From the second request on, a poll waits.
	for err == nil && d.request(c, room[:]) == w {
		var asks chan struct{}
		d.mu.RLock()
		if more := min(d.count-seen, len(d.messages)); more > 0 {
			_, err = c.Write(w.answer(d.messages[len(d.messages)-more:]))
			seen = d.count
		} else {
			asks = make(chan struct{})
			seen++ // it will have the next
			w.add(c, asks)
		}
		d.mu.RUnlock()
		if asks != nil {
			<-asks
		}
	}
	return false
}

func (w *way) add(c net.Conn, asks chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns[c] = asks
}

// request reads one request, and returns how to answer it; nil if there is none.
func (d *door) request(c net.Conn, room []byte) *way {
	for n := 0; n < len(room); {
		more, err := c.Read(room[n:])
		if n += more; err != nil {
			return nil
		}
		if bytes.HasSuffix(room[:n], []byte("\r\n\r\n")) {
			_, rest, _ := bytes.Cut(room[:n], []byte(" "))
			path, _, _ := bytes.Cut(rest, []byte(" "))
			path, _, _ = bytes.Cut(path, []byte("?"))
			return d.ways[string(path)]
		}
	}
	return nil
}
