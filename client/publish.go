package client

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// PublishOptions say more about a message. The zero value of every field says nothing.
type PublishOptions struct {
	Type       string        // media type; the gateway tells text from other bytes if it is empty
	Event      string        // event name
	Key        string        // conflation key
	TTL        time.Duration // the message is dropped after it
	Durability string        // memory, disk or quorum: refused if the gateway has less
	IfLast     string        // publish only if this cursor is still the topic's newest
	IfEmpty    bool          // publish only if the topic is empty

	// IdempotencyKey makes the publish safe to repeat; a random one by default, since Publish repeats it itself.
	IdempotencyKey string
	// Attempts bounds how often it is tried; default 5.
	Attempts int
	// Waiting, unless nil, is told before every wait why the attempt failed and when the next one comes.
	Waiting func(err error, wait time.Duration)
}

// Receipt is the gateway's answer to a publish.
type Receipt struct {
	Topic      string `json:"topic"`
	Cursor     string `json:"cursor"`
	Seq        uint64 `json:"seq"`
	Prev       uint64 `json:"prev"`
	Durability string `json:"durability"`
	Followers  int    `json:"followers"`
	Duplicate  bool   `json:"duplicate"` // an earlier attempt had arrived: this is its receipt
}

// Publish publishes a message. Where the gateway cannot be reached or is busy it tries again, with jittered waits that
// grow; the idempotency key keeps the message single. It fails with an [*Error], or an error that wraps [ErrUnreachable] or is
// ctx's.
func (c *Client) Publish(ctx context.Context, topic string, data []byte, o PublishOptions) (Receipt, error) {
	o.IdempotencyKey = cmp.Or(o.IdempotencyKey, rand.Text())
	attempts := cmp.Or(o.Attempts, 5)
	for failures := 1; ; failures++ {
		receipt, err := c.publish(ctx, topic, data, o)
		if err == nil {
			return receipt, nil
		}
		var refused *Error
		floor := time.Duration(0)
		switch {
		case ctx.Err() != nil:
			return Receipt{}, fmt.Errorf("publish to %s: %w", topic, context.Cause(ctx))
		case errors.As(err, &refused) && !refused.temporary(), failures >= attempts:
			return Receipt{}, fmt.Errorf("publish to %s: %w", topic, err)
		case refused != nil:
			floor = refused.RetryAfter
		}
		wait := c.wait.after(failures, floor)
		if o.Waiting != nil {
			o.Waiting(err, wait)
		}
		if err := sleep(ctx, wait); err != nil {
			return Receipt{}, fmt.Errorf("publish to %s: %w", topic, err)
		}
	}
}

// attemptTime bounds one attempt.
const attemptTime = 30 * time.Second

var errNoAnswer = fmt.Errorf("%w: no answer within %v", ErrUnreachable, attemptTime)

func (c *Client) publish(ctx context.Context, topic string, data []byte, o PublishOptions) (Receipt, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, attemptTime, errNoAnswer)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url(topic, nil), bytes.NewReader(data))
	if err != nil {
		return Receipt{}, err
	}
	set := func(name, value string) {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	set("Content-Type", o.Type)
	set("Tidings-Event", o.Event)
	set("Tidings-Key", o.Key)
	set("Tidings-Durability", o.Durability)
	set("Idempotency-Key", o.IdempotencyKey)
	if o.TTL > 0 {
		set("Tidings-TTL", o.TTL.String())
	}
	if o.IfLast != "" {
		set("If-Match", strconv.Quote(o.IfLast))
	}
	if o.IfEmpty {
		set("If-None-Match", "*")
	}
	resp, err := c.do(req, http.StatusCreated, http.StatusOK) //nolint:bodyclose // discard closes it
	if err != nil {
		return Receipt{}, err
	}
	defer discard(resp.Body)
	var receipt Receipt
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&receipt); err != nil || receipt.Cursor == "" {
		return Receipt{}, fmt.Errorf("%w: what answered is no gateway", ErrUnreachable)
	}
	return receipt, nil
}
