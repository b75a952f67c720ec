package gateway

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// SinceKind says from what a follow counts its beginning.
type SinceKind uint8

// The forms of since.
const (
	SinceNow    SinceKind = iota // only what comes from here on
	SinceCursor                  // what is after a cursor
	SinceAll                     // everything retained
	SinceLast                    // the last N messages of each topic
	SinceTime                    // what was published at or after a time
)

// Since is where a follow begins. The zero value is now.
type Since struct {
	Kind   SinceKind
	Cursor Cursor    // for SinceCursor
	N      int       // for SinceLast, at least 1
	Time   time.Time // for SinceTime
}

// ErrSince is wrapped by refusals of text that says no beginning.
var ErrSince = errors.New("invalid since")

// MaxSinceLast bounds N in last:N.
const MaxSinceLast = 1_000_000

// ParseSince parses a cursor, "now", "all", "latest" (the same as last:1), "last:N", a duration before now, or an RFC 3339 time.
func ParseSince(text string, now time.Time) (Since, error) {
	switch text {
	case "now":
		return Since{Kind: SinceNow}, nil
	case "all":
		return Since{Kind: SinceAll}, nil
	case "latest":
		return Since{Kind: SinceLast, N: 1}, nil
	}
	if count, ok := strings.CutPrefix(text, "last:"); ok {
		n, err := strconv.Atoi(count)
		if err != nil || n < 1 || n > MaxSinceLast {
			return Since{}, fmt.Errorf("%w: last:N needs N from 1 to %d", ErrSince, MaxSinceLast)
		}
		return Since{Kind: SinceLast, N: n}, nil
	}
	if c, err := ParseCursor(text); err == nil {
		return Since{Kind: SinceCursor, Cursor: c}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return Since{Kind: SinceTime, Time: t}, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return Since{Kind: SinceTime, Time: now.Add(-d)}, nil
	}
	return Since{}, fmt.Errorf("%w: %q is no cursor, now, all, latest, last:N, duration or RFC 3339 time", ErrSince, text)
}

// Follow is one thing to follow: a topic or pattern, and from where.
type Follow struct {
	Pattern Pattern
	Since   Since
}
