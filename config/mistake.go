package config

import (
	"fmt"
	"strings"
)

// Mistake is one thing that is wrong, and where it stands.
type Mistake struct {
	Where string // tidings.yaml:12, TIDINGS_PING, --ping; empty for what is nowhere in particular
	Text  string
}

// Error writes the mistake as one line.
func (m Mistake) Error() string {
	if m.Where == "" {
		return m.Text
	}
	return m.Where + ": " + m.Text
}

// Mistakes is everything that is wrong with a configuration, in the order in which it was read.
type Mistakes []Mistake

// Error writes one mistake a line.
func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i, mistake := range m {
		lines[i] = mistake.Error()
	}
	return strings.Join(lines, "\n")
}

func (m *Mistakes) add(where, format string, args ...any) {
	*m = append(*m, Mistake{Where: where, Text: fmt.Sprintf(format, args...)})
}

// Meant returns the question "did you mean" for the known word that is nearest to one that is not known, or nothing.
func Meant(word string, known []string) string {
	best, least := "", len(word)/3+2
	for _, k := range known {
		if d := distance(word, k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance counts the letters to insert, remove, replace or swap with their neighbour to make a into b.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return max(len(a), len(b))
	}
	var before, last [65]int
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		var row [65]int
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
