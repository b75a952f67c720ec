package socket

import (
	"context"
	"errors"
	"io"
	"sync"
)

// inbox is what a client has sent and its handler has not received. The loops put into it, so its lock is held for short times only, and
// none is taken under it.
type inbox struct {
	mu      sync.Mutex
	arrived sync.Cond // a handler waits
	waiting wish      // for what
	taken   uint64    // the number of the last frame
	pieces  []piece
	head    int         // of pieces: before it there is nothing any more
	cost    int         // of what waits, as it counts against Options.ReceiveBytes
	whole   int         // messages that are there to their end
	began   bool        // the message that comes now has begun
	kind    Kind        // its kind
	packed  bool        // whether it is deflated
	size    int         // how much of it has come
	rest    bool        // the first piece goes on with a message that was taken by Reader
	reader  uint64      // the number of the last Reader
	deaf    bool        // the client is not read from
	dropped bool        // nobody will receive anything any more
	closed  bool        // the client's Close has come
	asked   bool        // the handler has received, or tried to
	told    bool        // it was told of the end
	end     *CloseError // what Receive says at the end
	room    chan struct{}

	messages, bytes uint64 // that have come, for statistics
}

// wish is what a handler waits for.
type wish uint8

const (
	nothing wish = iota
	aMessage
	aPiece
)

// The errors of [Socket.Put].
var (
	// ErrOrder: a frame is not the next one, or does not fit to the one before it.
	ErrOrder = errors.New("socket: a frame is out of order")
	// ErrEnded: nothing is taken any more.
	ErrEnded = errors.New("socket: the socket has ended")
)

// Put takes a frame from the client, whose Data is only lent. One whose Seq is 0 is the next; one that was taken before is dropped. It returns
// up to where frames were taken. Where more is false, the link is to read no more until it is resumed; who can wait (an HTTP request) calls
// [Socket.Room]. It fails with [ErrOrder] where the frame is not the next one, with [ErrEnded] where its direction has ended, and with a
// [*CloseError] where a message is too big: then the link is to call [Socket.Fail] with it. It never waits.
func (s *Socket) Put(f Frame) (ack uint64, more bool, err error) {
	u := &s.up
	u.mu.Lock()
	ack, more, err = u.put(&f, &s.path.options)
	ended := err == nil && f.Kind == Close && f.Seq == ack
	wake := u.waiting == aPiece && len(u.pieces) > u.head || u.waiting == aMessage && u.whole > 0
	if wake {
		u.waiting = nothing
	}
	u.mu.Unlock()
	if wake {
		u.arrived.Signal()
	}
	if ended {
		s.do(s.hears)
	}
	return ack, more, err
}

// put takes a frame. u.mu is held.
func (u *inbox) put(f *Frame, o *Options) (ack uint64, more bool, err error) {
	if f.Seq == 0 {
		f.Seq = u.taken + 1
	}
	switch {
	case f.Seq <= u.taken:
		f.Seq = 0
		return u.taken, !u.deaf, nil
	case u.closed || u.end != nil:
		return u.taken, true, ErrEnded
	case f.Seq != u.taken+1 || u.began && f.Kind != Close && f.Kind != u.kind:
		return u.taken, !u.deaf, ErrOrder
	}
	if f.Kind == Close {
		u.taken++
		u.closed = true
		u.finish(&CloseError{Code: f.Code, Reason: f.Reason, Clean: true})
		return u.taken, true, nil
	}
	if !u.began {
		u.began, u.kind, u.packed, u.size = true, f.Kind, f.Packed, 0
	}
	if u.size += len(f.Data); o.MessageBytes >= 0 && u.size > o.MessageBytes && !u.packed {
		return u.taken, true, tooBig(o.MessageBytes)
	}
	u.taken++
	u.bytes += uint64(len(f.Data))
	if !f.More {
		u.began = false
		u.messages++
	}
	if u.dropped {
		return u.taken, true, nil
	}
	u.keep(f)
	if !f.More {
		u.whole++
	}
	if u.cost > o.ReceiveBytes && (u.whole > 0 || u.waiting != aMessage) {
		u.deaf = true
	}
	return u.taken, !u.deaf, nil
}

