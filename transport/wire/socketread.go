package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"tidings/gateway/journal"
	"tidings/gateway/socket"
)

// SocketUp is one object that a socket's client sends up. What it holds is lent until the reader's next call.
type SocketUp struct {
	// Frame is the next of the client's sequence where its Seq is not 0.
	Frame socket.Frame
	// Ack, where Acks says that there is one, is up to where the client has the socket's frames.
	Ack  uint64
	Acks bool
	// Ping asks for an answer with this ID, which is JSON as it came; empty for none.
	Ping bool
	ID   []byte
}

// SocketReader reads what clients of sockets send up, one object at a time. The zero value is ready.
type SocketReader struct{ room []byte }

// The mistakes of an object. They are wrapped with what is wrong.
var (
	// ErrSocketObject is returned for what is no object of the wire.
	ErrSocketObject = errors.New("no object of a socket")
	// ErrSocketText is returned where an object, and so perhaps a text, is not UTF-8.
	ErrSocketText = errors.New("not UTF-8")
	// ErrSocketFrame is returned for a payload of more than [SocketFrameBytes].
	ErrSocketFrame = errors.New("frame too large")
)

// Read reads one object. Members that are not known are ignored, and so is an object that has none of those that are: it reads as the zero
// value.
func (r *SocketReader) Read(object []byte) (SocketUp, error) {
	if !utf8.Valid(object) {
		return SocketUp{}, ErrSocketText
	}
	if len(object) == 0 || object[0] != '{' { // a null would read as an object without members
		return SocketUp{}, ErrSocketObject
	}
	up, ok := r.quick(object)
	if !ok {
		var err error
		if up, err = r.slow(object); err != nil {
			return SocketUp{}, err
		}
	}
	if len(up.Frame.Data) > SocketFrameBytes {
		return SocketUp{}, frameTooLarge(len(up.Frame.Data))
	}
	return up, nil
}

// quick reads a frame of the usual shape: that in which AppendSocketFrame writes it, whose text has no escapes. For anything else, mistakes
// included, it returns false, and encoding/json has the last word; what it takes means the same to both.
func (r *SocketReader) quick(object []byte) (up SocketUp, ok bool) {
	rest, ok := bytes.CutPrefix(object, []byte(`{"seq":`))
	if !ok {
		return up, false
	}
	digits := 0
	for digits < len(rest) && '0' <= rest[digits] && rest[digits] <= '9' {
		digits++
	}
	if digits == 0 || digits > 15 || rest[0] == '0' { // what has more may be no seq
		return up, false
	}
	for _, digit := range rest[:digits] {
		up.Frame.Seq = up.Frame.Seq*10 + uint64(digit-'0')
	}
	rest = rest[digits:]
	coded := false
	up.Frame.Kind = socket.Text
	text, ok := bytes.CutPrefix(rest, []byte(`,"data":"`))
	if !ok {
		if text, coded = bytes.CutPrefix(rest, []byte(`,"data64":"`)); !coded {
			return up, false
		}
		up.Frame.Kind = socket.Binary
	}
	end := bytes.IndexByte(text, '"')
	if end < 0 {
		return up, false
	}
	switch rest = text[end+1:]; string(rest) {
	case "}":
	case `,"more":true}`:
		up.Frame.More = true
	default:
		return up, false
	}
	if text = text[:end]; coded {
		var err error
		up.Frame.Data, err = r.decode(text)
		return up, err == nil
	}
	for _, c := range text {
		if c < ' ' || c == '\\' {
			return up, false
		}
	}
	up.Frame.Data = text
	return up, true
}

// decode reads standard base64, which the decoder of the library takes with line breaks in it: those a JSON string cannot have.
func (r *SocketReader) decode(text []byte) ([]byte, error) {
	if size := base64.StdEncoding.DecodedLen(len(text)) - 2; size > SocketFrameBytes { // two bytes may be padding
		return nil, frameTooLarge(size)
	}
	r.room = slices.Grow(r.room[:0], base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(r.room[:cap(r.room)], text)
	if err != nil || bytes.ContainsAny(text, "\r\n") {
		return nil, fmt.Errorf("%w: data64 is not standard base64 with padding", ErrSocketObject)
	}
	return r.room[:n], nil
}

func frameTooLarge(size int) error {
	return fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrSocketFrame, size, SocketFrameBytes)
}

