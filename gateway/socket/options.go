package socket

import "time"

// Options configure the sockets of one path. The zero value of every field means its default.
type Options struct {
	// Protocols are the subprotocols that are spoken: the first that the client offers is chosen. None is chosen where none fits.
	Protocols []string
	// Accept, if there is one, chooses instead, or refuses with an error: a [*RefusedError] has a status of its own, any other is 403.
	Accept func(r *Request) (protocol string, err error)

	MessageBytes  int           // bound of an incoming message; default 2 MiB; -1 for none, to be read by Reader
	FragmentBytes int           // bound of an outgoing frame's payload; default 512 KiB (64 KiB where a socket can move)
	BufferBytes   int           // what may be sent and not have left before Send waits; default 1 MiB
	ReceiveBytes  int           // what may have come and not been received before the client is not read from; default 256 KiB
	Absence       time.Duration // how long a client may be away; default 30 s
	CloseTime     time.Duration // how long a client may take to answer a close; default 5 s
	Ping          time.Duration // heartbeat; default 20 s
	Sockets       int           // bound of this path's sockets; default none
	PerAddress    int           // bound of this path's sockets of one address; default none
	NoDeflate     bool          // no permessage-deflate
}

// RefusedError refuses a socket before it is open.
type RefusedError struct {
	Status int // an HTTP status, 400 to 599
	Detail string
}

// Error says the detail.
func (e *RefusedError) Error() string { return e.Detail }
