// Package client publishes to a gateway, follows its topics and opens its sockets, for the command line and for Go programs.
//
// [Client.Follow] takes whichever transport works, comes back by itself after a break, and resumes where it was: nothing twice, and
// nothing lost without a gap that says so. What a reader keeps for that is in cover.go, after docs/wire.md.
//
// [Dial] opens a socket over whichever transport works, or over any server's WebSocket. What both ends of a socket have in common has the
// names of package socket: the numbered frames that have not left are in socket_out.go, those that were not received in socket_in.go, and what
// is said of them over a connection in socket_wire.go.
//
// A follow has no goroutine of its own: it reads in the one that ranges over it. A socket has one that connects and reads, and while it is
// carried another one that sends. The package must not import server, fallback or metrics.
package client
