package socket

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// Options configure the sockets of one path. The zero value of every field means its default.
type Options struct {
	// Protocols are the subprotocols that are spoken: the first that the client offers is chosen. None is chosen where none fits.
	Protocols []string
	// Accept, if there is one, chooses instead, or refuses with an error: a [*RefusedError] has a status of its own, any other is 403.
	Accept func(r *Request) (protocol string, err error)

	MessageBytes  int           // bound of an incoming message; default 2 MiB; -1 for none, to be read by Reader
	FragmentBytes int           // bound of an outgoing frame's payload; default 512 KiB (at most 64 KiB where a socket can move)
	BufferBytes   int           // what may be sent and not have left, 128 for each frame included, before Send waits; default 1 MiB
	ReceiveBytes  int           // what may have come and not been received before the client is not read from; default 256 KiB
	Absence       time.Duration // how long a client may be away; default 30 s
	CloseTime     time.Duration // how long a client may take to answer a close; default 5 s
	Ping          time.Duration // heartbeat; default 20 s
	Sockets       int           // bound of this path's sockets; default none
	PerAddress    int           // bound of this path's sockets of one address; default none
	NoDeflate     bool          // no permessage-deflate
}

// moveBytes bounds a frame's payload where its socket can move.
const moveBytes = 64 << 10

func (o Options) withDefaults() Options {
	o.MessageBytes = cmp.Or(o.MessageBytes, 2<<20)
	o.FragmentBytes = cmp.Or(o.FragmentBytes, 512<<10)
	o.BufferBytes = cmp.Or(o.BufferBytes, 1<<20)
	o.ReceiveBytes = cmp.Or(o.ReceiveBytes, 256<<10)
	o.Absence = cmp.Or(o.Absence, 30*time.Second)
	o.CloseTime = cmp.Or(o.CloseTime, 5*time.Second)
	o.Ping = cmp.Or(o.Ping, 20*time.Second)
	return o
}

// Validate reports all mistakes at once.
func (o *Options) Validate() error {
	var errs []error
	for _, bound := range []struct {
		name  string
		value int64
	}{
		{"FragmentBytes", int64(o.FragmentBytes)},
		{"BufferBytes", int64(o.BufferBytes)},
		{"ReceiveBytes", int64(o.ReceiveBytes)},
		{"Absence", int64(o.Absence)},
		{"CloseTime", int64(o.CloseTime)},
		{"Ping", int64(o.Ping)},
		{"Sockets", int64(o.Sockets)},
		{"PerAddress", int64(o.PerAddress)},
	} {
		if bound.value < 0 {
			errs = append(errs, fmt.Errorf("%s is negative", bound.name))
		}
	}
	if o.MessageBytes < -1 {
		errs = append(errs, errors.New("MessageBytes is below -1"))
	}
	if o.FragmentBytes > 0 && o.FragmentBytes < 4 {
		errs = append(errs, errors.New("FragmentBytes is below 4: a character would not fit"))
	}
	for _, p := range o.Protocols {
		if !isToken(p) {
			errs = append(errs, fmt.Errorf("%q cannot be a subprotocol", p))
		}
	}
	return errors.Join(errs...)
}

// isToken reports whether s is a token (RFC 9110 section 5.6.2), as a subprotocol is.
func isToken(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case c == '!', c == '#', c == '$', c == '%', c == '&', c == '\'', c == '*', c == '+', c == '-', c == '.', c == '^', c == '_',
			c == '`', c == '|', c == '~':
		default:
			return false
		}
	}
	return s != ""
}

// RefusedError refuses a socket before it is open.
type RefusedError struct {
	Status int // an HTTP status, 400 to 599; any other counts as 403
	Detail string
}

// Error says the detail.
func (e *RefusedError) Error() string { return e.Detail }
