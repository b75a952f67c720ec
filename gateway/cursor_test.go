package gateway

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"tidings/gateway/journal"
)

func TestCursors(t *testing.T) {
	largest := strconv.Itoa(journal.MaxSeq)
	for _, c := range []struct {
		text string
		want Cursor
	}{
		{"abcdefgh-0", Cursor{"abcdefgh", 0}},
		{"k3f9a2m1-42", Cursor{"k3f9a2m1", 42}},
		{"abcdefghijklmnop-" + largest, Cursor{"abcdefghijklmnop", journal.MaxSeq}},
		{"k3f9a2m1-42.7", Cursor{"k3f9a2m1", 42}},
		{"k3f9a2m1-42.7.0.123", Cursor{"k3f9a2m1", 42}},
		{"k3f9a2m1-042", Cursor{"k3f9a2m1", 42}},
	} {
		if got, err := ParseCursor(c.text); err != nil || got != c.want {
			t.Errorf("%q: %v, %v", c.text, got, err)
		}
	}
	for _, text := range []string{
		"", "-", "-1", "k3f9a2m1", "k3f9a2m1-", "k3f9a2m1--1", "k3f9a2m1-+1", "k3f9a2m1-1_000", "k3f9a2m1-0x1", "k3f9a2m1- 1", "k3f9a2m1-1 ",
		"short-1", "abcdefghijklmnopq-1", "K3F9A2M1-1", "k3f9_2m1-1", "k3f9a2mé-1", "k3f9a2m1-1.", "k3f9a2m1-.1", "k3f9a2m1-1..1", "k3f9a2m1-1.x",
		"k3f9a2m1-" + strconv.Itoa(journal.MaxSeq+1), "k3f9a2m1-18446744073709551616", "k3f9a2m1-1." + strconv.Itoa(journal.MaxSeq+1),
	} {
		if c, err := ParseCursor(text); !errors.Is(err, ErrCursor) {
			t.Errorf("%q: %v, %v", text, c, err)
		}
	}
}

func FuzzCursor(f *testing.F) {
	for _, seed := range []string{"k3f9a2m1-42", "k3f9a2m1-42.7", "k3f9a2m1-", "-1", "k3f9a2m1-9007199254740992", "k3f9a2m1-00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCursor(text)
		if err != nil {
			if !errors.Is(err, ErrCursor) || c != (Cursor{}) {
				t.Fatalf("%q: %v, %v", text, c, err)
			}
			return
		}
		if c.Seq > journal.MaxSeq || !strings.HasPrefix(text, c.Epoch+"-") {
			t.Fatalf("%q: %+v", text, c)
		}
		if again, err := ParseCursor(c.String()); err != nil || again != c {
			t.Fatalf("%q: %v is read as %v, %v", text, c, again, err)
		}
	})
}
