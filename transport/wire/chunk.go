package wire

import (
	"slices"

	"tidings/gateway"
)

// LastChunk ends a chunked body (RFC 9112 section 7.1). A body that ends without it was cut.
const LastChunk = "0\r\n\r\n"

// chunked returns f with every unit as a chunk: the chunk's head is a part of the shared bytes, so that a stream over
// HTTP/1.1 writes nothing of its own around them. It is called once for each format, for formats are told apart by address.
func chunked(f *gateway.Format) *gateway.Format {
	write := func(dst []byte, m *gateway.Message) []byte { return CloseChunk(f.Append(dst, m), len(dst)) }
	return &gateway.Format{Name: f.Name + ".chunked", Append: func(dst []byte, m *gateway.Message) []byte {
		return settle(dst, m, write)
	}}
}

// CloseChunk makes dst[start:] one chunk, in place. Where there is nothing it adds nothing: an empty chunk would be the last.
func CloseChunk(dst []byte, start int) []byte {
	size := len(dst) - start
	if size == 0 {
		return dst
	}
	var head [18]byte // 16 hex digits, CR, LF
	i := len(head) - 2
	head[i], head[i+1] = '\r', '\n'
	for n := size; n > 0; n >>= 4 {
		i--
		head[i] = hexDigits[n&15]
	}
	dst = slices.Insert(dst, start, head[i:]...)
	return append(dst, '\r', '\n')
}
