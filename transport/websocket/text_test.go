package websocket

import (
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// possible reports whether some valid text begins with b.
func possible(b string) bool {
	for b != "" {
		r, n := utf8.DecodeRuneInString(b)
		if r == utf8.RuneError && n == 1 {
			return !utf8.FullRuneInString(b)
		}
		b = b[n:]
	}
	return true
}

// TestTextCheck: however a text is cut, it fails with the piece in which the first byte stands that cannot be, and never else.
func TestTextCheck(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOf(rapid.SampledFrom([]string{
			"", "a", "plain text that is longer than a character", "é", "\u20ac", "\U0001f600", "\ufffd", "\U0010ffff", "\ud7ff", "\ue000",
			"\xc3", "\xa9", "\xe2", "\x82", "\xac", "\xf0", "\x9f", "\x98", "\x80", "\xe2\x82", "\xf0\x9f\x98", "\xed", "\xa0", "\xf4", "\x90", "\xe0", "\xc0", "\xf5", "\xff",
		})).Draw(t, "pieces")
		var c textCheck
		text := ""
		for i, p := range pieces {
			text += p
			last := i == len(pieces)-1
			want := possible(text) && (!last || utf8.ValidString(text))
			if got := c.take([]byte(p), last); got != want {
				t.Fatalf("%q to %q: %v", pieces[:i+1], text, got)
			}
			if !want {
				return
			}
		}
	})
}
