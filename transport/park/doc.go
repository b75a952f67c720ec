// Package park holds connections that wait: it takes a connection out of its HTTP handler, lets a shard write to it without
// blocking, and tells when bytes arrive, when there is room again, and when the client has left.
//
// It owns the goroutines of the connections: one that reads for each hijacked connection, and one that waits for room for
// each that is full. A connection that cannot be hijacked keeps its handler's goroutine. It must not import the gateway
// or any transport.
//
// A hijacked connection is a conn, which knows its state, over an outlet and an inlet, which move bytes. On Linux the
// outlet and the inlet of a TCP or Unix connection make the system calls themselves and hold no buffer while nothing
// moves; those for everything else (TLS, other systems) go through the [net.Conn].
package park
