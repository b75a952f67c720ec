package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"tidings/gateway/socket"
	"tidings/transport/wire"
)

// TestASocketLosesNothing: a client that moves between transports at will, whose requests and answers are cut, repeated and overtaken by one
// another, and a handler that says everything back: neither of them misses a message, has one twice, or in another order.
func TestASocketLosesNothing(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("in memory/", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { modelSocket(t, startInMemory(t, Options{}), seed) })
		})
	}
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("over TCP/", seed), func(t *testing.T) { modelSocket(t, start(t, Options{}), seed) })
	}
}

func modelSocket(t *testing.T, s *site, seed uint64) {
	t.Helper()
	t.Cleanup(s.sockets.Close)
	var received []socket.Message
	returned := make(chan *socket.CloseError, 1)
	err := s.Socket("/model", func(to *socket.Socket) {
		for {
			m, err := to.Receive()
			if err != nil {
				end, _ := errors.AsType[*socket.CloseError](err)
				returned <- end
				return
			}
			received = append(received, m)
			_ = to.Send(m.Kind, m.Data) // fails once the client has closed
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	m := &mover{t: t, site: s, rand: rand.New(rand.NewPCG(seed, 1)), id: fmt.Sprint("a-label-of-a-model-", seed)}
	for range 60 {
		m.step()
	}
	m.rest()
	m.running.Wait()
	if got := <-returned; got.Code != 3000 || got.Reason != "enough" || !got.Clean {
		t.Errorf("the handler hears %v", got)
	}
	same := func(a, b socket.Message) bool { return a.Kind == b.Kind && bytes.Equal(a.Data, b.Data) }
	if !slices.EqualFunc(received, m.sent, same) {
		t.Errorf("the handler has received %d messages, %d were sent, or others", len(received), len(m.sent))
	}
	if !slices.EqualFunc(m.got, m.sent, same) {
		t.Errorf("the client has got %d messages back, %d were sent, or others", len(m.got), len(m.sent))
	}
}

// mover is the client. Its steps are taken by one goroutine; its streams are read by others.
type mover struct {
	*site
	t       *testing.T
	rand    *rand.Rand
	id      string
	frames  []socket.Frame // that it has to send, from the first on
	sent    []socket.Message
	running sync.WaitGroup

	mu     sync.Mutex // guards the rest
	n      int
	epoch  string
	has    uint64 // the seq of the last frame that it has
	acked  uint64 // that of the last of its own that was taken
	partly []byte // of a message
	got    []socket.Message
	closed *said
	open   []func() // leave streams
}

// chance is true once in n times.
func (m *mover) chance(n int) bool { return m.rand.IntN(n) == 0 }

func (m *mover) step() {
	switch m.rand.IntN(8) {
	case 0, 1:
		m.say()
	case 2:
		m.listen(m.rand.IntN(2) == 0)
	case 3:
		m.leave()
	case 4, 5:
		m.post("")
	case 6:
		m.post("&transport=poll")
	case 7:
		m.post("&transport=longpoll&wait=0.2")
	}
}

// say has messages to be sent.
func (m *mover) say() {
	for range 1 + m.rand.IntN(3) {
		message := socket.Message{Kind: socket.Text, Data: fmt.Appendf(nil, "message %d \u2028<\"\n", len(m.sent))}
		if m.chance(3) {
			message = socket.Message{Kind: socket.Binary, Data: bytes.Repeat([]byte{byte(len(m.sent))}, m.rand.IntN(3)*20_000)}
		}
		m.sent = append(m.sent, message)
		rest := message.Data
		for len(rest) >= len(message.Data)-4 && len(rest) > 4 && m.chance(2) { // between characters
			m.push(socket.Frame{Kind: message.Kind, More: true, Data: rest[:4]})
			rest = rest[4:]
		}
		m.push(socket.Frame{Kind: message.Kind, Data: rest})
	}
}

func (m *mover) push(f socket.Frame) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f.Seq = uint64(len(m.frames) + 1)
	m.frames = append(m.frames, f)
}

// request makes the next one.
func (m *mover) request(ctx context.Context, method, more string, body io.Reader) *http.Request {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.n++
	url := fmt.Sprintf("%s/model?a=b&tidings=%s&n=%d%s", m.url, m.id, m.n, more)
	if m.epoch != "" {
		url += fmt.Sprintf("&since=%s-%d", m.epoch, m.has)
	}
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		m.t.Fatal(err)
	}
	return r
}

// lines are some of the frames to be sent: from the first that is not acknowledged, or from before it, and seldom from behind it.
func (m *mover) lines() []byte {
	m.mu.Lock()
	from := int(m.acked)
	m.mu.Unlock()
	switch {
	case m.chance(3):
		from = max(0, from-m.rand.IntN(5))
	case m.chance(5):
		from = min(len(m.frames), from+m.rand.IntN(3))
	}
	to := min(len(m.frames), from+m.rand.IntN(10))
	var b []byte
	for i := from; i < to; i++ {
		b = append(wire.AppendSocketFrame(b, &m.frames[i]), '\n')
	}
	return b
}

// post sends frames, with a poll or without. The request may be cut, sent twice at a time, or its answer lost.
func (m *mover) post(more string) {
	body := m.lines()
	times := 1
	if m.chance(4) {
		times = 2
	}
	cut := m.chance(5)
	for i := range times {
		lost := m.chance(4)
		ctx, leave := context.WithCancel(m.t.Context())
		var reader io.Reader = bytes.NewReader(body)
		if cut && len(body) > 0 {
			reader = io.MultiReader(bytes.NewReader(body[:m.rand.IntN(len(body))]), iotest.ErrReader(errors.New("cut")))
		}
		r := m.request(ctx, http.MethodPost, more, reader)
		if m.chance(5) {
			time.AfterFunc(50*time.Millisecond, leave) // while it is held, perhaps
		}
		do := func() {
			defer leave()
			resp, err := m.http.Do(r)
			if err != nil {
				return // cut
			}
			defer resp.Body.Close()
			if lost {
				return
			}
			m.answer(resp)
		}
		if i < times-1 || m.chance(3) {
			m.running.Go(do)
		} else {
			do()
		}
	}
}

// answer takes what an answer says.
func (m *mover) answer(resp *http.Response) {
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return
	}
	var p polled
	if resp.StatusCode == http.StatusBadRequest && bytes.Contains(b, []byte("before it was complete")) {
		return // we have cut it
	}
	if resp.StatusCode != http.StatusOK || json.Unmarshal(b, &p) != nil {
		m.t.Errorf("%d %s", resp.StatusCode, b)
		return
	}
	m.take(&p.said)
	for i := range p.Items {
		m.take(&p.Items[i])
	}
}

