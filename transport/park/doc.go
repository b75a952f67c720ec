// Package park holds connections that wait: it takes a connection out of its HTTP handler, lets a shard write to it without
// blocking, and tells when bytes arrive, when there is room again, and when the client has left.
//
// There are three kinds behind the one interface. On Linux a TCP or Unix connection is left with its descriptor only, which
// an epoll loop watches (parked_linux.go, epoll_linux.go): idle, it has no goroutine and no buffer. What is wrapped (TLS), and
// everything on other systems, has a goroutine that reads and, while something is being written, one that writes (conn.go,
// batched.go). A connection that cannot be taken at all (HTTP/2) keeps its handler's goroutine (response.go, held.go).
//
// The package owns those goroutines and one for each loop; a loop lasts as long as it has connections. It must not import the
// gateway or any transport.
package park
