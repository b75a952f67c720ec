package wire

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"strconv"
	"sync"

	"github.com/klauspost/compress/flate"

	"tidings/gateway"
)

// GzipHead opens a gzip stream (RFC 1952 section 2.3): no name, no time, no system.
const GzipHead = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

// DefaultDeflateFrom is the size in bytes from which a message is deflated. Smaller ones save less than they cost.
const DefaultDeflateFrom = 512

// Gzipped returns f for gzip streams: each unit is a run of deflate blocks, made once and put into the stream of everybody who
// follows. Units of less than from bytes are only stored. It is called once for each format, for formats are told apart by
// address.
//
// The bytes of a message have the unit's checksum behind their end, within their capacity, for [GzipSum.Add].
func Gzipped(f *gateway.Format, from int) *gateway.Format { return gzipped(f, from, false) }

// GzippedChunked is Gzipped with every unit as a chunk.
func GzippedChunked(f *gateway.Format, from int) *gateway.Format { return gzipped(f, from, true) }

func gzipped(f *gateway.Format, from int, chunks bool) *gateway.Format {
	name := f.Name + ".gzip"
	if chunks {
		name += ".chunked"
	}
	return &gateway.Format{Name: name, Append: func(dst []byte, m *gateway.Message) []byte {
		lent := gzipScratch.Get().(*gzipPair)
		defer lent.back()
		lent.plain = f.Append(lent.plain[:0], m)
		plain := lent.plain
		if len(plain) == 0 {
			return dst
		}
		if len(plain) < from {
			lent.run = AppendStored(lent.run[:0], plain)
		} else {
			lent.run = AppendDeflated(lent.run[:0], plain)
		}
		if chunks {
			lent.run = CloseChunk(lent.run, 0)
		}
		return appendSummed(dst, lent.run, plain)
	}}
}

// gzipPair lends memory for a unit as it is and as it is sent.
type gzipPair struct{ plain, run []byte }

var gzipScratch = sync.Pool{New: func() any { return new(gzipPair) }}

func (p *gzipPair) back() {
	if cap(p.plain)+cap(p.run) <= scratchMax {
		gzipScratch.Put(p)
	}
}

// sumSize is the size of what stands behind a unit: checksum and length of what it holds, and crcShift of that length.
const sumSize = 12

// appendSummed appends unit, and puts the checksum of plain behind it.
func appendSummed(dst, unit, plain []byte) []byte {
	dst = append(slices.Grow(dst, len(unit)+sumSize), unit...)
	sum := binary.LittleEndian.AppendUint32(dst, crc32.ChecksumIEEE(plain))
	sum = binary.LittleEndian.AppendUint32(sum, uint32(len(plain)))
	binary.LittleEndian.AppendUint32(sum, crcShift(len(plain)))
	return dst
}

// GzipSum is what a gzip stream keeps to end rightly: checksum and length of all that it holds (RFC 1952 section 2.3.1), 8
// bytes. The zero value is that of a stream in which there is nothing yet.
type GzipSum struct{ crc, size uint32 }

// AddPlain counts bytes that were put into the stream by AppendStored or AppendDeflated.
func (s *GzipSum) AddPlain(plain []byte) {
	s.crc = crc32.Update(s.crc, crc32.IEEETable, plain)
	s.size += uint32(len(plain))
}

// Add counts a unit that was put into the stream: the bytes of a message in a format of [Gzipped], as they came, or what
// AppendStored made; as chunks where chunked says so. Stored bytes are read, deflated ones are not.
func (s *GzipSum) Add(unit []byte, chunked bool) {
	if stored := *s; stored.addStored(unit, chunked) {
		*s = stored
		return
	}
	behind := unit[len(unit) : len(unit)+sumSize]
	crc, size, shift := binary.LittleEndian.Uint32(behind), binary.LittleEndian.Uint32(behind[4:]), binary.LittleEndian.Uint32(behind[8:])
	s.crc = crcTimes(shift, s.crc) ^ crc
	s.size += size
}

// addStored counts what holds nothing but stored blocks, and returns false for anything else.
func (s *GzipSum) addStored(unit []byte, chunked bool) bool {
	for len(unit) > 0 {
		run := unit
		unit = nil
		if chunked {
			head, rest, _ := bytes.Cut(run, []byte("\r\n"))
			n, err := strconv.ParseUint(string(head), 16, 32)
			if err != nil || uint64(len(rest)) < n+2 {
				return false
			}
			run, unit = rest[:n], rest[n+2:]
		}
		for len(run) > 0 {
			plain, rest, ok := nextStored(run)
			if !ok {
				return false
			}
			s.AddPlain(plain)
			run = rest
		}
	}
	return true
}

// Wrote counts the units among parts of which a write has taken the first n bytes. Of a unit that was taken in part, the
// rest comes in front of everything else, so it counts whole; within says that parts began with such a rest, and Wrote returns
// whether the next parts will.
func (s *GzipSum) Wrote(parts [][]byte, n int, within, chunked bool) bool {
	for _, part := range parts {
		if n == 0 {
			return within
		}
		if !within {
			s.Add(part, chunked)
		}
		within = n < len(part)
		n -= min(n, len(part))
	}
	return within
}

// AppendEnd appends what ends the stream: an empty last block and the trailer.
func (s GzipSum) AppendEnd(dst []byte) []byte {
	return s.appendTrailer(append(dst, 3, 0))
}

func (s GzipSum) appendTrailer(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, s.crc)
	return binary.LittleEndian.AppendUint32(dst, s.size)
}

// AppendGzip appends a whole body as a gzip stream.
func AppendGzip(dst []byte, parts [][]byte) []byte {
	lent := gzipScratch.Get().(*gzipPair)
	defer lent.back()
	lent.plain = lent.plain[:0]
	for _, part := range parts {
		lent.plain = append(lent.plain, part...)
	}
	var sum GzipSum
	sum.AddPlain(lent.plain)
	dst = appendDeflated(append(dst, GzipHead...), lent.plain, (*flate.Writer).Close)
	return sum.appendTrailer(dst)
}
