package socket

import (
	"bytes"
	"sync"
)

// piece is a message, or as much of one as came at a time.
type piece struct {
	data   []byte
	block  *block // in which data is, so that more fits in; nil for what came whole
	kind   Kind
	more   bool
	packed bool
}

const (
	// pieceCost is what a piece costs beside its bytes.
	pieceCost = 64
	// pieceBytes is how far pieces of a message are put together.
	pieceBytes = 64 << 10
)

// cost is what the piece takes of memory.
func (p *piece) cost() int { return cap(p.data) + pieceCost }

// newPiece makes a piece of a frame, whose payload it copies. What is a whole message has just the room that it needs: it will be the receiver's.
func newPiece(f *Frame, packed bool) piece {
	p := piece{kind: f.Kind, more: f.More, packed: packed}
	if !f.More || len(f.Data) > pieceBytes {
		p.data = bytes.Clone(f.Data)
		return p
	}
	p.block = newBlock(len(f.Data))
	p.data = append(p.block.room(), f.Data...)
	return p
}

// join puts a frame's payload behind what came before of the same message. It returns false if there is too much for one piece.
func (p *piece) join(f *Frame) bool {
	n := len(p.data) + len(f.Data)
	if n > pieceBytes {
		return false
	}
	if n > cap(p.data) {
		b := newBlock(n)
		data := append(b.room(), p.data...)
		p.free()
		p.block, p.data = b, data
	}
	p.data = append(p.data, f.Data...)
	p.more = f.More
	return true
}

// free gives the piece's memory back: nobody has its data any more.
func (p *piece) free() {
	if p.block != nil {
		p.block.free()
	}
	p.block, p.data = nil, nil
}

// together makes a message of its pieces, whose bytes are the receiver's.
func together(pieces []piece) []byte {
	if len(pieces) == 1 && pieces[0].block == nil {
		return pieces[0].data
	}
	n := 0
	for i := range pieces {
		n += len(pieces[i].data)
	}
	data := make([]byte, 0, n)
	for i := range pieces {
		data = append(data, pieces[i].data...)
		pieces[i].free()
	}
	return data
}

// block is memory for pieces that grow. It is used again: what arrives in pieces is much, and would be garbage as soon as it is read.
type block struct {
	size  int // one of blockSizes, by its index
	bytes []byte
}

// blockSizes are few, and no block has more than four times the room that is needed: a client that sends the beginning of a message, and nothing
// more, is to hold no more than what it has sent is worth.
var (
	blockSizes = [...]int{1 << 10, 4 << 10, 16 << 10, pieceBytes}
	blocks     [len(blockSizes)]sync.Pool
)

// newBlock returns a block with room for n bytes, at most pieceBytes.
func newBlock(n int) *block {
	size := 0
	for blockSizes[size] < n {
		size++
	}
	if b, ok := blocks[size].Get().(*block); ok {
		return b
	}
	return &block{size, make([]byte, blockSizes[size])}
}

func (b *block) room() []byte { return b.bytes[:0] }

func (b *block) free() { blocks[b.size].Put(b) }
