package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tidings/gateway"
	"tidings/gateway/socket"
	"tidings/transport"
	"tidings/transport/wire"
)

// socketProtocol is the subprotocol of a WebSocket that carries a socket which can move.
const socketProtocol = "tidings.socket.v1"

// maxSocketObject bounds an object of a socket as it comes over the wire.
const maxSocketObject = wire.SocketLineBytes

// socketObject is one object of a socket's wire, see docs/wire.md: a frame, or one of the others. Members that it does not know are ignored.
type socketObject struct {
	socket.Frame           // if its Seq is not 0
	Ack          *ackWords // up to where the other side has the frames
	Close        *closeWords
	Hello        *socketHello
	Ping         *ping
	Bye          *transport.Bye
}

type closeWords struct {
	Code   uint16 `json:"code"`
	Reason string `json:"reason"`
}

type ackWords struct {
	Seq *uint64 `json:"seq"`
}

type socketHello struct {
	Epoch    string `json:"epoch"`
	Cursor   string `json:"cursor"`
	Ack      uint64 `json:"ack"`
	Protocol string `json:"protocol"`
	PingMS   int    `json:"ping_ms"`
	AwayMS   int    `json:"away_ms"`
	Node     string `json:"node"`
}

// socketPage is the answer to a poll of a socket, and with ack alone that to a POST.
type socketPage struct {
	Cursor string            `json:"cursor"`
	Items  []json.RawMessage `json:"items"`
	More   bool              `json:"more"`
	PollMS int               `json:"poll_ms"`
	Ack    ackWords          `json:"ack"`
	Hello  *socketHello      `json:"hello"`
	Bye    *transport.Bye    `json:"bye"`
}

// objectReader reads the objects of one connection.
type objectReader struct{ frames wire.SocketReader }

// read reads one object. What it returns is the caller's.
func (r *objectReader) read(text []byte) (o socketObject, err error) {
	var other struct {
		Seq   uint64
		Ack   *ackWords
		Close *closeWords
		Hello *socketHello
		Ping  *ping
		Bye   *transport.Bye
	}
	if !bytes.HasPrefix(text, []byte(`{"seq":`)) { // what the gateway's frames begin with
		if err := json.Unmarshal(text, &other); err != nil {
			return o, fmt.Errorf("%w: what came is no object: %w", ErrUnreachable, err)
		}
		if other.Seq == 0 {
			return socketObject{Ack: other.Ack, Close: other.Close, Hello: other.Hello, Ping: other.Ping, Bye: other.Bye}, nil
		}
	}
	up, err := r.frames.Read(text)
	if err != nil {
		return o, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	o.Frame = up.Frame
	o.Data = append([]byte(nil), o.Data...)
	return o, nil
}

// since is the cursor of what has come, or of what may be acknowledged; empty before the first hello.
func (s *Socket) since(acked bool) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.hello == nil:
		return ""
	case acked:
		return gateway.Cursor{Epoch: s.hello.Epoch, Seq: s.in.acked()}.String()
	}
	s.ackSaid, s.freeSaid, s.ackSince = max(s.ackSaid, s.in.had), s.in.free, time.Time{}
	return gateway.Cursor{Epoch: s.hello.Epoch, Seq: s.in.had}.String()
}

// url returns the socket's URL for its next request, with what the wire adds at the end of the query. kind is that of a link, or none for
// a request that only sends.
func (s *Socket) url(kind transport.Kind, none bool, more string) string {
	var q strings.Builder
	if q.WriteString(s.at.RawQuery); s.at.RawQuery != "" {
		q.WriteByte('&')
	}
	q.WriteString("tidings=" + s.id + "&n=" + strconv.FormatUint(uint64(s.n.Add(1)), 10))
	if !none && kind != transport.WebSocket {
		q.WriteString("&transport=" + kind.String())
	}
	if since := s.since(none); since != "" {
		q.WriteString("&since=" + since)
	} else if kind != transport.WebSocket && len(s.options.Protocols) > 0 {
		q.WriteString("&protocols=" + url.QueryEscape(strings.Join(s.options.Protocols, ",")))
	}
	if s.options.Ping > 0 {
		q.WriteString("&ping=" + strconv.FormatInt(s.options.Ping.Milliseconds(), 10))
	}
	u := *s.at
	u.RawQuery = q.String() + more
	return u.String()
}

// welcome takes the hello of a link and returns up to where the link's frames were received.
func (s *Socket) welcome(h *socketHello, kind transport.Kind) (since uint64, err error) {
	at, err := gateway.ParseCursor(h.Cursor)
	if err != nil || at.Epoch != h.Epoch {
		return 0, fmt.Errorf("%w: its hello has no cursor", errNoSocket)
	}
	s.mu.Lock()
	switch {
	case s.hello == nil:
		s.hello, s.proto = h, h.Protocol
	case s.hello.Epoch != h.Epoch:
		err = errGone
	}
	if err == nil && at.Seq > s.in.had {
		err = errHole
	}
	if err == nil {
		s.carry(kind.String())
	}
	s.mu.Unlock()
	if err == nil {
		err = s.acked(h.Ack)
	}
	return at.Seq, err
}

