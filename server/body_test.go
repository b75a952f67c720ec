package server

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// deadlines is a ResponseWriter that notes the deadlines it is given.
type deadlines struct {
	inProcess
	set []time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.set = append(d.set, at)
	return nil
}

func bodyCall(t *testing.T, w http.ResponseWriter, body io.Reader, length int64) *call {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/topics/a", body)
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = length
	return &call{w: &recorder{ResponseWriter: w}, r: r}
}

// TestPace: a body's bytes may take as long as the grace, and a second per KiB; its first ones have the deadline that guards every body.
func TestPace(t *testing.T) {
	s := &Server{options: Options{BodyTimeout: time.Minute}}
	w := &deadlines{inProcess: inProcess{header: http.Header{}}}
	c := bodyCall(t, w, iotest.OneByteReader(strings.NewReader(strings.Repeat("x", 2*slowest))), 2*slowest)
	s.guardBody(c.w, c.r)
	if len(w.set) != 1 || time.Until(w.set[0]) > time.Minute || time.Until(w.set[0]) < 30*time.Second {
		t.Fatalf("guarded by %v", w.set)
	}
	if b, err := s.readBody(c, 1<<20); err != nil || len(b) != 2*slowest {
		t.Fatal(len(b), err)
	}
	// One Read per byte, and one that comes to the end; only the first needs nothing.
	if len(w.set) != 1+2*slowest {
		t.Fatalf("%d deadlines", len(w.set))
	}
	for i, at := range w.set {
		if want := w.set[0].Add(time.Duration(i) * time.Second / slowest); !at.Equal(want) {
			t.Fatalf("after %d bytes the deadline is %v, want %v", i, at.Sub(w.set[0]), want.Sub(w.set[0]))
		}
	}
}

// TestPaceOfAStream: who sends lines may pause as often as it wants, each time up to the grace.
func TestPaceOfAStream(t *testing.T) {
	s := &Server{options: Options{BodyTimeout: time.Minute}}
	w := &deadlines{inProcess: inProcess{header: http.Header{}}}
	c := bodyCall(t, w, strings.NewReader("123"), -1)
	s.guardBody(c.w, c.r)
	p := s.paced(c, 0, true)
	before := time.Now()
	if _, err := io.Copy(io.Discard, iotest.OneByteReader(&p)); err != nil {
		t.Fatal(err)
	}
	if len(w.set) != 4 || w.set[3].Before(before.Add(time.Minute)) {
		t.Errorf("%v", w.set)
	}
}

func TestReadBody(t *testing.T) {
	s := &Server{options: Options{BodyTimeout: time.Minute}}
	large := strings.Repeat("0123456789", 100_000)
	for _, text := range []string{"", "x", large[:announcedBytes], large[:announcedBytes+1], large} {
		for name, r := range map[string]io.Reader{
			"at once": strings.NewReader(text), "halves": iotest.HalfReader(strings.NewReader(text)),
			"end with the data": iotest.DataErrReader(strings.NewReader(text)),
		} {
			for _, length := range []int64{int64(len(text)), -1} {
				if length < 0 {
					r = strings.NewReader(text)
				}
				b, err := s.readBody(bodyCall(t, &inProcess{header: http.Header{}}, r, length), len(large))
				if err != nil || string(b) != text || b == nil {
					t.Errorf("%s, %d bytes, announced %d: %d bytes, %v", name, len(text), length, len(b), err)
				}
				if length > 0 && cap(b) != len(b) {
					t.Errorf("%s, %d bytes: in memory of %d", name, len(b), cap(b))
				}
			}
		}
	}
}

func TestReadBodyRefuses(t *testing.T) {
	s := &Server{options: Options{BodyTimeout: time.Minute}}
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		body   io.Reader
		length int64
		want   *errorKind
	}{
		"announces too much": {strings.NewReader("x"), 101, tooLarge},
		"is too much":        {strings.NewReader(strings.Repeat("x", 101)), -1, tooLarge},
		"is cut":             {strings.NewReader("x"), 2, badRequest},
		"breaks":             {io.MultiReader(strings.NewReader("x"), iotest.ErrReader(broken)), 2, badRequest},
		"breaks at the end":  {io.MultiReader(strings.NewReader("xx"), iotest.ErrReader(broken)), 2, badRequest},
	} {
		b, err := s.readBody(bodyCall(t, &inProcess{header: http.Header{}}, c.body, c.length), 100)
		if err == nil || problemOf(err).kind != c.want {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

// TestAnnouncedLengthCostsNothing: memory comes with the bytes.
func TestAnnouncedLengthCostsNothing(t *testing.T) {
	s := &Server{options: Options{BodyTimeout: time.Minute}}
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			c := bodyCall(t, &inProcess{header: http.Header{}}, bytes.NewReader([]byte("x")), 1<<30)
			if _, err := s.readBody(c, 1<<30); err == nil {
				b.Fatal("half a body was read")
			}
		}
	})
	if n := result.AllocedBytesPerOp(); n > 2*announcedBytes {
		t.Errorf("%d bytes are allocated for one that came", n)
	}
}
