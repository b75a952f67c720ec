package server

import (
	"tidings/transport"
	"tidings/transport/poll"
	"tidings/transport/sse"
	"tidings/transport/stream"
	"tidings/transport/websocket"
)

// transports returns one of each; itemBytes bounds what a client may send up at once.
func transports(itemBytes int) (all [len(transport.Kinds)]transport.Transport) {
	for _, t := range []transport.Transport{
		websocket.New(itemBytes), sse.New(), stream.New(), poll.NewLong(), poll.New(),
	} {
		all[t.Kind()] = t
	}
	return all
}