// listen opens a stream and reads it as long as it lasts.
func (m *mover) listen(events bool) {
	kind := "&transport=stream"
	if events {
		kind = "&transport=sse&tick=100"
	}
	ctx, leave := context.WithCancel(m.t.Context())
	r := m.request(ctx, http.MethodGet, kind, nil)
	m.mu.Lock()
	m.open = append(m.open, leave)
	m.mu.Unlock()
	m.running.Go(func() {
		defer leave()
		resp, err := m.http.Do(r)
		if err != nil {
			return
		}
		defer resp.Body.Close()
		for lines := bufio.NewReader(resp.Body); ; {
			line, err := lines.ReadString('\n')
			if err != nil {
				return // what was cut is no line
			}
			text := strings.TrimPrefix(line, "data: ")
			var o said
			if !strings.HasPrefix(text, "{") {
				continue
			}
			if json.Unmarshal([]byte(text), &o) != nil {
				m.t.Errorf("no object: %s", text)
				return
			}
			m.take(&o)
		}
	})
}

// leave leaves a stream.
func (m *mover) leave() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.open) > 0 {
		i := m.rand.IntN(len(m.open))
		m.open[i]()
		m.open = slices.Delete(m.open, i, i+1)
	}
}

// take takes an object, on whichever way it came.
func (m *mover) take(o *said) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if o.Hello != nil {
		if m.epoch != "" && m.epoch != o.Hello.Epoch {
			m.t.Errorf("two sockets of one label: %s and %s", m.epoch, o.Hello.Epoch)
		}
		m.epoch = o.Hello.Epoch
		m.acked = max(m.acked, o.Hello.Ack)
	}
	if o.Ack != nil {
		m.acked = max(m.acked, o.Ack.Seq)
	}
	if int(m.acked) > len(m.frames) {
		m.t.Errorf("%d frames were taken, of %d", m.acked, len(m.frames))
	}
	switch {
	case o.Bye != nil && o.Bye.Code != 4506:
		m.t.Errorf("bye %d", o.Bye.Code)
	case o.Close != nil && o.Seq == 0:
		m.t.Errorf("failed with %d: %s", o.Close.Code, o.Close.Reason)
	case o.Seq == 0 || o.Seq <= m.has:
	case o.Seq > m.has+1:
		m.t.Errorf("%d is followed by %d", m.has, o.Seq)
	default:
		m.has = o.Seq
		m.keep(o)
	}
}

// keep takes a frame that is new.
func (m *mover) keep(o *said) {
	if o.Close != nil {
		m.closed = o
		return
	}
	kind := socket.Binary
	data := o.Data64
	if o.Data != nil {
		kind, data = socket.Text, []byte(*o.Data)
	}
	m.partly = append(m.partly, data...)
	if !o.More {
		m.got = append(m.got, socket.Message{Kind: kind, Data: m.partly})
		m.partly = nil
	}
}

// rest brings everything to its end: what is sent comes back, and then the socket is closed.
func (m *mover) rest() {
	all := func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return int(m.acked) == len(m.frames) && len(m.got) == len(m.sent)
	}
	for !all() {
		m.finish()
	}
	m.push(socket.Frame{Kind: socket.Close, Code: 3000, Reason: "enough"})
	for over := false; !over; {
		m.finish()
		m.mu.Lock()
		over = m.closed != nil && int(m.acked) == len(m.frames)
		m.mu.Unlock()
	}
	if m.closed.Close.Code != 3000 {
		m.t.Errorf("closed with %d", m.closed.Close.Code)
	}
	m.mu.Lock()
	for _, leave := range m.open {
		leave()
	}
	m.mu.Unlock()
}

// finish polls with everything that is not acknowledged.
func (m *mover) finish() {
	m.mu.Lock()
	left := m.frames[m.acked:]
	m.mu.Unlock()
	var b []byte
	for i := range left {
		b = append(wire.AppendSocketFrame(b, &left[i]), '\n')
	}
	ctx, leave := context.WithTimeout(m.t.Context(), time.Minute)
	defer leave()
	resp, err := m.http.Do(m.request(ctx, http.MethodPost, "&transport=longpoll&wait=0.2", bytes.NewReader(b)))
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close()
	m.answer(resp)
}