// keep puts a frame's payload behind the rest, and together with what came of the same message, as long as that is not much.
func (u *inbox) keep(f *Frame) {
	if n := len(u.pieces); n > u.head && u.pieces[n-1].more {
		last := &u.pieces[n-1]
		before := last.cost()
		if last.join(f) {
			u.cost += last.cost() - before
			return
		}
	}
	if u.head > 0 && len(u.pieces) == cap(u.pieces) {
		n := copy(u.pieces, u.pieces[u.head:])
		clear(u.pieces[n:])
		u.pieces, u.head = u.pieces[:n], 0
	}
	p := newPiece(f, u.packed)
	u.pieces = append(u.pieces, p)
	u.cost += p.cost()
}

// pass lets go of what came of a message that a Reader had, and that is not read to its end.
func (u *inbox) pass() {
	for u.rest && len(u.pieces) > u.head {
		p := u.pop()
		u.rest = p.more
		p.free()
	}
}

// pop takes the first piece out.
func (u *inbox) pop() piece {
	p := u.pieces[u.head]
	u.pieces[u.head] = piece{}
	u.head++
	if u.head == len(u.pieces) {
		u.head = 0
		if u.pieces = u.pieces[:0]; cap(u.pieces) > keptFrames {
			u.pieces = nil
		}
	}
	u.cost -= p.cost()
	if !p.more {
		u.whole--
	}
	return p
}

// listen returns whether the client is to be read from again. Who waits for a message has it come whatever else is there.
func (u *inbox) listen(o *Options) bool {
	if !u.deaf || u.cost > o.ReceiveBytes/2 && (u.whole > 0 || u.waiting != aMessage) {
		return false
	}
	u.open()
	return true
}

// full reports whether the client is not read from.
func (u *inbox) full() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.deaf
}

// open has the client read from again.
func (u *inbox) open() {
	u.deaf = false
	if u.room != nil {
		close(u.room)
		u.room = nil
	}
}

// discard has nothing kept any more. It returns whether the client is to be read from again.
func (u *inbox) discard() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.dropped = true
	u.pieces, u.head, u.cost, u.whole = nil, 0, 0, 0
	was := u.deaf
	u.open()
	return was
}

// finish says how the socket ended, to whoever receives behind what has come. u.mu is held.
func (u *inbox) finish(e *CloseError) {
	if u.end == nil {
		u.end = e
	}
	u.open()
	u.waiting = nothing
	u.arrived.Broadcast()
}

// answers reports whether the handler may answer what has come before the end, and then asks for more: one that waits for that already is woken.
func (u *inbox) answers() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return !u.told && !u.dropped && (u.asked || len(u.pieces) > u.head)
}

// ends returns what is told at the end. u.mu is held, and is not afterwards.
func (u *inbox) ends(s *Socket) error {
	first := !u.told
	u.told = true
	err := u.end
	u.mu.Unlock()
	if first {
		s.received()
	}
	return err
}

// words returns how the client has ended the socket: by its Close, or else by breaking the protocol. Both are nil where it has not.
func (u *inbox) words() (said, failure *CloseError) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return u.end, nil
	}
	return nil, u.end
}

// over is finish.
func (u *inbox) over(e *CloseError) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.finish(e)
}

// Taken is up to where the client's frames were taken.
func (s *Socket) Taken() uint64 {
	s.up.mu.Lock()
	defer s.up.mu.Unlock()
	return s.up.taken
}

