package program

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidings/gateway/socket"
)

// TestEachLine holds that lines are the same however they are cut: by reads, by what fits, and by what was there before.
func TestEachLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("až€😀\r\n\n\ufffd")), -1, 400, -1).Draw(t, "text")
		most := rapid.IntRange(4, 64).Draw(t, "most")
		reads := rapid.SliceOf(rapid.IntRange(1, 30)).Draw(t, "reads")
		var got []string
		line := ""
		err := eachLine(&choppy{strings.NewReader(text), reads}, most, func(part []byte, more bool) error {
			if len(part) > most || !utf8.Valid(part) {
				t.Fatalf("a part is %q", part)
			}
			if line += string(part); !more {
				got = append(got, line)
				line = ""
			}
			return nil
		})
		if err != nil || line != "" {
			t.Fatalf("%v, and %q has no end", err, line)
		}
		var want []string
		for line := range strings.Lines(text) {
			if ended, ok := strings.CutSuffix(line, "\n"); ok {
				line = strings.TrimSuffix(ended, "\r")
			}
			want = append(want, line)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("want (-) and got (+):\n%s", diff)
		}
	})
}

// choppy is read in pieces of given sizes.
type choppy struct {
	from  io.Reader
	sizes []int
}

func (c *choppy) Read(b []byte) (int, error) {
	if len(c.sizes) > 0 {
		b = b[:min(len(b), c.sizes[0])]
		c.sizes = c.sizes[1:]
	}
	return c.from.Read(b)
}

// FuzzEachLine holds that no bytes are lost, whatever they are.
func FuzzEachLine(f *testing.F) {
	f.Add([]byte("a\r\n\xff\xf0\x9f\nž"), 7)
	f.Add([]byte("\xf0\x9f\x98\x80\xf0\x9f\x98\x80"), 6)
	f.Fuzz(func(t *testing.T, text []byte, most int) {
		if most < 4 || most > 1000 {
			return
		}
		var got []byte
		_ = eachLine(iotest.HalfReader(bytes.NewReader(text)), most, func(part []byte, more bool) error {
			if got = append(got, part...); !more {
				got = append(got, '\n')
			}
			return nil
		})
		want := bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
		if len(want) > 0 && want[len(want)-1] != '\n' {
			want = append(want, '\n')
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

func TestEachLineStops(t *testing.T) {
	wrong := errors.New("wrong")
	for _, text := range []string{"a\nb\n", "a", strings.Repeat("x", 100)} {
		calls := 0
		if err := eachLine(strings.NewReader(text), 10, func([]byte, bool) error { calls++; return wrong }); !errors.Is(err, wrong) || calls != 1 {
			t.Errorf("%q: %v after %d calls", text, err, calls)
		}
	}
}

// TestBackPressure holds that neither side's bytes are taken while the other takes none, and that a few pieces are all there is in between.
func TestBackPressure(t *testing.T) {
	for _, binary := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			from, program := io.Pipe()
			c := newTalk(t)
			c.room = make(chan struct{})
			go func() { _ = output(from, c, binary) }()
			wrote := 0
			go func() {
				for {
					n, err := program.Write([]byte("0123456\n"))
					if err != nil {
						return
					}
					wrote += n
				}
			}()
			synctest.Wait()
			if wrote > pieceBytes {
				t.Errorf("%d bytes were taken from a program whose client takes none", wrote)
			}
			c.end()
			from.Close()
		})
		synctest.Test(t, func(t *testing.T) {
			program, to := io.Pipe()
			c := newTalk(t)
			c.says = make(chan socket.Message)
			go input(c, to, binary)
			taken := 0
			go func() {
				for {
					select {
					case c.says <- socket.Message{Kind: socket.Text, Data: make([]byte, 1<<20)}:
						taken++
					case <-c.ctx.Done():
						return
					}
				}
			}()
			synctest.Wait()
			if taken != 1 {
				t.Errorf("%d messages were taken for a program that reads none", taken)
			}
			c.end()
			program.Close()
		})
	}
}
