// Package websocket is the transport that goes both ways: raw frames or envelopes down, and following, publishing and pings
// up. It also has the dialer with which Go programs connect, because it is the only package that knows the WebSocket library.
//
// A message is one frame, compiled once for all followers. What arrives goes through a parser that keeps nothing between
// frames, so an idle connection costs a small struct. The package owns no goroutine: package park reads, and a shard of the
// gateway writes. A [ClientConn] has none either.
//
// It must not import fallback, server, metrics or echo.
package websocket
