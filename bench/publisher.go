package bench

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// publisher sends the messages of a run in order over one connection. It does not wait for an answer before it sends the next
// (RFC 9112, section 9.3.2): what is due is sent, however slow the server is.
type publisher struct {
	*run
	conn     net.Conn
	in       *reader
	request  []byte   // one, with room for a stamp
	stamp    int      // where
	cursors  *cursors // nil unless they are wanted
	sent     [phases]atomic.Int64
	answered atomic.Int64
	out      []byte   // what is sent at once
	member   string   // of a receipt, that is the cursor
	expected chan int // phases of requests under way
	ended    chan error
	once     sync.Once
}

// head returns the head of a request that publishes.
func (r *run) head(path, contentType, more string, length int) []byte {
	key := ""
	if r.Key != "" {
		key = "Authorization: Bearer " + r.Key + "\r\n"
	}
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\n%s%sContent-Length: %d\r\n\r\n",
		path, r.publish.host, contentType, key, more, length)
}

// publishPath is where single messages go.
func (r *run) publishPath() string {
	if r.Plain {
		return r.publish.request()
	}
	return r.publish.topicPath(r.Topic)
}

// inFlight bounds the requests without an answer, far beyond what a connection's buffers take.
const inFlight = 1 << 16

// newPublisher connects. keep says whether the cursors of what is published are wanted.
func newPublisher(ctx context.Context, r *run, size int, keep bool) (*publisher, error) {
	c, err := r.publish.dial(ctx)
	if err != nil {
		return nil, err
	}
	p := &publisher{
		run: r, conn: c, in: newReader(c, 8<<10), expected: make(chan int, inFlight), ended: make(chan error, 1),
	}
	more := ""
	switch {
	case keep && !r.Plain:
		p.cursors, p.member = new(cursors), "cursor"
	case keep && r.ReceiptField != "":
		p.cursors, p.member, more = new(cursors), r.ReceiptField, "Accept: application/json\r\n"
	}
	body := payload(size)
	p.request = r.head(r.publishPath(), "text/plain", more, len(body))
	p.stamp = len(p.request)
	p.request = append(p.request, body...)
	go func() {
		err := p.read()
		if err != nil {
			c.Close() // so that no write waits for who does not read
		}
		p.ended <- err
	}()
	return p, nil
}

// read takes the answers.
func (p *publisher) read() error {
	var body []byte
	for phase := range p.expected {
		a, err := p.in.head(false)
		if err != nil {
			return fmt.Errorf("publishing, after %d answers: %w", p.answered.Load(), err)
		}
		if a.status/100 != 2 {
			return fmt.Errorf("publishing: %w", p.in.refusal(a))
		}
		body = body[:0]
		if err := p.in.body(a, func(b []byte) { body = append(body, b...) }); err != nil {
			return fmt.Errorf("publishing: %w", err)
		}
		if p.cursors != nil {
			p.cursors.add(phase, cursorIn(body, p.member))
		}
		p.answered.Add(1)
	}
	return nil
}

// close waits for the answers to what was sent.
func (p *publisher) close() error {
	p.once.Do(func() { close(p.expected) })
	_ = p.conn.SetReadDeadline(time.Now().Add(dialTime)) // a server that never answers must not hold the run
	err := <-p.ended
	p.ended <- err
	p.conn.Close()
	return err
}

// abandon ends the publisher without waiting for answers.
func (p *publisher) abandon() {
	p.conn.Close()
	_ = p.close() // what ended the run is the error to tell
}

// send sends n messages of a phase, from number first, as one write.
func (p *publisher) send(phase int, first, n int, due time.Time) error {
	b := p.out[:0]
	for i := range n {
		stamp{run: p.id, phase: uint16(phase), number: uint32(first + i), due: p.clock.at(due)}.put(p.request[p.stamp:])
		b = append(b, p.request...)
	}
	p.out = b
	for range n {
		select {
		case p.expected <- phase:
		case err := <-p.ended:
			p.ended <- err
			return err
		}
	}
	if _, err := p.conn.Write(b); err != nil {
		select {
		case told := <-p.ended: // the reader knows why
			p.ended <- told
			return told
		case <-time.After(time.Second):
			return fmt.Errorf("publishing: %w", err)
		}
	}
	p.sent[phase].Add(int64(n))
	return nil
}

