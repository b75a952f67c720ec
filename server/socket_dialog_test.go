package server

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"tidings/gateway/socket"
	"tidings/transport/wire"
)

// said is an object that a socket's client hears.
type said struct {
	Hello *struct {
		Epoch, Cursor, Transport, Protocol, Node string
		Ack                                      uint64
		PingMS                                   int `json:"ping_ms"`
		AwayMS                                   int `json:"away_ms"`
	}
	Seq    uint64
	Data   *string
	Data64 []byte
	More   bool
	Close  *struct {
		Code   uint16
		Reason string
	}
	Ack  *struct{ Seq uint64 }
	Ping *struct{ Cursor string }
	Bye  *struct {
		Code    int
		Reason  string
		RetryMS int `json:"retry_ms"`
	}

	text string // as it came
}

// polled is the answer to a poll.
type polled struct {
	said
	Cursor string
	Items  []said
	More   bool
	PollMS int `json:"poll_ms"`
}

// dialog is a client of a socket that can move.
type dialog struct {
	*site
	path, id string
	n        int
	epoch    string
	has      uint64 // the seq of the last frame that it has
	sent     uint64 // that of the last frame that it has sent
}

var dialogs atomic.Uint32

func (s *site) dialog(path string) *dialog {
	return &dialog{site: s, path: path, id: fmt.Sprintf("a-label-of-a-test-%d", dialogs.Add(1))}
}

// url is that of the next request.
func (d *dialog) url(more string) string {
	d.n++
	mark := "?"
	if strings.Contains(d.path, "?") {
		mark = "&"
	}
	url := fmt.Sprintf("%s%stidings=%s&n=%d", d.path, mark, d.id, d.n)
	if d.epoch != "" {
		url += fmt.Sprintf("&since=%s-%d", d.epoch, d.has)
	}
	return url + more
}

// frame makes the line of the next frame.
func (d *dialog) frame(f socket.Frame) string {
	d.sent++
	f.Seq = d.sent
	return string(wire.AppendSocketFrame(nil, &f)) + "\n"
}

func (d *dialog) text(text string) string {
	return d.frame(socket.Frame{Kind: socket.Text, Data: []byte(text)})
}

// post sends lines, and returns up to where the gateway has taken what was sent.
func (d *dialog) post(lines ...string) uint64 {
	d.t.Helper()
	a := d.ask("POST", d.url(""), strings.Join(lines, ""))
	var o said
	if a.status != 200 || json.Unmarshal([]byte(a.body), &o) != nil || o.Ack == nil {
		d.t.Fatalf("%d %s", a.status, a.body)
	}
	return o.Ack.Seq
}

// take notes a frame that came, and returns whether it is new; a hole is a mistake.
func (d *dialog) take(o *said) bool {
	d.t.Helper()
	if o.Seq > d.has+1 {
		d.t.Fatalf("%d is followed by %s", d.has, o.text)
	}
	if o.Seq <= d.has {
		return false
	}
	d.has = o.Seq
	return true
}

// hear notes a hello.
func (d *dialog) hear(o *said) {
	d.t.Helper()
	if o.Hello == nil || d.epoch != "" && o.Hello.Epoch != d.epoch {
		d.t.Fatalf("no hello, or that of another socket: %s", o.text)
	}
	d.epoch = o.Hello.Epoch
}

// poll sends lines, and returns the answer to a poll.
func (d *dialog) poll(more string, lines ...string) polled {
	d.t.Helper()
	method := "GET"
	if len(lines) > 0 {
		method = "POST"
	}
	a := d.ask(method, d.url(more), strings.Join(lines, ""))
	var p polled
	if a.status != 200 || json.Unmarshal([]byte(a.body), &p) != nil {
		d.t.Fatalf("%d %s", a.status, a.body)
	}
	p.text = a.body
	if p.Hello != nil {
		d.hear(&p.said)
	}
	p.Items = slices.DeleteFunc(p.Items, func(o said) bool { return o.Seq != 0 && !d.take(&o) })
	return p
}

// hearing is a stream that is being read.
type hearing struct {
	*dialog
	resp  *http.Response
	lines *bufio.Scanner
}

// listen opens a stream and hears its hello.
func (d *dialog) listen(kind string, fields ...string) *hearing {
	d.t.Helper()
	h := d.begin(kind, fields...)
	o, ok := h.next()
	if !ok {
		d.t.Fatal("the stream ends at once")
	}
	d.hear(&o)
	return h
}

// begin opens a stream.
func (d *dialog) begin(kind string, fields ...string) *hearing {
	d.t.Helper()
	return d.beginBy("GET", "&transport="+kind, nil, fields...)
}

func (d *dialog) beginBy(method, more string, body io.Reader, fields ...string) *hearing {
	d.t.Helper()
	resp := d.open(method, d.url(more), body, fields...)
	d.t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(resp.Body)
		d.t.Fatalf("%d %s", resp.StatusCode, b)
	}
	h := &hearing{dialog: d, resp: resp, lines: bufio.NewScanner(resp.Body)}
	h.lines.Buffer(nil, 1<<20)
	return h
}

// next returns the next object, or false at the end of the stream.
func (h *hearing) next() (o said, ok bool) {
	h.t.Helper()
	for h.lines.Scan() {
		text := strings.TrimPrefix(h.lines.Text(), "data: ")
		if !strings.HasPrefix(text, "{") {
			continue
		}
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			h.t.Fatalf("%s: %v", text, err)
		}
		o.text = text
		return o, true
	}
	return o, false
}

// heard returns the next frame that is new.
func (h *hearing) heard() said {
	h.t.Helper()
	for {
		o, ok := h.next()
		if !ok {
			h.t.Fatal("the stream has ended")
		}
		if o.Seq != 0 && h.take(&o) {
			return o
		}
	}
}

// ends reads to the end of the stream and returns its last object.
func (h *hearing) ends() (last said) {
	h.t.Helper()
	for {
		o, ok := h.next()
		if !ok {
			return last
		}
		if o.Seq != 0 {
			h.take(&o)
		}
		last = o
	}
}

func (h *hearing) leave() { h.resp.Body.Close() }

// socketSite serves sockets that say everything back at /echo, and whatever else is given.
func socketSite(t *testing.T, o Options, handlers map[string]socket.Handler, options ...socket.Options) *site {
	t.Helper()
	s := startSocket(t, o, "/echo", echoes, options...)
	for path, h := range handlers {
		if err := s.Socket(path, h, options...); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(s.sockets.Close) // a stop would wait for clients that have left
	return s
}
