// Package transport holds what all transports share: their kinds, the small interface that each of them fills, what an
// admitted request carries, and the table of close codes.
//
// Each transport is a package below this one (websocket, sse, stream, poll) and is only what differs: how a message becomes
// bytes, which head it sends, when an answer is finished. After admission a transport owns no goroutine, no queue and no
// http.ResponseWriter: package park holds the connection, package wire has the bytes, and a shard of the gateway calls the
// transport's [gateway.Peer].
//
// It must not import fallback, server, metrics or echo.
package transport
