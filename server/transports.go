package server

import (
	"tidings/transport"
	"tidings/transport/poll"
	"tidings/transport/sse"
	"tidings/transport/stream"
)

// transports returns one of each.
func transports() (all [len(transport.Kinds)]transport.Transport) {
	for _, t := range []transport.Transport{
		sse.New(), stream.New(), poll.NewLong(), poll.New(),
	} {
		all[t.Kind()] = t
	}
	return all
}
