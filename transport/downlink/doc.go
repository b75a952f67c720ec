// Package downlink carries sockets to their clients over HTTP: as an event stream, as lines of a stream, or in the answers to polls. What a
// client sends up comes by requests of its own, which package server reads.
//
// It owns no goroutine but those that end at once: package park holds the connection, package wire has the bytes, and the socket calls its
// link. A link has a lock of its own, which is taken with the socket's held and never the other way round: besides the socket, its timers
// write to its connection.
package downlink
