package gateway

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"tidings/gateway/journal"
)

// Draft is a message to be published.
type Draft struct {
	Topic string
	Type  string // media type; empty: text/plain for valid UTF-8, else application/octet-stream
	Event string // at most 255 bytes, no control characters, not tidings.…
	Key   string // at most 255 bytes, no control characters
	Data  []byte // the gateway keeps it: the caller must not change it afterwards
	TTL   time.Duration

	Durability journal.Durability // ask for at least this; empty asks for nothing
	IfLast     *Cursor            // publish only if this is still the topic's newest cursor
	IfEmpty    bool               // publish only if nothing is retained in the topic

	// IdempotencyKey makes a retry safe within Scope (who publishes; any bytes) and the topic.
	IdempotencyKey string
	Scope          string
}

// Receipt is the answer to a publish.
type Receipt struct {
	Topic      string
	Cursor     Cursor
	Prev       uint64
	Durability journal.Durability
	Followers  int  // how many followers of the topic this gateway has
	Duplicate  bool // the idempotency key was known: this is the first receipt again
}

// Publish appends a message to the log. When it returns an error, nothing was stored: one of this package's Err…
// values, wrapped, or ctx's.
func (g *Gateway) Publish(ctx context.Context, d Draft) (Receipt, error) {
	receipt, err := g.publish(ctx, &d)
	switch {
	case err != nil:
		g.counts.refuse(err)
	case receipt.Duplicate:
		g.counts.duplicates.Add(1)
	default:
		g.counts.published.Add(1)
		g.counts.publishedBytes.Add(uint64(len(d.Data)))
	}
	return receipt, err
}

func (g *Gateway) publish(ctx context.Context, d *Draft) (Receipt, error) {
	if err := g.check(d); err != nil {
		return Receipt{}, fmt.Errorf("publish to %q: %w", d.Topic, err)
	}
	if d.IdempotencyKey == "" {
		return g.append(ctx, d, journal.Message)
	}
	return g.publishOnce(ctx, *d)
}

// publishOnce takes the draft by value: what the function below holds goes to the heap, and nothing of it should for a publish
// without a key.
func (g *Gateway) publishOnce(ctx context.Context, d Draft) (Receipt, error) {
	d.Topic = strings.Clone(d.Topic) // the receipt is remembered for minutes, what the name was cut from must not be
	return g.past.do(ctx, &d, func() (Receipt, error) { return g.append(ctx, &d, journal.Message) })
}

// check refuses what must not come into the log, and fills in the type.
func (g *Gateway) check(d *Draft) error {
	if err := CheckTopic(d.Topic); err != nil {
		return err
	}
	switch {
	case len(d.Data) > g.options.MessageBytes:
		return fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrTooLarge, len(d.Data), g.options.MessageBytes)
	case !isLabel(d.Event) || strings.HasPrefix(d.Event, "tidings."):
		return ErrEvent
	case !isLabel(d.Key):
		return ErrKey
	case !isLabel(d.IdempotencyKey):
		return fmt.Errorf("%w: at most %d bytes without control characters", ErrIdempotency, maxLabelBytes)
	case d.TTL < 0:
		return ErrTTL
	case !g.options.Journal.Durability().Covers(d.Durability):
		return fmt.Errorf("%w: %s", ErrDurability, d.Durability)
	}
	mediaType, err := mediaTypeOf(d.Type, d.Data)
	if err == nil {
		d.Type = mediaType // a draft that is refused stays as it was: it may be looked at again
	}
	return err
}

const maxLabelBytes = 255

// isLabel reports whether s may be an event's name or a key.
func isLabel(s string) bool {
	plain := true
	for i := range len(s) {
		plain = plain && ' ' <= s[i] && s[i] <= '~'
	}
	if plain {
		return len(s) <= maxLabelBytes
	}
	return len(s) <= maxLabelBytes && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

func (g *Gateway) append(ctx context.Context, d *Draft, kind journal.Kind) (Receipt, error) {
	var c journal.Condition
	if d.IfLast != nil {
		if d.IfLast.Epoch != g.Epoch() {
			return Receipt{}, ErrCondition
		}
		c.Last = &d.IfLast.Seq
	}
	c.Empty = d.IfEmpty
	if err := g.awaitWalk(ctx, d.Topic, len(d.Data)); err != nil {
		return Receipt{}, err
	}
	r := records.Get().(*journal.Record)
	defer letRecord(r)
	*r = d.record(kind)
	if err := g.options.Journal.Append(ctx, r, c); err != nil {
		switch {
		case errors.Is(err, journal.ErrCondition):
			err = ErrCondition
		case errors.Is(err, journal.ErrClosed):
			err = ErrClosed
		}
		return Receipt{}, err
	}
	return Receipt{
		Topic: d.Topic, Cursor: Cursor{Epoch: g.Epoch(), Seq: r.Seq}, Prev: r.Prev,
		Durability: g.options.Journal.Durability(), Followers: g.interest.count(d.Topic),
	}, nil
}

// records are the records of appends under way. Nobody keeps one past its append: see [journal.Journal].
var records = sync.Pool{New: func() any { return new(journal.Record) }}

func letRecord(r *journal.Record) {
	*r = journal.Record{} // what is in the log must not be kept by what is not
	records.Put(r)
}

func (d *Draft) record(kind journal.Kind) journal.Record {
	return journal.Record{Kind: kind, Topic: d.Topic, Type: d.Type, Event: d.Event, Key: d.Key, Data: d.Data, TTL: d.TTL}
}

// Delete drops the history of a topic by appending a marker to it. Its errors are those of Publish.
func (g *Gateway) Delete(ctx context.Context, topic string) (Receipt, error) {
	err := CheckTopic(topic)
	var receipt Receipt
	if err == nil {
		receipt, err = g.append(ctx, &Draft{Topic: topic}, journal.Deletion)
	}
	if err != nil {
		g.counts.refuse(err)
		return Receipt{}, fmt.Errorf("delete %q: %w", topic, err)
	}
	g.counts.deletions.Add(1)
	return receipt, nil
}

// refusals says under which cause a refused publish is counted; the last takes what no other does.
var refusals = [...]struct {
	cause string
	err   error
}{
	{"busy", ErrBusy},
	{"condition", ErrCondition},
	{"idempotency", ErrIdempotency},
	{"durability", ErrDurability},
	{"too_large", ErrTooLarge},
	{"closed", ErrClosed},
	{"invalid", nil},
}

func (c *counts) refuse(err error) {
	for i := range refusals {
		if refusals[i].err == nil || errors.Is(err, refusals[i].err) {
			c.refused[i].Add(1)
			return
		}
	}
}
