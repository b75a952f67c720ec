// Package bench loads a gateway, or another server that pushes over WebSocket, SSE, a stream or long polls, and measures what
// followers get and what it costs the server: `tidings bench`. It speaks HTTP/1.1 and WebSocket by hand over raw sockets, with a
// small buffer per connection, since it shares the machine with what it measures.
//
// Every message begins with a stamp ([StampBytes]): the run, the phase, the message's number and the time it was due. Followers
// find it in the bytes that arrive, whatever they are wrapped in. Latency is counted from the time that a message was due, not
// from when it was sent: a server that holds its publisher up does not hide by it how late everything is (coordinated omission).
//
// A run owns one goroutine per follower, two per publisher, those that dial, and one that reports progress; all have ended when
// its Run returns. The package imports nothing of the repository: a load that shared code with what it measures would share its
// mistakes.
package bench
