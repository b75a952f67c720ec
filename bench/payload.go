package bench

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
)

// mark begins a stamp. No wrapping escapes it: not JSON, not SSE, not multipart.
var mark = []byte("@@")

const stampRaw = 4 + 2 + 4 + 8

// StampBytes is the length of what a message begins with, and so the least size of one.
const StampBytes = 2 + 2*stampRaw

// The phases of a run. Each counts its messages from 0.
const (
	warming = iota // shows that everyone is there; not measured
	measured
	filling  // what followers that do not read are sent until nothing more goes in; not measured
	stalling // beside them
	phases
)

// stamp says which message this is.
type stamp struct {
	run    uint32 // one process's measurement
	phase  uint16
	number uint32 // the publisher's count within the phase
	due    int64  // nanoseconds since 1970
}

// put writes the stamp over the begin of b.
func (s stamp) put(b []byte) {
	var raw [stampRaw]byte
	binary.BigEndian.PutUint32(raw[0:], s.run)
	binary.BigEndian.PutUint16(raw[4:], s.phase)
	binary.BigEndian.PutUint32(raw[6:], s.number)
	binary.BigEndian.PutUint64(raw[10:], uint64(s.due))
	copy(b, mark)
	hex.Encode(b[len(mark):StampBytes], raw[:])
}

// payload is a message of size bytes with room for a stamp. The rest holds no mark.
func payload(size int) []byte { return bytes.Repeat([]byte("."), max(size, StampBytes)) }

func parseStamp(b []byte) (s stamp, ok bool) {
	var raw [stampRaw]byte
	if n, err := hex.Decode(raw[:], b[len(mark):StampBytes]); err != nil || n != stampRaw {
		return stamp{}, false
	}
	return stamp{
		run: binary.BigEndian.Uint32(raw[0:]), phase: binary.BigEndian.Uint16(raw[4:]),
		number: binary.BigEndian.Uint32(raw[6:]), due: int64(binary.BigEndian.Uint64(raw[10:])),
	}, true
}

// finder finds stamps in bytes that come in pieces. It keeps no more than a stamp that has not arrived whole.
type finder struct {
	kept int
	part [StampBytes - 1]byte
}

// feed calls found for every stamp that is whole now, in order.
func (f *finder) feed(b []byte, found func(stamp)) {
	if f.kept > 0 {
		// What was kept and the begin of b, long enough that a stamp that begins in the one ends in the other.
		var seam [2 * StampBytes]byte
		old := copy(seam[:], f.part[:f.kept])
		n := old + copy(seam[old:], b)
		rest := search(seam[:n], found)
		if n-old == len(b) {
			f.keep(seam[rest:n])
			return
		}
		b = b[rest-old:]
	}
	f.keep(b[search(b, found):])
}

func (f *finder) keep(rest []byte) { f.kept = copy(f.part[:], rest) }

// search calls found for every stamp in b, and returns where what may be the begin of another one begins.
func search(b []byte, found func(stamp)) (rest int) {
	for at := 0; ; {
		i := bytes.Index(b[at:], mark)
		if i < 0 {
			if len(b) > at && b[len(b)-1] == mark[0] {
				return len(b) - 1
			}
			return len(b)
		}
		at += i
		if len(b)-at < StampBytes {
			return at
		}
		if s, ok := parseStamp(b[at : at+StampBytes]); ok {
			found(s)
			at += StampBytes
		} else {
			at++
		}
	}
}

// needle reports whether a word has come by, in bytes that come in pieces.
type needle struct {
	word string
	tail []byte
	seen bool
}

func (n *needle) feed(b []byte) {
	if n.seen {
		return
	}
	room := len(n.word) - 1
	seam := append(n.tail, b[:min(room, len(b))]...)
	n.seen = bytes.Contains(seam, []byte(n.word)) || bytes.Contains(b, []byte(n.word))
	if len(b) >= room {
		seam = append(seam[:0], b[len(b)-room:]...)
	}
	n.tail = append(n.tail[:0], seam[max(0, len(seam)-room):]...)
}

// reset forgets what came by.
func (n *needle) reset() { n.tail, n.seen = n.tail[:0], false }
