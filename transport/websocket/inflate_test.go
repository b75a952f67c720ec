package websocket

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"pgregory.net/rapid"
)

// inflating reads a message to its end whose deflated payload comes in pieces.
func inflating(kind ws.OpCode, limit int, pieces ...string) (string, error) {
	i := newInflater(kind, limit, []byte(pieces[0]), func() ([]byte, error) {
		if pieces = pieces[1:]; len(pieces) == 0 {
			return nil, io.EOF
		}
		return []byte(pieces[0]), nil
	})
	defer i.putBack()
	got, err := io.ReadAll(i)
	return string(got), err
}

// TestPackedPieces: however a message is cut before it is deflated, and cut again on its way, it is the same.
func TestPackedPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bits := rapid.IntRange(leastBits, 15).Draw(t, "bits")
		written := rapid.SliceOfN(rapid.OneOf(rapid.String(), rapid.Map(rapid.IntRange(0, 100_000), func(n int) string {
			return strings.Repeat("rain and wind ", n/14)
		})), 1, 4).Draw(t, "written")
		want := strings.Join(written, "")
		var packed []byte
		for i, piece := range written {
			packed = appendPacked(packed, []byte(piece), bits, i == len(written)-1)
		}
		pieces := []string{""}
		for rest := string(packed); rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		if got, err := inflating(opText, len(want), pieces...); err != nil || got != want {
			t.Fatalf("%d bytes came as %d, %v", len(want), len(got), err)
		}
		if want != "" {
			if _, err := inflating(opText, len(want)-1, pieces...); codeOf(err) != 1009 {
				t.Fatalf("a byte too many: %v", err)
			}
		}
	})
}

// TestPackedWindow: what comes again further back than the window is not referred to. Noise has nothing else to save.
func TestPackedWindow(t *testing.T) {
	for bits := leastBits; bits <= 15; bits++ {
		window := 1 << bits
		size := func(period int) int {
			return len(appendPacked(nil, slices.Repeat(noise(period), 12), bits, true))
		}
		if got := size(window + 1); got < 12*(window+1)*9/10 {
			t.Errorf("%d bits: %d bytes that come again after %d are %d", bits, 12*(window+1), window+1, got)
		}
		if got := size(window / 2); got > 12*window/2/3 {
			t.Errorf("%d bits: %d bytes that come again after %d are %d", bits, 12*window/2, window/2, got)
		}
	}
}

// TestInflaterEnds sees what ends a message that is read as it comes.
func TestInflaterEnds(t *testing.T) {
	const hello, last = "\xf2\x48\xcd\xc9\xc9\x07\x00", "\xf3\x48\xcd\xc9\xc9\x07\x00"
	for _, c := range []struct {
		name   string
		kind   ws.OpCode
		pieces []string
		want   string
		code   uint16
	}{
		{"text", opText, []string{hello}, "Hello", 0},
		{"singles", opText, strings.Split(hello, ""), "Hello", 0},
		{"back before a last block", opText, []string{last, "\x02\x13\x00", "\x00"}, "HelloHello", 0},
		{"half a block", opText, []string{hello[:3]}, "", 1007},
		{"no bytes", opText, []string{"", ""}, "", 1007},
		{"no UTF-8", opText, []string{packed("abc\xff")}, "", 1007},
		{"half a character", opText, []string{packed("abc\xe2\x82")}, "", 1007},
		{"a character in two", opText, []string{string(appendPacked(nil, []byte("\xe2\x82"), 15, false)), packed("\xac")}, "\u20ac", 0},
		{"bytes", opBinary, []string{packed("abc\xff")}, "abc\xff", 0},
	} {
		for _, pieces := range [][]string{c.pieces, strings.Split(strings.Join(c.pieces, ""), "")} {
			if len(pieces) == 0 {
				pieces = []string{""}
			}
			got, err := inflating(c.kind, -1, pieces...)
			if codeOf(err) != c.code || (c.code == 0 && got != c.want) {
				t.Errorf("%s, in %d pieces: %q, %v, want %q, %d", c.name, len(pieces), got, err, c.want, c.code)
			}
		}
	}
	gone := errors.New("gone")
	i := newInflater(opText, -1, []byte(hello[:3]), func() ([]byte, error) { return nil, gone })
	defer i.putBack()
	if _, err := io.ReadAll(i); !errors.Is(err, gone) {
		t.Errorf("the error of the pieces is %v", err)
	}
}

// TestInflaterFarBack: a stream that begins anew may refer to a window of what has come, however it was read.
func TestInflaterFarBack(t *testing.T) {
	text := noise(70_000)
	again := text[len(text)-30_000:][:5000]
	var payload bytes.Buffer
	w, _ := flate.NewWriter(&payload, flate.BestCompression)
	_, _ = w.Write(text)
	_ = w.Close() // with a last block
	first := payload.Len()
	w, _ = flate.NewWriterDict(&payload, flate.BestCompression, text)
	_, _ = w.Write(again)
	_ = w.Flush()
	if second := payload.Len() - first; second > 1000 {
		t.Fatalf("the second stream has %d bytes", second)
	}
	want := string(text) + string(again)
	for _, size := range []int{1, 1000, 40_000, 100_000} {
		i := newInflater(opBinary, -1, bytes.TrimSuffix(payload.Bytes(), []byte(flushed)), nil)
		got, err := io.ReadAll(&shortReads{i, size})
		if err != nil || string(got) != want {
			t.Errorf("in reads of %d: %d bytes, %v", size, len(got), err)
		}
		i.putBack()
	}
}

// shortReads reads so many bytes at a time at most.
type shortReads struct {
	io.Reader
	size int
}

func (s *shortReads) Read(b []byte) (int, error) { return s.Reader.Read(b[:min(len(b), s.size)]) }