// Room waits until there is room for what the client sends, or the socket has ended, or ctx has: then it returns its error.
func (s *Socket) Room(ctx context.Context) error {
	u := &s.up
	u.mu.Lock()
	if !u.deaf {
		u.mu.Unlock()
		return nil
	}
	if u.room == nil {
		u.room = make(chan struct{})
	}
	room := u.room
	u.mu.Unlock()
	select {
	case <-room:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Receive returns the next message, whose bytes are the caller's. At the end it returns a [*CloseError].
func (s *Socket) Receive() (Message, error) {
	m, packed, err := s.receive()
	if packed {
		return s.inflateAll(m.Kind, m.Data)
	}
	return m, err
}

// receive returns the next message as it came.
func (s *Socket) receive() (m Message, packed bool, err error) {
	u := &s.up
	u.mu.Lock()
	for {
		if u.pass(); u.whole > 0 && !u.rest {
			break
		}
		if u.end != nil {
			return m, false, u.ends(s)
		}
		u.await(s, aMessage)
	}
	var few [4]piece
	pieces := append(few[:0], u.pop())
	for pieces[len(pieces)-1].more {
		pieces = append(pieces, u.pop())
	}
	u.asked = true
	resume := u.listen(&s.path.options)
	u.mu.Unlock()
	if resume {
		s.resume()
	}
	kind, packed := pieces[0].kind, pieces[0].packed
	return Message{kind, together(pieces)}, packed, nil
}

// await waits for what comes. u.mu is held, but not meanwhile.
func (u *inbox) await(s *Socket, what wish) {
	if u.rest { // first the rest of another message is passed over, as it comes
		what = aPiece
	}
	u.waiting, u.asked = what, true
	if u.listen(&s.path.options) {
		u.mu.Unlock()
		s.resume()
		u.mu.Lock()
		if u.waiting == nothing { // something has come
			return
		}
	}
	u.arrived.Wait()
}

// resume has the links read on.
func (s *Socket) resume() {
	s.mu.Lock()
	defer s.unlock()
	for _, c := range s.links {
		c.link.Resume()
	}
}

// Reader returns a reader of the next message, which may still be arriving. What the one before has left unread is passed over. Reading fails
// with a [*CloseError] where the socket ends within the message.
func (s *Socket) Reader() (Kind, io.Reader, error) {
	u := &s.up
	u.mu.Lock()
	for {
		if u.pass(); !u.rest && len(u.pieces) > u.head {
			break
		}
		if u.end != nil {
			return 0, nil, u.ends(s)
		}
		u.await(s, aPiece)
	}
	first := &u.pieces[u.head]
	kind, packed := first.kind, first.packed
	u.rest, u.asked = true, true
	u.reader++
	r := &reader{socket: s, number: u.reader}
	resume := u.listen(&s.path.options)
	u.mu.Unlock()
	if resume {
		s.resume()
	}
	if packed {
		return kind, &unpacked{socket: s, from: s.inflate(kind, r.next)}, nil
	}
	return kind, r, nil
}

// reader reads one message. It is of use until the next is asked for.
type reader struct {
	socket *Socket
	number uint64
	piece  piece  // that was taken last
	left   []byte // of it
	last   bool   // it was the last
}

// Read implements [io.Reader].
func (r *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(r.left) == 0 {
		b, err := r.next()
		if err != nil {
			return 0, err
		}
		r.left = b
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}

// next returns the next piece of the message, [io.EOF] behind the last. It is lent until the next call.
func (r *reader) next() ([]byte, error) {
	r.piece.free()
	s := r.socket
	u := &s.up
	u.mu.Lock()
	for {
		switch {
		case r.last:
			u.mu.Unlock()
			return nil, io.EOF
		case u.reader != r.number || !u.rest:
			u.mu.Unlock()
			return nil, errPassed
		case len(u.pieces) > u.head:
			r.piece = u.pop()
			u.rest, r.last = r.piece.more, !r.piece.more
			resume := u.listen(&s.path.options)
			u.mu.Unlock()
			if resume {
				s.resume()
			}
			return r.piece.data, nil
		case u.end != nil:
			return nil, u.ends(s)
		}
		u.await(s, aPiece)
	}
}

var errPassed = errors.New("socket: the next message was asked for")
