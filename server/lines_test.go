package server

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

// cutLines is what a lineReader is to return: lines, and "long" for each that is too long.
func cutLines(text string, limit int) (out []string) {
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		switch {
		case len(line) > limit:
			out = append(out, "long")
		case line != "" || i < len(lines)-1:
			out = append(out, "line "+line)
		}
	}
	return out
}

func readLines(t *testing.T, l *lineReader) (out []string, end error) {
	t.Helper()
	for {
		line, err := l.next()
		switch {
		case errors.Is(err, errLineTooLong):
			out = append(out, "long")
		case err == nil, len(line) > 0:
			out = append(out, "line "+string(line))
		}
		if err != nil && !errors.Is(err, errLineTooLong) {
			return out, err
		}
	}
}

func sameLines(t *testing.T, text string, limit int) {
	t.Helper()
	var l lineReader
	for name, r := range map[string]io.Reader{
		"at once":           strings.NewReader(text),
		"byte by byte":      iotest.OneByteReader(strings.NewReader(text)),
		"halves":            iotest.HalfReader(strings.NewReader(text)),
		"end with the data": iotest.DataErrReader(strings.NewReader(text)),
	} {
		l.reset(r, limit)
		if len(text) < 1000 {
			l.buf = l.buf[:8] // so that it has to grow
		}
		got, err := readLines(t, &l)
		if want := cutLines(text, limit); !errors.Is(err, io.EOF) || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %.200q with a limit of %d became %.300q and %v, want %.300q", name, text, limit, got, err, want)
		}
	}
}

func TestLines(t *testing.T) {
	for _, text := range []string{
		"", "\n", "a", "a\n", "a\nb", "\n\na\n\n", "12345678\n", "123456789\n1\n", "123456789012345678901234567890\nb\n", "123456789012345678901234567890",
		strings.Repeat("x", 3*lineBuffer) + "\ny\n" + strings.Repeat("z", 2*lineBuffer), strings.Repeat("one\n", lineBuffer),
	} {
		for _, limit := range []int{1, 8, 9, 20, 2*lineBuffer + 1, 10 * lineBuffer} {
			sameLines(t, text, limit)
		}
	}
}

func FuzzLines(f *testing.F) {
	f.Add("a\n\nbc", uint8(3))
	f.Fuzz(func(t *testing.T, text string, limit uint8) { sameLines(t, text, max(1, int(limit))) })
}

// TestLinesOfACutBody: what came before the cut is read, the line that was cut is not.
func TestLinesOfACutBody(t *testing.T) {
	cut := errors.New("cut")
	var l lineReader
	l.reset(io.MultiReader(strings.NewReader("one\ntwo\nthr"), iotest.ErrReader(cut)), 100)
	if got, err := readLines(t, &l); !errors.Is(err, cut) || !reflect.DeepEqual(got, []string{"line one\n", "line two\n"}) {
		t.Errorf("%q, %v", got, err)
	}
}

// TestLinesHoldNoLongLine: a line over the limit costs no memory, and a buffer that has grown is not kept.
func TestLinesHoldNoLongLine(t *testing.T) {
	var l lineReader
	l.reset(io.LimitReader(endless{}, 64<<20), 2*lineBuffer)
	if got, _ := readLines(t, &l); !reflect.DeepEqual(got, []string{"long"}) || len(l.buf) > 8*lineBuffer {
		t.Errorf("%q in a buffer of %d bytes", got, len(l.buf))
	}
	l.reset(nil, 0)
	if len(l.buf) > lineBuffer {
		t.Errorf("a buffer of %d bytes is kept", len(l.buf))
	}
}

// endless is a line without end.
type endless struct{}

func (endless) Read(b []byte) (int, error) { return copy(b, bytes.Repeat([]byte("x"), len(b))), nil }
