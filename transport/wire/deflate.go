package wire

import (
	"encoding/binary"
	"math"
	"sync"

	"github.com/klauspost/compress/flate"
)

// FlushMark ends a run of deflate blocks: an empty stored block (RFC 1951 section 3.2.4) from a byte boundary on, which is what
// zlib calls a sync flush. Go's readers hand on what they have at no other place.
const FlushMark = "\x00\x00\x00\xff\xff"

// deflater lends a writer. It keeps 800 KB, which the pool lets go when nothing was deflated for a while.
type deflater struct {
	writer *flate.Writer
	out    []byte
}

// Write implements [io.Writer].
func (d *deflater) Write(b []byte) (int, error) {
	d.out = append(d.out, b...)
	return len(b), nil
}

func newDeflater(level int) func() any {
	return func() any {
		d := new(deflater)
		d.writer, _ = flate.NewWriter(d, level) // the levels exist
		return d
	}
}

var (
	// The fastest level: at a kilobyte, slower ones save 5 % more in twice the time.
	fast = sync.Pool{New: newDeflater(flate.BestSpeed)}
	// Base64 repeats nothing, but has shorter codes.
	codes = sync.Pool{New: newDeflater(flate.HuffmanOnly)}
)

// windowed are like fast, for windows of 1 << (8 + i) bytes.
var windowed = func() *[7]sync.Pool {
	var pools [7]sync.Pool
	for i := range pools {
		pools[i].New = func() any {
			d := new(deflater)
			d.writer, _ = flate.NewWriterWindow(d, 1<<(8+i)) // the sizes exist
			return d
		}
	}
	return &pools
}()

// AppendDeflated appends plain as a run of deflate blocks (RFC 1951) without a last one. It begins and ends on a byte
// boundary, its last four bytes are 00 00 ff ff, and no block refers to anything before plain: the same bytes go into
// everybody's stream, and nobody needs a window of his own.
func AppendDeflated(dst, plain []byte) []byte {
	return appendDeflated(dst, plain, (*flate.Writer).Flush)
}

// AppendDeflatedWithin is AppendDeflated for readers that look back at no more than 1 << bits bytes: 8 to 15 bits.
func AppendDeflatedWithin(dst, plain []byte, bits int) []byte {
	if bits == 15 {
		return AppendDeflated(dst, plain)
	}
	return appendDeflatedBy(&windowed[bits-8], dst, plain, (*flate.Writer).Flush)
}

// appendDeflated appends plain as blocks that end ends.
func appendDeflated(dst, plain []byte, end func(*flate.Writer) error) []byte {
	return appendDeflatedBy(&fast, dst, plain, end)
}

func appendDeflatedBy(pool *sync.Pool, dst, plain []byte, end func(*flate.Writer) error) []byte {
	start := len(dst)
	dst = deflateBy(pool, dst, plain, end)
	if dst[start]&blockKind != 0 || len(plain) == 0 {
		return dst
	}
	// A stored block: that level has found nothing that comes twice, and gives up.
	size := len(dst)
	dst = deflateBy(&codes, dst, plain, end)
	if again := dst[size:]; len(again) < size-start {
		return append(dst[:start], again...)
	}
	return dst[:size]
}

// blockKind are the bits of a run's first byte that are zero in a stored block (RFC 1951 section 3.2.3).
const blockKind = 6

func deflateBy(pool *sync.Pool, dst, plain []byte, end func(*flate.Writer) error) []byte {
	d := pool.Get().(*deflater)
	d.out = dst
	d.writer.Reset(d)
	_, _ = d.writer.Write(plain) // writing to memory cannot fail
	_ = end(d.writer)
	dst, d.out = d.out, nil
	pool.Put(d)
	return dst
}

// storedHead is the size of a stored block's head.
const storedHead = 5

// AppendStored appends plain as a run of deflate blocks that hold it as it is. It is what AppendDeflated is for bytes that are
// few, or made for one reader only.
func AppendStored(dst, plain []byte) []byte {
	return append(appendStored(dst, plain), FlushMark...)
}

// appendStored appends plain as stored blocks.
func appendStored(dst, plain []byte) []byte {
	for len(plain) > 0 {
		n := min(len(plain), math.MaxUint16)
		dst = append(dst, 0)
		dst = binary.LittleEndian.AppendUint16(dst, uint16(n))
		dst = binary.LittleEndian.AppendUint16(dst, ^uint16(n))
		dst = append(dst, plain[:n]...)
		plain = plain[n:]
	}
	return dst
}

// storedSize returns how many bytes AppendStored makes of n.
func storedSize(n int) int {
	blocks := (n + math.MaxUint16 - 1) / math.MaxUint16
	return n + blocks*storedHead + len(FlushMark)
}

// nextStored returns what the stored block at the beginning of run holds, and what follows it. It returns false where run
// does not begin with one.
func nextStored(run []byte) (plain, rest []byte, ok bool) {
	// The first three bits are zero; the others fill up the byte and are ours: zero.
	if len(run) < storedHead || run[0] != 0 {
		return nil, nil, false
	}
	end := storedHead + int(binary.LittleEndian.Uint16(run[1:]))
	if len(run) < end {
		return nil, nil, false
	}
	return run[storedHead:end], run[end:], true
}
