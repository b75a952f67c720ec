package gateway

import (
	"errors"
	"strconv"
	"strings"

	"tidings/gateway/journal"
)

// Cursor is a position in a log: "I have everything up to here". It is written <epoch>-<seq>.
type Cursor struct {
	Epoch string
	Seq   uint64
}

// ErrCursor is wrapped by refusals of text that is no cursor.
var ErrCursor = errors.New("invalid cursor")

// ParseCursor parses <epoch>-<seq>(.<seq>)*. Further seqs name further partitions of a log and are not looked at yet.
func ParseCursor(text string) (Cursor, error) {
	epoch, seqs, ok := strings.Cut(text, "-")
	if !ok || len(epoch) < 8 || len(epoch) > 16 {
		return Cursor{}, ErrCursor
	}
	for _, c := range []byte(epoch) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return Cursor{}, ErrCursor
		}
	}
	c := Cursor{Epoch: epoch}
	for i := 0; ; i++ {
		part, rest, more := strings.Cut(seqs, ".")
		n, err := strconv.ParseUint(part, 10, 64)
		if err != nil || n > journal.MaxSeq {
			return Cursor{}, ErrCursor
		}
		if i == 0 {
			c.Seq = n
		}
		if !more {
			return c, nil
		}
		seqs = rest
	}
}

// String writes the cursor as it goes over the wire.
func (c Cursor) String() string { return string(c.Append(nil)) }

// Append appends the cursor's text to dst.
func (c Cursor) Append(dst []byte) []byte {
	dst = append(dst, c.Epoch...)
	dst = append(dst, '-')
	return strconv.AppendUint(dst, c.Seq, 10)
}
