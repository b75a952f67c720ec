package park

import (
	"errors"
	"net/http"
)

// Conn is a connection that has left its HTTP handler: bytes go out by it without blocking. Write, Finish and Close are
// called by the shard that owns the follower, or under the same care: one call at a time. They may come before Serve.
type Conn interface {
	// Write takes as many bytes of parts as there is room for, in order, and returns how many. Fewer than all is no error: the
	// Handler hears Ready when there is room again. The bytes of parts must never change; the slice itself is the caller's
	// again when Write returns. After an error the connection is broken and closed: the Handler hears Gone.
	Write(parts [][]byte) (int, error)
	// Finish takes all of parts whatever room there is, has them written within [FinishTime], and then closes the
	// connection or ends the answer. It is the last call. Where the last Write ended inside a unit, parts must begin with
	// what was left of it.
	Finish(parts [][]byte)
	// Close closes the connection at once: the client sees an answer that was cut. Where the connection belongs to an
	// http.Handler, Serve then panics with [http.ErrAbortHandler], the one way in which net/http cuts an answer.
	Close()
	// Serve hands the connection's events to h from now on. For a connection of its own it returns at once; where the
	// connection belongs to an http.Handler (HTTP/2, a test's recorder, a held poll) it returns when the answer has ended.
	Serve(h Handler)
}

// Handler hears what happens on a parked connection, from goroutines that are not the shard's. Nothing begins after Finish
// or Close of the Conn; a call that had begun may still be running.
type Handler interface {
	// Data takes bytes that have arrived, one call at a time. It may change them; they are the caller's again afterwards. It
	// may block: nothing more is read meanwhile. An error closes the connection as if the client had left.
	Data(b []byte) error
	// Ready tells that a Conn which took a Write short has room again. It may come while Data blocks (it may be what Data
	// waits for), and more often than needed.
	Ready()
	// Gone tells that the client has left or the connection broke. It is the last call, and does not follow Finish or Close.
	Gone()
}

// Answer is how the body of an answer is framed, and what precedes it.
type Answer struct {
	Conn Conn
	// Head is the status line and the header, to be written in front of everything else; empty where net/http has written it.
	Head []byte
	// Chunked says that body bytes must carry chunk heads (RFC 9112 section 7.1), the last chunk included.
	Chunked bool
}

// Held is a poll that waits for its answer. Conn's Write must not be used on it.
type Held interface {
	Conn
	// Answer sends the whole answer with status 200: the fields, a Content-Length, and parts as the body. It is the last call.
	Answer(fields http.Header, parts [][]byte)
}

// ErrClosed is returned by Write on a connection that is closed, finished or broken.
var ErrClosed = errors.New("park: the connection is closed")

// size returns how many bytes parts hold.
func size(parts [][]byte) int {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	return n
}
