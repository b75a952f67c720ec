package park

import "errors"

// Conn is a connection that has left whoever read its request: bytes go out by it without blocking. Write, Finish and Close are
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
	// Resume has reading go on after Data has returned false.
	Resume()
}

// Copies reports whether c has copied what it has taken when it returns from Write: then the bytes may be changed.
func Copies(c Conn) bool {
	_, ok := c.(interface{ copies() })
	return ok
}

// Handler hears what happens on a parked connection, from goroutines that are not the shard's. Nothing begins after Finish
// or Close of the Conn; a call that had begun may still be running. None of its methods may block: where there is an event loop,
// it is that loop which calls.
type Handler interface {
	// Data takes bytes that have arrived, one call at a time. It may change them; they are the caller's again afterwards. When it
	// returns false, nothing more is read until Resume.
	Data(b []byte) (more bool)
	// Ready tells that a Conn which took a Write short has room again. It may come while Data runs, and more often than needed.
	Ready()
	// Gone tells that the client has left or the connection broke. It is the last call, and does not follow Finish or Close.
	Gone()
}

// Exchange is a request whose answer has not begun, wherever its connection is. One of its methods is called, once.
type Exchange interface {
	// Open answers with status 200 and the fields of h: the body is whatever is written to the Answer's Conn. On an error nothing
	// was sent.
	Open(h *Head) (Answer, error)
	// Take parks the connection and answers nothing: a WebSocket writes its own head, in which the fields that come with the
	// exchange belong. On an error nothing was sent; it wraps [http.ErrNotSupported] where the connection cannot be taken
	// from its handler (HTTP/2).
	Take() (c Conn, fields []Field, err error)
	// Hold parks the request until it is answered.
	Hold() Held
	// Reply answers at once.
	Reply(r Reply)
}

// Answer is how the body of an answer is framed, and what precedes it.
type Answer struct {
	Conn Conn
	// Head is the status line and the header, to be written in front of everything else; empty where net/http writes it.
	Head [][]byte
	// Chunked says that body bytes must carry chunk heads (RFC 9112 section 7.1), the last chunk included.
	Chunked bool
}

// Reply is a whole answer.
type Reply struct {
	Status int // 0 is 200
	Head   *Head
	Fields []Field  // beside those of Head
	Parts  [][]byte // the body; the bytes never change
	// Whole, where it is not nil, remembers the answer in one piece, for those that are given the same Head, Fields and Parts.
	Whole *Whole
}

// Held is a poll that waits for its answer. Reply and Close are called under the same care as the methods of a Conn, and may come
// before Serve.
type Held interface {
	// Reply sends the whole answer. It is the last call.
	Reply(r Reply)
	// Close closes the connection without an answer.
	Close()
	// Serve is that of [Conn]: of h's methods only Gone is called.
	Serve(h Handler)
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
