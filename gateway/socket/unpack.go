package socket

import (
	"errors"
	"fmt"
	"io"
)

// Unpack returns a reader of the message whose deflated pieces next returns, and [io.EOF] behind the last. It is to fail with a [*CloseError]
// where there are more than limit bytes (none is below 0), or where what comes out is not what kind says.
type Unpack func(kind Kind, limit int, next func() ([]byte, error)) io.ReadCloser

// inflate returns a reader of a deflated message.
func (s *Socket) inflate(kind Kind, next func() ([]byte, error)) io.ReadCloser {
	return s.unpack(kind, s.path.options.MessageBytes, next)
}

// inflateAll returns a deflated message as it was.
func (s *Socket) inflateAll(kind Kind, packed []byte) (Message, error) {
	given := false
	r := s.inflate(kind, func() ([]byte, error) {
		if given {
			return nil, io.EOF
		}
		given = true
		return packed, nil
	})
	data, err := io.ReadAll(r)
	_ = r.Close() // it gives back what it was lent
	if err != nil {
		return Message{}, s.broken(err)
	}
	return Message{kind, data}, nil
}

// broken fails the socket of which a message could not be inflated, and returns why its handler gets no more.
func (s *Socket) broken(err error) error {
	e, ok := errors.AsType[*CloseError](err)
	if !ok {
		e = &CloseError{Code: codeFailed}
	}
	s.Fail(e.Code, e.Reason)
	return e
}

// unpacked is a reader of a deflated message.
type unpacked struct {
	socket *Socket
	from   io.ReadCloser // nil behind the end
	err    error         // how that was
}

// Read implements [io.Reader].
func (u *unpacked) Read(p []byte) (int, error) {
	if u.from == nil {
		return 0, u.err
	}
	n, err := u.from.Read(p)
	if err == nil {
		return n, nil
	}
	_ = u.from.Close() // it gives back what it was lent
	u.from = nil
	if u.err = io.EOF; !errors.Is(err, io.EOF) {
		u.err = u.socket.broken(err)
	}
	return n, u.err
}

func tooBig(limit int) *CloseError {
	return &CloseError{Code: codeTooBig, Reason: fmt.Sprintf("a message has at most %d bytes", limit)}
}
