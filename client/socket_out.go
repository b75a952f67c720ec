package client

import (
	"errors"
	"io"
	"unicode/utf8"

	"tidings/gateway/socket"
	"tidings/transport/wire"
)

// frameCost is what a frame costs beside its payload, so that many small ones are bounded too.
const frameCost = 64

// movingBytes bounds the payload of a frame that can move.
const movingBytes = wire.SocketFrameBytes

// outbox holds the frames that have not left, in order. The socket's mu guards it.
type outbox struct {
	frames []outFrame
	left   uint64 // number of the last that has left
	bytes  int    // payload of frames
}

// outFrame is a frame, and who is told what becomes of it.
type outFrame struct {
	socket.Frame
	told func(error)
}

// last is the number of the last frame, whether it has left or not.
func (o *outbox) last() uint64 { return o.left + uint64(len(o.frames)) }

func (o *outbox) cost() int { return o.bytes + frameCost*len(o.frames) }

func (o *outbox) push(f outFrame) {
	f.Seq = o.last() + 1
	o.frames = append(o.frames, f)
	o.bytes += len(f.Data)
}

// leave takes out the frames up to number seq and returns whom to tell. It returns false for one that was never there.
func (o *outbox) leave(seq uint64) (told []func(error), ok bool) {
	if seq > o.last() {
		return nil, false
	}
	for o.left < seq {
		f := &o.frames[0]
		o.bytes -= len(f.Data)
		if f.told != nil {
			told = append(told, f.told)
		}
		*f = outFrame{}
		o.frames = o.frames[1:]
		o.left++
	}
	if len(o.frames) == 0 {
		o.frames = nil
	}
	return told, true
}

// abandon gives up all frames and returns whom to tell.
func (o *outbox) abandon() (told []func(error)) {
	told, _ = o.leave(o.last())
	return told
}

func tellAll(told []func(error), err error) {
	for _, f := range told {
		f(err)
	}
}

var (
	errKind    = errors.New("a message is Text or Binary")
	errText    = errors.New("a text is not valid UTF-8")
	errWritten = errors.New("the message has ended")
)

// Send sends a message. It waits while more than Options.BufferBytes have not left, so that who sends is no faster than who takes. Of data
// nothing is kept. It fails with a [*CloseError] once the socket is closing.
func (s *Socket) Send(kind Kind, data []byte) error { return s.SendThen(kind, data, nil) }

// SendThen is Send, and calls left once the message has left: the system has taken it (plain WebSocket), or the gateway has said that it
// has it. It is called with the error of a message that never will, unless that is what SendThen returns. It must not block.
func (s *Socket) SendThen(kind Kind, data []byte, left func(error)) error {
	if kind == Text && !utf8.Valid(data) {
		return errText
	}
	if err := s.begin(kind); err != nil {
		return err
	}
	defer s.finish()
	for {
		n := cut(kind, data, s.fragment())
		f := outFrame{Frame: socket.Frame{Kind: kind, More: n < len(data), Data: append([]byte(nil), data[:n]...)}}
		if data = data[n:]; !f.More {
			f.told = left
		}
		if err := s.enqueue(f); err != nil || !f.More {
			return err
		}
	}
}

// begin waits until no other message is being written.
func (s *Socket) begin(kind Kind) error {
	if kind != Text && kind != Binary {
		return errKind
	}
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-s.closing:
		return s.why()
	}
}

// finish lets the next message be written.
func (s *Socket) finish() { <-s.turn }

// fragment bounds the payload of a frame.
func (s *Socket) fragment() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.plain {
		return s.options.FragmentBytes
	}
	return min(s.options.FragmentBytes, movingBytes)
}

// cut returns how much of data the next frame takes: of a text, whole characters.
func cut(kind Kind, data []byte, most int) int {
	if len(data) <= most {
		return len(data)
	}
	n := most
	if kind == Text {
		for n > 0 && !utf8.RuneStart(data[n]) {
			n--
		}
		if n == 0 { // a bound smaller than the character
			_, n = utf8.DecodeRune(data)
		}
	}
	return n
}

// enqueue puts a frame of a message behind the others, once there is room.
func (s *Socket) enqueue(f outFrame) error {
	s.mu.Lock()
	for s.out.cost() > s.options.BufferBytes && !s.closed {
		s.changed.Wait()
	}
	if s.closed {
		s.mu.Unlock()
		return s.why()
	}
	s.out.push(f)
	s.mu.Unlock()
	s.rouse()
	return nil
}

// Writer returns a writer of one message, which leaves in frames while it is being written and ends with Close. One is open at a time: other
// messages wait for it.
func (s *Socket) Writer(kind Kind) (io.WriteCloser, error) {
	if err := s.begin(kind); err != nil {
		return nil, err
	}
	return &messageWriter{s: s, kind: kind, most: s.fragment()}, nil
}

// messageWriter cuts what is written into frames.
type messageWriter struct {
	s    *Socket
	kind Kind
	most int
	buf  []byte // the next frame: of a text, perhaps with a cut character at its end
	over bool
}

// Write implements [io.Writer].
func (w *messageWriter) Write(p []byte) (int, error) {
	if w.over {
		return 0, errWritten
	}
	for n := 0; ; {
		took := min(len(p)-n, w.most+utf8.UTFMax-len(w.buf))
		w.buf = append(w.buf, p[n:n+took]...)
		if n += took; len(w.buf) <= w.most { // the last frame, perhaps
			return n, nil
		}
		if err := w.flush(cut(w.kind, w.buf, w.most), true); err != nil {
			return 0, err
		}
	}
}

// Close implements [io.Closer]: the message has ended.
func (w *messageWriter) Close() error {
	if w.over {
		return errWritten
	}
	w.over = true
	defer w.s.finish()
	return w.flush(len(w.buf), false)
}

func (w *messageWriter) flush(n int, more bool) error {
	data := w.buf[:n:n]
	if w.kind == Text && !utf8.Valid(data) {
		w.s.fail(1007, errText.Error()) // what has left of the message cannot be taken back
		return errText
	}
	w.buf = append([]byte(nil), w.buf[n:]...)
	return w.s.enqueue(outFrame{Frame: socket.Frame{Kind: w.kind, More: more, Data: data}})
}
