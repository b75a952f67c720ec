package bench

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// The widths of the line that shows progress, in columns.
const (
	lineWidth = 79
	barWidth  = 10
)

// Line returns a function that shows progress in one line of a terminal, each time over the last.
func Line(w io.Writer) func(Progress) {
	return func(p Progress) {
		full := int(max(0, min(1, p.Done)) * barWidth)
		line := fmt.Sprintf("%-14s [%s%s] %3.0f %%  %s", p.Stage, strings.Repeat("=", full), strings.Repeat(" ", barWidth-full), 100*p.Done, p.Now)
		if utf8.RuneCountInString(line) > lineWidth {
			line = string([]rune(line)[:lineWidth])
		}
		fmt.Fprintf(w, "\r\x1b[K%s", line)
	}
}

// ClearLine takes the line away.
func ClearLine(w io.Writer) { fmt.Fprint(w, "\r\x1b[K") }
