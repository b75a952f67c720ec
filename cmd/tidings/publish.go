package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"tidings/client"
)

// remote are the flags of whatever talks to a gateway.
type remote struct {
	Gateway string `placeholder:"URL" help:"The gateway; $$TIDINGS_GATEWAY or http://127.0.0.1:8080 by default."`
	Token   string `placeholder:"KEY" help:"Publish key; better in $$TIDINGS_KEY, which other users cannot see."`
}

func (r remote) client(s *session) (*client.Client, error) {
	at := cmp.Or(r.Gateway, s.lookup("TIDINGS_GATEWAY"), "http://127.0.0.1:8080")
	c, err := client.New(at, client.Options{Key: cmp.Or(r.Token, s.lookup("TIDINGS_KEY"))})
	if err != nil {
		return nil, usageError{err}
	}
	return c, nil
}

type publishCmd struct {
	Topic string `arg:"" help:"Topic to publish to."`
	Data  string `arg:"" optional:"" help:"The message; - or nothing reads standard input."`

	Type           string        `placeholder:"TYPE" help:"Media type, as application/json."`
	Event          string        `placeholder:"NAME" help:"Event name."`
	Key            string        `placeholder:"KEY" help:"Conflation key."`
	TTL            time.Duration `name:"ttl" placeholder:"DURATION" help:"How long the message lives, as 10m."`
	IdempotencyKey string        `placeholder:"KEY" help:"Makes it safe to run the command again."`
	Attempts       int           `default:"5" placeholder:"N" help:"How often to try before giving up (default ${default})."`
	Lines          bool          `help:"Publish each line of standard input as a message, as it comes."`
	JSON           bool          `name:"json" help:"Print the whole receipt, not only the cursor."`
	remote
}

// maxInput bounds what is read from standard input: more than any gateway takes.
const maxInput = 1 << 30

func (c *publishCmd) run(ctx context.Context, s *session) error {
	to, err := c.client(s)
	if err != nil {
		return err
	}
	if c.Lines {
		return c.publishLines(ctx, s, to)
	}
	data := []byte(c.Data)
	if c.Data == "" || c.Data == "-" {
		if data, err = io.ReadAll(io.LimitReader(s.stdin, maxInput)); err != nil {
			return err
		}
	}
	return c.publish(ctx, s, to, data)
}

func (c *publishCmd) publishLines(ctx context.Context, s *session, to *client.Client) error {
	if c.Data != "" || c.IdempotencyKey != "" {
		return usageError{errors.New("--lines goes with neither DATA nor --idempotency-key: every line is a message of its own")}
	}
	lines := bufio.NewScanner(s.stdin)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		// The message outlives the scanner's buffer: an attempt that timed out may still be sending it.
		if err := c.publish(ctx, s, to, append([]byte(nil), lines.Bytes()...)); err != nil {
			return err
		}
	}
	return lines.Err()
}

func (c *publishCmd) publish(ctx context.Context, s *session, to *client.Client, data []byte) error {
	receipt, err := to.Publish(ctx, c.Topic, data, client.PublishOptions{
		Type: c.Type, Event: c.Event, Key: c.Key, TTL: c.TTL, IdempotencyKey: c.IdempotencyKey,
		Attempts: c.Attempts,
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(s.stdout).Encode(receipt)
	}
	_, err = fmt.Fprintln(s.stdout, receipt.Cursor)
	return err
}
