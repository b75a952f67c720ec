package program

import (
	"bytes"
	"io"
	"log/slog"
	"unicode/utf8"

	"tidings/gateway/socket"
)

// pieceBytes bounds what is taken from a program at a time, and a line that is sent at once: a longer one leaves as it comes. It is what a pipe holds.
const pieceBytes = 64 << 10

// sender is where output goes.
type sender interface {
	Send(kind socket.Kind, data []byte) error
	Writer(kind socket.Kind) (io.WriteCloser, error)
}

// output sends what a program says until that ends, or sending fails: then it returns an error.
func output(from io.Reader, to sender, binary bool) error {
	if binary {
		return sendPieces(from, to)
	}
	return sendLines(from, to)
}

// sendPieces sends each piece as it was read.
func sendPieces(from io.Reader, to sender) error {
	b := make([]byte, pieceBytes)
	for {
		n, ended := from.Read(b)
		if n > 0 {
			if err := to.Send(socket.Binary, b[:n]); err != nil {
				return err
			}
		}
		if ended != nil {
			return nil //nolint:nilerr // a program has ended, that is all
		}
	}
}

// sendLines sends lines as messages. What is no UTF-8 in them is replaced: a client would close the socket for it.
func sendLines(from io.Reader, to sender) error {
	var long io.WriteCloser // the message of a line of which the begin was sent
	return eachLine(from, pieceBytes, func(part []byte, more bool) (err error) {
		part = valid(part)
		if long == nil && !more {
			return to.Send(socket.Text, part)
		}
		if long == nil {
			if long, err = to.Writer(socket.Text); err != nil {
				return err
			}
		}
		if _, err := long.Write(part); err != nil || more {
			return err
		}
		err, long = long.Close(), nil
		return err
	})
}

// logLineBytes bounds a line of standard error in the log: a longer one is several.
const logLineBytes = 4 << 10

// logLines writes what a program says on standard error to the log.
func logLines(from io.Reader, log *slog.Logger) {
	_ = eachLine(from, logLineBytes, func(line []byte, _ bool) error { // nothing fails
		log.Info("a program says", "line", string(valid(line)))
		return nil
	})
}

// eachLine calls do with every line, without its end (LF or CR LF), until from ends or do fails. A line of more than most bytes comes in parts, cut between
// characters, with more for all but the last. A last line that has no end is a line. What do is given is only lent.
func eachLine(from io.Reader, most int, do func(part []byte, more bool) error) error {
	b := make([]byte, most)
	have, begun := 0, false // what b holds; whether it goes on a line
	for {
		n, ended := from.Read(b[have:])
		searched := have
		have += n
		rest := b[:have]
		for {
			i := bytes.IndexByte(rest[searched:], '\n')
			if i < 0 {
				break
			}
			if err := do(bytes.TrimSuffix(rest[:searched+i], []byte{'\r'}), false); err != nil {
				return err
			}
			rest, searched, begun = rest[searched+i+1:], 0, false
		}
		switch {
		case ended != nil && (begun || len(rest) > 0):
			return do(rest, false)
		case ended != nil:
			return nil //nolint:nilerr // a program has ended, that is all
		case len(rest) == len(b):
			cut := len(rest) - unfinished(rest)
			if err := do(rest[:cut], true); err != nil {
				return err
			}
			rest, begun = rest[cut:], true
		}
		have = copy(b, rest)
	}
}

// unfinished is how many bytes at the end of a part of a line belong to what follows: the begin of a character, or a CR.
func unfinished(part []byte) int {
	if part[len(part)-1] == '\r' {
		return 1
	}
	for n := 1; n < utf8.UTFMax; n++ {
		if last := part[len(part)-n:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return n
			}
			break
		}
	}
	return 0
}

func valid(text []byte) []byte {
	if utf8.Valid(text) {
		return text
	}
	return bytes.ToValidUTF8(text, []byte(string(utf8.RuneError)))
}
