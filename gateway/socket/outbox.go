package socket

import (
	"bytes"
	"sync"
)

// outbox is what a socket has sent and what has not left: for a plain WebSocket what the system has not taken, else what the client
// has not acknowledged. Its socket's lock guards it.
type outbox struct {
	frames   []Frame // those with the numbers base+1 to last
	head     int     // of frames: before it there is nothing any more
	base     uint64
	last     uint64
	buffered int // bytes of payload
	cost     int // of what has not left, as it counts against Options.BufferBytes
	leaving  []leaving
	told     []told // to be called once the lock is free

	writing bool      // a message is being written in pieces
	behind  []casting // what is to be sent behind that message
	waiting int       // what it costs
	room    sync.Cond // somebody waits for cost to fall, or for the end of that message
	waiters int       // how many do

	messages, bytes uint64 // that were sent, for statistics
}

// leaving is a callback for the message that ends with a frame.
type leaving struct {
	seq  uint64
	left func(error)
}

type told struct {
	left func(error)
	err  error
}

// casting is a message for many.
type casting struct {
	kind   Kind
	data   []byte
	shared *Shared
}

// after returns the frames behind one that has not been let go.
func (o *outbox) after(seq uint64) []Frame { return o.frames[o.head+int(seq-o.base):] }

// empty reports whether everything has left.
func (o *outbox) empty() bool { return o.base == o.last }

// push numbers a frame and puts it behind the others.
func (o *outbox) push(f Frame) {
	if o.head > 0 && len(o.frames) == cap(o.frames) {
		n := copy(o.frames, o.frames[o.head:])
		clear(o.frames[n:])
		o.frames, o.head = o.frames[:n], 0
	}
	o.last++
	f.Seq = o.last
	o.frames = append(o.frames, f)
	o.buffered += len(f.Data)
	o.cost += f.cost()
}

const (
	// frameCost is what a frame costs beside its bytes.
	frameCost = 128
	// castingCost is the same of a message that is to be sent later.
	castingCost = 64
)

func (f *Frame) cost() int { return len(f.Data) + frameCost }

// later keeps a message for many until the one that is being written has ended.
func (o *outbox) later(c *casting) {
	o.behind = append(o.behind, *c)
	o.waiting += len(c.data) + castingCost
}

// forgo lets go of what was to be sent later.
func (o *outbox) forgo() { o.behind, o.waiting = nil, 0 }

// own has the last frame keep its bytes, which were only lent.
func (o *outbox) own() {
	f := &o.frames[len(o.frames)-1]
	f.Data = bytes.Clone(f.Data)
}

// keptFrames bounds the room for frames that an idle socket keeps.
const keptFrames = 16

// let lets go of the frames up to one.
func (o *outbox) let(seq uint64) {
	if seq <= o.base {
		return
	}
	n := int(seq - o.base)
	for i := range o.frames[o.head : o.head+n] {
		f := &o.frames[o.head+i]
		o.buffered -= len(f.Data)
		o.cost -= f.cost()
		*f = Frame{}
	}
	o.base, o.head = seq, o.head+n
	if o.empty() {
		o.head = 0
		if o.frames = o.frames[:0]; cap(o.frames) > keptFrames {
			o.frames = nil
		}
	}
	n = 0
	for n < len(o.leaving) && o.leaving[n].seq <= seq {
		o.told = append(o.told, told{left: o.leaving[n].left})
		n++
	}
	if o.leaving = o.leaving[n:]; len(o.leaving) == 0 {
		o.leaving = nil
	}
}

// drop lets go of everything that has not left.
func (o *outbox) drop(err error) {
	for _, l := range o.leaving {
		o.told = append(o.told, told{l.left, err})
	}
	o.frames, o.head, o.base, o.buffered, o.cost, o.leaving = nil, 0, o.last, 0, 0, nil
	o.forgo()
}
