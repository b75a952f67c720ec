package gateway

import (
	"context"
	"time"

	"tidings/gateway/journal"
)

// Gateway holds the history of a journal and fans it out. Its methods may be called from several goroutines.
type Gateway struct{}

// New starts a gateway over o.Journal, which it owns from then on.
func New(o Options) (*Gateway, error) { return nil, nil }

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
func (g *Gateway) Publish(ctx context.Context, d Draft) (Receipt, error) { return Receipt{}, nil }

// Delete drops the history of a topic by appending a marker to it.
func (g *Gateway) Delete(ctx context.Context, topic string) (Receipt, error) { return Receipt{}, nil }

// TopicInfo describes a topic.
type TopicInfo struct {
	Cursor    Cursor // of the newest message or marker; seq 0 if there is none
	Messages  int    // retained
	Bytes     int64  // of payload, retained
	Followers int
}

// Topic describes a topic; one that was never published to has a zero Cursor.Seq. It fails as [CheckTopic] does.
func (g *Gateway) Topic(name string) (TopicInfo, error) { return TopicInfo{}, nil }

// Epoch identifies the gateway's log.
func (g *Gateway) Epoch() string { return "" }

// Start is where a follow begins, resolved against the log at one moment. It is used once.
type Start struct{}

// Cursor is the follower's position before its first message: what `hello` says.
func (s *Start) Cursor() Cursor { return Cursor{} }

// Start resolves follows. It fails with ErrTooManyTopics, or if there is none.
func (g *Gateway) Start(follows []Follow) (*Start, error) { return nil, nil }

// Item is one thing of a poll's answer: a message, or (if Message is nil) a notice: a gap.
type Item struct {
	Message *Message
	Notice  Notice
}

// Page is what a poll reads.
type Page struct {
	Items   []Item
	Cursor  Cursor // the position after the items
	More    bool   // there is more after Cursor already
	Touched int    // how many messages and topics were looked at; for tests and metrics
}

// Read answers a poll: what comes after s, at most limit items and about maxBytes of payload, at once.
func (g *Gateway) Read(s *Start, limit, maxBytes int) Page { return Page{} }

// Newest returns the cursor of the newest message (or marker) of what is followed; seq 0 if there is none.
func (g *Gateway) Newest(follows []Follow) Cursor { return Cursor{} }

// FollowOptions say how a follower is served.
type FollowOptions struct {
	Start *Start
	Peer  Peer
	Class uint8 // for counting: below Options.Classes
	// Greeting is written first, in front of everything (a stream's prelude and hello).
	Greeting []byte
	// Ping is how long nothing may be said before the peer gets a ping; 0 for never.
	Ping time.Duration
	// Wait ends a follower that has nothing pending after this time with an empty Batch (a held long poll); 0 for never.
	Wait time.Duration
	// MaxParts and MaxBytes bound one Batch; defaults 64 and 64 KiB. A part is never cut: one may be larger.
	MaxParts, MaxBytes int
	// Live makes the follower say when each followed topic has caught up (NoticeLive).
	Live bool
}

// Follower is one client's live position.
type Follower struct{}

// Follow makes a follower: its peer gets what comes after o.Start until it ends. Fails with ErrClosed.
func (g *Gateway) Follow(o FollowOptions) (*Follower, error) { return nil, nil }

// Ready says that the peer has room again after a short Write. It may be called from any goroutine.
func (f *Follower) Ready() {}

// Close ends the follower. With ReasonGone the peer is not called any more; with other reasons its Close is called.
func (f *Follower) Close(reason Reason) {}

// Reply has bytes (whole units) written to the peer in order with everything else: an answer to what the client sent.
func (f *Follower) Reply(unit []byte) {}

// Room blocks while more than 64 KiB of replies are unwritten, so that a client that sends without reading is not read from
// either. It returns false when the follower has ended.
func (f *Follower) Room() bool { return false }

// Add follows more: reply is written before the first message of it.
func (f *Follower) Add(follows []Follow, reply func(at Cursor) []byte) error { return nil }

// Remove stops following topics or patterns, named as they were added; then reply is written.
func (f *Follower) Remove(patterns []Pattern, reply []byte) {}

// Drain ends all followers with ReasonDraining and waits until their peers were told, or for ctx.
func (g *Gateway) Drain(ctx context.Context) error { return nil }

// Close ends everything at once. Publishes fail with ErrClosed.
func (g *Gateway) Close() error { return nil }
