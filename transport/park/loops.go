package park

import "net"

// Asker serves what comes by the connections of its loops.
type Asker interface {
	// Ask is called with the head of a request, from its first line to the empty line, by the loop: it must not block. It answers the
	// exchange, or leaves it untouched and returns false: then the connection is passed on with all that it has said.
	Ask(x *Fresh, head string) bool
	// Pass takes a connection that is not for the loops, and whose bytes have not been answered.
	Pass(nc net.Conn)
}
