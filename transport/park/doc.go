// Package park holds connections that wait: a shard writes to them without blocking, and their handlers hear when bytes arrive, when
// there is room again, and when the client has left.
//
// On Linux a TCP or Unix connection is a socket (socket_linux.go): its descriptor and 48 bytes, watched by an epoll loop
// (loop_linux.go). Idle, it has no goroutine and no buffer. A loop reads from its sockets and calls their handlers itself. The loops of
// an [Asker] also accept connections (listen_linux.go) and read requests from them (read_linux.go): those that the Asker answers never
// meet net/http, and a poll's connection waits for its next request where it is (poll_linux.go); the others are passed on with what they have
// said (fresh_linux.go).
//
// A request that net/http has read comes in by [HTTP]. Its connection is taken from its handler and watched by a loop too, where it can
// be. What is wrapped (TLS), and everything on other systems, has a goroutine that reads and, while something is being written, one that
// writes (conn.go, batched.go). What cannot be taken at all (HTTP/2) keeps its handler's goroutine (response.go, held.go). One suite holds all of
// them to the same behaviour.
//
// The package owns those goroutines and one for each loop; a loop lasts as long as it has connections or a listener. It must not import
// the gateway or any transport.
package park