// slow reads an object of any shape.
func (r *SocketReader) slow(object []byte) (up SocketUp, err error) {
	var o struct {
		Seq    json.Number                `json:"seq"`
		Data   *string                    `json:"data"`
		Data64 *string                    `json:"data64"`
		More   bool                       `json:"more"`
		Close  *socketClose               `json:"close"`
		Ack    *struct{ Seq json.Number } `json:"ack"`
		ID     json.RawMessage            `json:"id"`
		Ping   bool                       `json:"ping"`
	}
	if err := json.Unmarshal(object, &o); err != nil {
		return up, fmt.Errorf("%w: %w", ErrSocketObject, err)
	}
	if o.Seq != "" {
		if up.Frame.Seq, err = seqOf(o.Seq, 1); err != nil {
			return up, err
		}
		up.Frame.More = o.More
		switch {
		case o.Data != nil && o.Data64 == nil && o.Close == nil:
			up.Frame.Kind, up.Frame.Data = socket.Text, []byte(*o.Data)
		case o.Data64 != nil && o.Data == nil && o.Close == nil:
			up.Frame.Kind = socket.Binary
			if up.Frame.Data, err = r.decode([]byte(*o.Data64)); err != nil {
				return up, err
			}
		case o.Close != nil && o.Data == nil && o.Data64 == nil && !o.More:
			up.Frame.Kind, up.Frame.Reason = socket.Close, o.Close.Reason
			if up.Frame.Code, err = o.Close.code(); err != nil {
				return up, err
			}
		default:
			return up, fmt.Errorf("%w: a frame has one of data, data64 and close", ErrSocketObject)
		}
	}
	if o.Ack != nil {
		if up.Ack, err = seqOf(o.Ack.Seq, 0); err != nil {
			return up, err
		}
		up.Acks = true
	}
	if o.Ping {
		up.Ping = true
		if len(o.ID) > 0 {
			if c := o.ID[0]; c != '"' && c != '-' && (c < '0' || c > '9') {
				return up, fmt.Errorf("%w: an id is a number or a string", ErrSocketObject)
			}
			if len(o.ID) > pingIDBytes {
				return up, fmt.Errorf("%w: an id has at most %d bytes", ErrSocketObject, pingIDBytes)
			}
			up.ID = o.ID
		}
	}
	return up, nil
}

// pingIDBytes bounds the id of a ping, which waits to be said again.
const pingIDBytes = 128

// seqOf reads a seq, which may be no less than least.
func seqOf(n json.Number, least uint64) (uint64, error) {
	seq, err := strconv.ParseUint(string(n), 10, 64)
	if err != nil || seq < least || seq > journal.MaxSeq {
		return 0, fmt.Errorf("%w: a seq is a number from %d, below 2^53", ErrSocketObject, least)
	}
	return seq, nil
}

// socketClose is what a close frame says.
type socketClose struct {
	Code   *uint16 `json:"code"`
	Reason string  `json:"reason"`
}

// closeReason is how many bytes a reason may have: a WebSocket's control frame holds 125, of which the code has two.
const closeReason = 123

// code returns the code that was given, or that none was.
func (c *socketClose) code() (uint16, error) {
	switch {
	case len(c.Reason) > closeReason:
		return 0, fmt.Errorf("%w: a reason has at most %d bytes", ErrSocketObject, closeReason)
	case c.Code == nil || *c.Code == noCode:
		if c.Reason != "" {
			return 0, fmt.Errorf("%w: a reason needs a code", ErrSocketObject)
		}
		return noCode, nil
	case *c.Code >= 1000 && *c.Code <= 1003, *c.Code >= 1007 && *c.Code <= 1014, *c.Code >= 3000 && *c.Code <= 4999:
		return *c.Code, nil
	}
	return 0, fmt.Errorf("%w: %d is no code to close with", ErrSocketObject, *c.Code)
}

// noCode says that no code was given (RFC 6455 section 7.4.1).
const noCode = 1005
