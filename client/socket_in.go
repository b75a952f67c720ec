package client

import (
	"errors"
	"fmt"
	"io"

	"tidings/gateway/socket"
)

// overrun is how much more than Options.ReceiveBytes is kept of what was sent before its sender learned that nobody takes it. Past it
// nothing is read.
const overrun = 4 << 20

// inbox holds the frames that have come and were not received, in order. The socket's mu guards it.
type inbox struct {
	frames []socket.Frame // messages and their pieces
	had    uint64         // number of the last frame that has come
	cost   int            // of frames
	size   int            // of the message that is arriving
	kind   Kind           // of the message that is arriving; 0 between two
	drop   bool           // what comes is not kept any more
	close  *CloseError    // what the other side has closed with

	most   int // bound of a message; below 0 there is none
	credit int // how much may be waiting and be acknowledged
	covers int // how many frames are within the credit
	spent  int // what they cost
	free   int // payload of all frames that ever were
}

func (i *inbox) bound(o DialOptions) { i.most, i.credit = o.MessageBytes, o.ReceiveBytes }

var (
	// errFull says that a frame must wait.
	errFull = errors.New("nobody takes what comes")
	// errHole says that frames are missing on a link, or come in no order.
	errHole = fmt.Errorf("%w: what came is not what was due", ErrUnreachable)
	// errTooBig says that a message is over the bound.
	errTooBig = errors.New("the message is over the bound")
)

// push takes a frame, whose Data it keeps, while there is room. What came before is dropped.
func (i *inbox) push(f socket.Frame, room int) error {
	switch {
	case f.Seq <= i.had:
		return nil
	case f.Seq > i.had+1 || i.close != nil:
		return errHole
	case f.Kind == socket.Close:
		i.had = f.Seq
		i.close = &CloseError{Code: f.Code, Reason: f.Reason}
		return nil
	case i.drop:
		i.had = f.Seq
		return nil
	case i.kind != 0 && f.Kind != i.kind:
		return errHole
	case i.most >= 0 && i.size+len(f.Data) > i.most:
		return errTooBig
	case i.cost > room:
		return errFull
	}
	i.had = f.Seq
	i.frames = append(i.frames, f)
	i.cost += len(f.Data) + frameCost
	if i.kind, i.size = f.Kind, i.size+len(f.Data); !f.More {
		i.kind, i.size = 0, 0
	}
	i.cover()
	return nil
}

// pop takes the first frame out.
func (i *inbox) pop() socket.Frame {
	f := i.frames[0]
	i.frames[0] = socket.Frame{}
	i.frames = i.frames[1:]
	cost := len(f.Data) + frameCost
	i.cost -= cost
	if i.covers > 0 {
		i.covers--
		i.spent -= cost
	}
	i.cover()
	return f
}

// cover counts frames into the credit.
func (i *inbox) cover() {
	for i.covers < len(i.frames) && i.spent <= i.credit {
		n := len(i.frames[i.covers].Data)
		i.spent += n + frameCost
		i.free += n
		i.covers++
	}
}

// acked is up to where frames are acknowledged: those that were received, and those that wait within the credit. Who sends is so held
// back, not who carries. Nobody is behind a close.
func (i *inbox) acked() uint64 {
	if i.close != nil {
		return i.had
	}
	return i.had - uint64(len(i.frames)-i.covers)
}

// next waits for the next frame of a message and takes it.
func (s *Socket) next() (socket.Frame, error) {
	s.mu.Lock()
	for len(s.in.frames) == 0 {
		if s.in.close != nil || s.over != nil || s.in.drop {
			s.mu.Unlock()
			return socket.Frame{}, s.why()
		}
		s.changed.Wait()
	}
	f := s.in.pop()
	s.changed.Broadcast() // there is room
	s.mu.Unlock()
	s.rouse() // perhaps there is something to acknowledge
	return f, nil
}

// Receive returns the next message, whose bytes are the caller's. At the end it returns a [*CloseError].
func (s *Socket) Receive() (socket.Message, error) {
	if err := s.pass(); err != nil {
		return socket.Message{}, err
	}
	f, err := s.next()
	if err != nil {
		return socket.Message{}, err
	}
	m := socket.Message{Kind: f.Kind, Data: f.Data}
	for f.More {
		if f, err = s.next(); err != nil {
			return socket.Message{}, err
		}
		m.Data = append(m.Data, f.Data...)
	}
	return m, nil
}

// Reader returns a reader of the next message, which may still be arriving. What the one before has left unread is passed over.
func (s *Socket) Reader() (Kind, io.Reader, error) {
	if err := s.pass(); err != nil {
		return 0, nil, err
	}
	f, err := s.next()
	if err != nil {
		return 0, nil, err
	}
	s.reader = &messageReader{s: s, frame: f}
	return f.Kind, s.reader, nil
}

// pass passes over the rest of the message that is being read.
func (s *Socket) pass() error {
	r := s.reader
	if r == nil {
		return nil
	}
	s.reader = nil
	r.over = true
	for r.frame.More {
		f, err := s.next()
		if err != nil {
			return err
		}
		r.frame = f
	}
	return nil
}

// messageReader reads one message.
type messageReader struct {
	s     *Socket
	frame socket.Frame
	over  bool
}

// Read implements [io.Reader]. Where the socket ends within the message, it returns a [*CloseError].
func (r *messageReader) Read(p []byte) (int, error) {
	if r.over {
		return 0, io.EOF
	}
	for len(r.frame.Data) == 0 {
		if !r.frame.More {
			return 0, io.EOF
		}
		f, err := r.s.next()
		if err != nil {
			return 0, err
		}
		r.frame = f
	}
	n := copy(p, r.frame.Data)
	r.frame.Data = r.frame.Data[n:]
	return n, nil
}
