package websocket

import (
	"sync"

	"github.com/gobwas/ws"

	"tidings/gateway/socket"
)

const (
	// smallBytes is up to where a payload is copied behind its head: that takes less than to hand over both.
	smallBytes = 4 << 10
	// batchFrames is how many frames are written in one go.
	batchFrames = 32
)

// batch is a piece of memory in which small frames are put together.
type batch struct {
	bytes []byte
	ends  [batchFrames]int // where in bytes frames end
	n     int
	part  [1][]byte // bytes, as it is handed over
}

var batches = sync.Pool{New: func() any { return new(batch) }}

// add appends a frame.
func (b *batch) add(f *socket.Frame) {
	payload := f.Data
	if f.Kind == socket.Close && f.Code != uint16(ws.StatusNoStatusRcvd) {
		payload = closeBody(f.Code, f.Reason)
	}
	b.bytes = appendFrame(b.bytes, opOf(f.Kind), payload)
	b.ends[b.n] = len(b.bytes)
	b.n++
}

// back gives the memory back.
func (b *batch) back() {
	b.bytes, b.n, b.part[0] = b.bytes[:0], 0, nil
	batches.Put(b)
}
