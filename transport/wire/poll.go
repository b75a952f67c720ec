package wire

import (
	"strconv"

	"tidings/gateway"
	"tidings/transport"
)

// Poll is the answer to a poll.
type Poll struct {
	Cursor gateway.Cursor // the position after the items
	Items  [][]byte       // JSON objects; they are shared, not copied
	More   bool
	PollMS int // when to ask again
	Offer  transport.Offer
}

// comma stands between items.
var comma = []byte{','}

// Parts returns the answer's bytes in parts, and how many bytes they are.
func (p Poll) Parts() (parts [][]byte, size int) {
	own := make([]byte, 0, 128)
	own = append(own, `{"cursor":`...)
	own = appendCursor(own, p.Cursor)
	own = append(own, `,"items":[`...)
	head := len(own)
	own = append(own, `],"more":`...)
	own = strconv.AppendBool(own, p.More)
	own = append(own, `,"poll_ms":`...)
	own = strconv.AppendInt(own, int64(p.PollMS), 10)
	own = append(own, `,"offer":`...)
	own = appendOffer(own, p.Offer)
	own = append(own, '}')

	parts = append(make([][]byte, 0, 2+2*len(p.Items)), own[:head])
	size = len(own)
	for i, item := range p.Items {
		if i > 0 {
			parts = append(parts, comma)
			size += len(comma)
		}
		parts = append(parts, item)
		size += len(item)
	}
	return append(parts, own[head:]), size
}