// keep publishes what is due until count messages of a phase were sent, or more reports false before one.
func (p *publisher) keep(ctx context.Context, phase int, s schedule, count int, more func() bool) (sent int, err error) {
	first := int(p.sent[phase].Load())
	for sent < count && more() {
		due, err := s.wait(ctx, sent)
		if err != nil {
			return sent, err
		}
		n := min(max(1, s.burst), count-sent)
		if err := p.send(phase, first+sent, n, due); err != nil {
			return sent, err
		}
		sent += n
	}
	return sent, nil
}

// warmUp publishes until every follower has got something: now all of them are there, and pools and encodings are made.
func (p *publisher) warmUp(ctx context.Context, c *crowd) error {
	stop := p.show("warming up", func() (float64, string) {
		return float64(c.warm.Load()) / float64(len(c.members)), fmt.Sprintf("%d followers", c.warm.Load())
	})
	defer stop()
	until := time.Now().Add(2*c.patience() + 10*time.Second)
	for i := 0; ; i++ {
		if err := p.send(warming, i, 1, time.Now()); err != nil {
			return err
		}
		for again := time.Now().Add(time.Second + c.pollPause()); time.Now().Before(again); {
			if c.warm.Load() == int64(len(c.members)) {
				return nil
			}
			if err := c.err(); err != nil {
				return err
			}
			if err := sleep(ctx, 5*time.Millisecond); err != nil {
				return err
			}
		}
		if time.Now().After(until) {
			return fmt.Errorf("only %d of %d followers get anything: is what is followed what is published to?", c.warm.Load(), len(c.members))
		}
	}
}

// pollPause is how much later a plain poll sees a message.
func (c *crowd) pollPause() time.Duration {
	if c.Transport == "poll" {
		return c.PollPace
	}
	return 0
}

// sender publishes one request after the other, as fast as it is answered.
type sender struct {
	*run
	conn    net.Conn
	in      *reader
	request []byte
	stamps  []int // where
}

// minimal asks a gateway for counts in place of receipts.
const minimal = "Prefer: return=minimal\r\n"

func newSender(ctx context.Context, r *run, size, batch int) (*sender, error) {
	c, err := r.publish.dial(ctx)
	if err != nil {
		return nil, err
	}
	s := &sender{run: r, conn: c, in: newReader(c, 4<<10)}
	if batch <= 1 {
		body := payload(size)
		s.request = r.head(r.publishPath(), "text/plain", "", len(body))
		s.stamps = []int{len(s.request)}
		s.request = append(s.request, body...)
		return s, nil
	}
	var body []byte
	for range batch {
		body = fmt.Appendf(body, `{"topic":%q,"data":"`, r.Topic)
		s.stamps = append(s.stamps, len(body))
		body = append(append(body, payload(size)...), '"', '}', '\n')
	}
	s.request = r.head(r.publish.topicPath(""), "application/x-ndjson", minimal, len(body))
	for i := range s.stamps {
		s.stamps[i] += len(s.request)
	}
	s.request = append(s.request, body...)
	return s, nil
}

// send publishes once and waits for the answer.
func (s *sender) send(number int, due time.Time) error {
	for i, at := range s.stamps {
		stamp{run: s.id, phase: measured, number: uint32(number + i), due: s.clock.at(due)}.put(s.request[at:])
	}
	if _, err := s.conn.Write(s.request); err != nil {
		return err
	}
	a, err := s.in.head(false)
	if err != nil {
		return err
	}
	if a.status/100 != 2 {
		return s.in.refusal(a)
	}
	none := needle{word: `"failed":0`}
	if err := s.in.body(a, none.feed); err != nil {
		return err
	}
	if len(s.stamps) > 1 && !none.seen {
		return &statusError{http.StatusOK, "and some of a batch failed"}
	}
	return nil
}
