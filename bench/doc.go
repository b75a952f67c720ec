// Package bench loads a gateway, or another server that pushes over WebSocket, SSE, a stream or long polls, and measures what
// followers get and what it costs the server: `tidings bench`. It speaks HTTP/1.1 and WebSocket by hand over raw sockets, since it
// shares the machine with what it measures.
//
// Every message begins with a stamp ([StampBytes]): the run, the phase, the message's number and the time it was due. Followers
// find it in the bytes that arrive, whatever they are wrapped in. Latency is counted from the time that a message was due, not
// from when it was sent: a server that holds its publisher up does not hide by it how late everything is (coordinated omission).
//
// A crowd of followers has a carrier that connects them, reads for them and calls them: on Linux a few loops over epoll, elsewhere and
// for TLS a goroutine for each. A follower only parses what it is given and keeps its account.
//
// A run owns the carrier's goroutines, two per publisher, and one that reports progress; all have ended when its Run returns. The
// package imports nothing of the repository: a load that shared code with what it measures would share its mistakes.
package bench
