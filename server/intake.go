package server

import (
	"context"
	"strconv"
	"sync"

	"tidings/gateway"
)

// intake takes the items of a batch, and publishes what has come together in one go.
type intake struct {
	server *Server
	ctx    context.Context
	scope  string
	key    string // the batch's idempotency key
	out    results

	drafts []gateway.Draft // read, and neither published nor refused
	texts  texts
	lines  lineReader
}

// together is how many items are published in one go, at most: enough to share what a go costs, while readers of the first do not
// wait long for the last.
const together = 64

var intakes = sync.Pool{New: func() any { return &intake{drafts: make([]gateway.Draft, 0, together)} }}

// letGo gives the intake back. Nothing of a request must live on in the pool.
func (in *intake) letGo() {
	in.texts.reset()
	in.lines.reset(nil, 0)
	*in = intake{drafts: in.drafts, texts: in.texts, lines: in.lines}
	intakes.Put(in)
}

// add takes an item, of which it keeps nothing.
func (in *intake) add(raw []byte) {
	i, p := readItem(raw, &in.texts)
	if p != nil {
		in.refuse(p)
		return
	}
	if i.IdempotencyKey == "" && in.key != "" {
		i.IdempotencyKey = in.key + "/" + strconv.Itoa(in.out.items()+len(in.drafts))
	}
	d, err := i.draft()
	if err != nil {
		in.refuse(in.server.itemProblem(i.Topic, err))
		return
	}
	d.Scope = in.scope
	in.drafts = append(in.drafts, d)
	if len(in.drafts) == together {
		in.publish()
	}
}

// refuse answers the next item with a problem.
func (in *intake) refuse(p *problem) {
	in.publish() // answers are in order
	in.out.add(nil, p)
}

// publish publishes what was taken.
func (in *intake) publish() {
	if len(in.drafts) == 0 {
		return
	}
	in.server.gateway.PublishAll(in.ctx, in.drafts, func(i int, r gateway.Receipt, err error) {
		if err != nil {
			in.out.add(nil, in.server.itemProblem(in.drafts[i].Topic, err))
			return
		}
		in.out.add(&r, nil)
	})
	clear(in.drafts) // what is in the log must not be kept by what is not
	in.drafts = in.drafts[:0]
}