// carry notes what carries the socket now. mu is held.
func (s *Socket) carry(kind string) {
	s.carrier = kind
	select {
	case <-s.opened:
	default:
		close(s.opened)
	}
}

// hear takes an object. It fails with [errFull] where it must be heard again when there is room.
func (s *Socket) hear(o *socketObject) error {
	if o.Bye != nil {
		return goodbye(o.Bye)
	}
	if o.Ack != nil && o.Ack.Seq != nil {
		if err := s.acked(*o.Ack.Seq); err != nil {
			return err
		}
	}
	if o.Ping != nil {
		s.mu.Lock()
		s.asked = true
		s.mu.Unlock()
		s.rouse()
	}
	switch {
	case o.Seq > 0:
		return s.take(o.Frame)
	case o.Close != nil: // not in order behind all frames: the socket ends here and now
		s.end(&CloseError{Code: o.Close.Code, Reason: o.Close.Reason})
	}
	return nil
}

// acked takes out what the other side has.
func (s *Socket) acked(seq uint64) error {
	s.mu.Lock()
	before := s.out.left
	told, ok := s.out.leave(seq)
	if s.out.left > before {
		if s.timer != nil && s.over == nil {
			s.timer.Reset(s.options.CloseTime) // it makes progress
		}
		s.settle()
		s.changed.Broadcast()
	}
	s.mu.Unlock()
	s.rouse()
	tellAll(told, nil)
	if !ok {
		return fmt.Errorf("%w: what was never sent is acknowledged", ErrUnreachable)
	}
	return nil
}

// take takes a frame, whose Data it keeps.
func (s *Socket) take(f socket.Frame) error {
	s.mu.Lock()
	room := s.options.ReceiveBytes
	if !s.plain {
		room += overrun
	}
	err := s.in.push(f, room)
	switch {
	case errors.Is(err, errFull) && s.closed:
		// Whoever closes and does not receive wants nothing more: not taking it would hold back the answer.
		s.in.drop = true
		err = s.in.push(f, room)
	case errors.Is(err, errTooBig):
		s.mu.Unlock()
		s.fail(1009, errTooBig.Error())
		s.mu.Lock()
		err = s.in.push(f, room)
	}
	if s.in.close != nil {
		s.shut(s.in.close.Code, s.in.close.Reason)
		s.settle()
	}
	s.changed.Broadcast()
	s.mu.Unlock()
	s.rouse()
	return err
}

// words are what is to be said now.
type words struct {
	frames []outFrame
	from   uint64 // number of the frame before them
	ack    uint64
	tell   bool // ack is to be told
}

func (w *words) none() bool { return len(w.frames) == 0 && !w.tell }

// last returns the number of the last frame.
func (w *words) last() uint64 { return w.from + uint64(len(w.frames)) }

// budget is how much payload may be on its way, which is said and not acknowledged. By POST it is said again whole where it gets lost: less, the
// less gets through. A WebSocket has all of [maxWords]: past it the gateway may cease to read, and acknowledgements with it.
type budget int

const (
	leastWords = 1 // and that is one frame
	maxWords   = 256 << 10
	maxFrames  = 1024
)

// went notes whether what was said has got through.
func (b *budget) went(through bool) {
	if through {
		*b = min(*b*2, maxWords)
	} else {
		*b = max(*b/4, leastWords)
	}
}

// Frames are acknowledged when there are so many, or so many bytes.
const (
	ackFrames = 32
	ackBytes  = 64 << 10
)

// words returns what is to be said behind frame sent within a budget, and otherwise when an acknowledgement is due that may wait for so long; below
// 0: never.
func (s *Socket) words(sent uint64, most budget, idle time.Duration) (w words, due time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.from = max(sent, s.out.left)
	bytes := 0
	for i, f := range s.out.frames {
		if bytes += len(f.Data); i > 0 && (bytes > int(most) || i >= maxFrames) {
			break
		}
		if f.Seq > sent {
			w.frames = append(w.frames, f)
		}
	}
	w.ack, due = s.in.acked(), -1
	if w.ack <= s.ackSaid && !s.asked {
		return w, due
	}
	if s.ackSince.IsZero() {
		s.ackSince = time.Now()
	}
	due = idle - time.Since(s.ackSince)
	if due <= 0 || len(w.frames) > 0 || s.asked || s.over != nil || w.ack-s.ackSaid >= ackFrames || s.in.free-s.freeSaid >= ackBytes {
		w.tell, s.asked = true, false
		s.ackSaid, s.freeSaid, s.ackSince = max(s.ackSaid, w.ack), s.in.free, time.Time{}
	}
	return w, due
}
