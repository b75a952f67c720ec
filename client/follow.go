package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"tidings/gateway"
	"tidings/transport"
)

// FollowOptions say what is followed.
type FollowOptions struct {
	// Topics are topics and patterns; at least one.
	Topics []string
	// Since says where they begin: a cursor, now, all, latest, last:N, a duration or an RFC 3339 time. Default: now.
	Since string
	// SinceOf says it for single topics or patterns, where it differs.
	SinceOf map[string]string
	// Transport forces one by its name; empty takes whichever works, see [Options].
	Transport string
}

// Follow follows topics until ctx ends, the loop is left, or the gateway refuses for good; then the last pair holds the reason:
// ctx's, or an [*Error]. Breaks in between are told as a [State] and mended: the follow comes back, by another transport if
// need be, and goes on where it was. Ranging over the result a second time begins anew.
func (c *Client) Follow(ctx context.Context, o FollowOptions) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		f, err := c.following(o)
		if err == nil {
			err = f.run(ctx, func(e Event) bool { return yield(e, nil) })
		}
		if err != nil && !errors.Is(err, errLeft) {
			yield(Event{}, fmt.Errorf("follow: %w", err))
		}
	}
}

var (
	// errLeft says that the caller has left its loop.
	errLeft = errors.New("left")
	// errClimb says that a better transport may be tried again.
	errClimb = errors.New("a better transport may work again")
)

// following is one run of a follow: what has been read, and by which way.
type following struct {
	c      *Client
	reader *reader
	ladder *ladder
}

func (c *Client) following(o FollowOptions) (*following, error) {
	if len(o.Topics) == 0 {
		return nil, errors.New("no topic is named")
	}
	kinds := c.options.Transports
	if o.Transport != "" {
		kind, err := transport.ParseKind(o.Transport)
		if err != nil {
			return nil, err
		}
		kinds = []transport.Kind{kind}
	}
	var patterns []gateway.Pattern
	var since []string
	for _, topic := range o.Topics {
		p, err := gateway.ParsePattern(topic)
		if err != nil {
			return nil, err
		}
		from := o.Since
		if its, ok := o.SinceOf[topic]; ok {
			from = its
		}
		if from == "" {
			from = "now"
		}
		if _, err := gateway.ParseSince(from, time.Now()); err != nil {
			return nil, err
		}
		patterns, since = append(patterns, p), append(since, from)
	}
	r, err := newReader(patterns, since)
	if err != nil {
		return nil, err
	}
	return &following{c: c, reader: r, ladder: newLadder(kinds, c.relent)}, nil
}

// run connects again and again.
func (f *following) run(ctx context.Context, yield func(Event) bool) error {
	failures := 0
	for {
		kind := f.ladder.pick(time.Now())
		began := time.Now()
		spoke, err := f.connection(ctx, kind, yield)
		switch {
		case errors.Is(err, errLeft):
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, errClimb):
			continue // from a transport that worked: at most once in the ladder's time
		}
		lasted := time.Since(began)
		old := lasted >= f.c.age
		floor, final := f.ladder.judge(kind, err, spoke, old, time.Now())
		if final {
			return err
		}
		if spoke && old {
			failures = 0
		}
		failures++
		wait := f.c.wait.after(failures, floor)
		if !yield(Event{State: &State{Transport: kind.String(), Err: err, Wait: wait}}) {
			return errLeft
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// connection reads from one connection until it ends. It reports whether the gateway has spoken on it.
func (f *following) connection(ctx context.Context, kind transport.Kind, yield func(Event) bool) (spoke bool, err error) {
	f.reader.connect()
	src, err := f.open(ctx, kind)
	if err != nil {
		return false, err
	}
	defer src.close()
	for {
		o, err := src.next()
		if err != nil {
			return spoke, err
		}
		if o.Bye != nil {
			return spoke, goodbye(o.Bye)
		}
		if !spoke && (o.Hello != nil || o.page != nil) {
			spoke = true
			s := &State{Transport: kind.String(), Connected: true}
			if o.Hello != nil {
				s.Node = o.Hello.Node
			}
			if !yield(Event{State: s}) {
				return spoke, errLeft
			}
		}
		events, err := f.reader.take(o)
		if err != nil {
			return spoke, err
		}
		for _, e := range events {
			if !yield(e) {
				return spoke, errLeft
			}
		}
	}
}

// source is one connection as a series of objects.
type source interface {
	next() (object, error)
	close()
}

func (f *following) open(ctx context.Context, kind transport.Kind) (source, error) {
	switch kind {
	case transport.WebSocket:
		return f.openWebSocket(ctx)
	case transport.SSE, transport.Stream:
		return f.openStream(ctx, kind)
	}
	return &polls{f: f, ctx: ctx, kind: kind}, nil
}
