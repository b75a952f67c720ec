package program

import (
	"errors"
	"io"

	"tidings/gateway/socket"
)

// receiver is where input comes from.
type receiver interface {
	Reader() (socket.Kind, io.Reader, error)
	Close(code uint16, reason string) error
}

// input writes what a client says to a program until the client has nothing more to say. Where it is text, each message is a line; a message of more than
// pieceBytes is passed on while it comes, so that its last line is cut where the client vanishes in the middle of it.
func input(from receiver, to io.WriteCloser, binary bool) {
	b := make([]byte, pieceBytes/2)
	deaf := false // the program reads no more: what else comes is passed over, so that it does not stand before the client's close
	for {
		kind, message, err := from.Reader()
		if err != nil {
			return
		}
		if kind == socket.Binary && !binary {
			_ = from.Close(codeKind, "this program takes text")
			return
		}
		if !deaf && pass(message, to, b, !binary) != nil {
			deaf = true
			to.Close()
		}
	}
}

// pass writes one message, with a line's end behind it where it is a line. It fails where the program does.
func pass(message io.Reader, to io.Writer, b []byte, line bool) error {
	for {
		var n int
		var err error
		if line { // with its end in one piece, if it is short
			n, err = io.ReadFull(message, b[:len(b)-1])
		} else {
			n, err = message.Read(b)
		}
		if whole := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF); whole && line {
			b[n] = '\n'
			n++
		} else if err != nil && !whole {
			return nil // the client's failure is told to who asks for the next message
		}
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			return nil //nolint:nilerr // the message has ended
		}
	}
}
