package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"tidings/client"
	"tidings/transport"
)

type followCmd struct {
	Topics []string `arg:"" name:"topic" help:"Topics and patterns: news, weather/*, weather/**."`

	Since     string `default:"now" help:"Where to begin: a cursor, now, all, latest, last:N, a duration, or a time (default ${default})."`
	Transport string `placeholder:"NAME" help:"Use this transport only: websocket, sse, stream, longpoll or poll."`
	JSON      bool   `name:"json" help:"Print each message as an object, and gaps too."`
	Count     int    `short:"n" placeholder:"N" help:"Stop after N messages."`
	Verbose   bool   `short:"v" help:"Say which transport delivers, and when history has been read."`
	remote
}

func (c *followCmd) run(ctx context.Context, s *session) error {
	from, err := c.client(s)
	if err != nil {
		return err
	}
	if c.Transport != "" {
		if _, err := transport.ParseKind(c.Transport); err != nil {
			return usageError{err}
		}
	}
	messages := 0
	for event, err := range from.Follow(ctx, client.FollowOptions{Topics: c.Topics, Since: c.Since, Transport: c.Transport}) {
		if err == nil {
			err = c.print(s, event)
		}
		if err != nil {
			return err
		}
		if event.Message != nil {
			if messages++; messages == c.Count {
				return nil
			}
		}
	}
	return nil
}

func (c *followCmd) print(s *session, e client.Event) error {
	switch {
	case e.Message != nil:
		return c.printMessage(s, e.Message)
	case e.Gap != nil:
		if c.JSON {
			return json.NewEncoder(s.stdout).Encode(map[string]*client.Gap{"gap": e.Gap})
		}
		fmt.Fprintln(s.stderr, "tidings:", gapLine(e.Gap))
	case e.Deleted != nil:
		fmt.Fprintf(s.stderr, "tidings: the history of %s was dropped up to %d\n", e.Deleted.Topic, e.Deleted.To)
	case e.State != nil && e.State.Err != nil:
		fmt.Fprintf(s.stderr, "tidings: %s: %v; again in %v\n", e.State.Transport, e.State.Err, e.State.Wait.Round(100*time.Millisecond))
	case e.State != nil && c.Verbose:
		fmt.Fprintf(s.stderr, "tidings: connected by %s\n", e.State.Transport)
	case e.Live != nil && c.Verbose:
		fmt.Fprintf(s.stderr, "tidings: %s is live at %s\n", e.Live.Topic, e.Live.Cursor)
	}
	return nil
}

func gapLine(g *client.Gap) string {
	reason := strings.ReplaceAll(g.Reason, "_", " ")
	if g.From == 0 && g.To == 0 {
		return fmt.Sprintf("messages of %s may be missing: %s", g.Topic, reason)
	}
	return fmt.Sprintf("messages of %s are missing, from %d to %d: %s", g.Topic, g.From, g.To, reason)
}

// printed is a message as --json prints it: the envelope, and the cursor.
type printed struct {
	Topic  string          `json:"topic"`
	Cursor string          `json:"cursor"`
	Seq    uint64          `json:"seq"`
	Prev   uint64          `json:"prev"`
	Time   int64           `json:"time"`
	Event  string          `json:"event,omitempty"`
	Type   string          `json:"type,omitempty"`
	Key    string          `json:"key,omitempty"`
	Latest bool            `json:"latest,omitempty"`
	Data   json.RawMessage `json:"data,omitempty"`
	Data64 []byte          `json:"data64,omitempty"`
}

func (c *followCmd) printMessage(s *session, m *client.Message) error {
	if !c.JSON {
		data := m.Data
		if !bytes.HasSuffix(data, []byte("\n")) {
			data = append(slices.Clip(data), '\n')
		}
		_, err := s.stdout.Write(data)
		return err
	}
	p := printed{
		Topic: m.Topic, Cursor: m.Cursor, Seq: m.Seq, Prev: m.Prev, Time: m.Time.UnixMilli(), Event: m.Event, Type: m.Type,
		Key: m.Key, Latest: m.Latest,
	}
	switch {
	case m.Type == "application/json":
		p.Data, p.Type = m.Data, ""
	case strings.HasPrefix(m.Type, "text/") && utf8.Valid(m.Data):
		p.Data, _ = json.Marshal(string(m.Data)) // a string always marshals
		p.Type = ""
	default:
		p.Data64 = m.Data
	}
	return json.NewEncoder(s.stdout).Encode(p)
}
