package server

import (
	"tidings/transport"
	"tidings/transport/poll"
	"tidings/transport/sse"
	"tidings/transport/stream"
	"tidings/transport/websocket"
)

// transports returns one of each; itemBytes bounds what a client may send up at once, and messages are deflated from deflateFrom bytes
// up.
func transports(itemBytes, deflateFrom int) (all [len(transport.Kinds)]transport.Transport) {
	for _, t := range []transport.Transport{
		websocket.New(itemBytes, deflateFrom), sse.New(deflateFrom), stream.New(deflateFrom), poll.NewLong(), poll.New(deflateFrom),
	} {
		all[t.Kind()] = t
	}
	return all
}
