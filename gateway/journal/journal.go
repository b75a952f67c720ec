package journal

import (
	"context"
	"crypto/rand"
	"errors"
	"time"
)

// MaxSeq is the largest seq: JavaScript's largest exact integer, 2^53 - 1.
const MaxSeq = 1<<53 - 1

// Kind says what a record does to its topic.
type Kind uint8

const (
	// Message is a published message.
	Message Kind = iota
	// Deletion is a marker: everything before it in its topic is dropped.
	Deletion
)

// Record is one entry of the log as it is handed around. What is in the log is its contents: they are immutable, its Data
// included. The record itself belongs to whoever made it and is used again, so that neither an engine nor a sink keeps it.
type Record struct {
	Seq   uint64        // place in the log, from 1; set by Append
	Prev  uint64        // seq of the record before it in its topic; set by the sink's Apply, known when Append returns
	Time  int64         // milliseconds since 1970, never decreasing; set by Append
	TTL   time.Duration // how long after Time it is dropped; 0 for never
	Kind  Kind
	Topic string
	Type  string // media type of Data
	Event string // optional name
	Key   string // optional conflation key
	Data  []byte // payload bytes as published
}

// Durability says what has happened to a record when Append returns.
type Durability string

// The durabilities, weakest first.
const (
	InMemory Durability = "memory" // held by this process
	OnDisk   Durability = "disk"   // followed by an fsync
	InQuorum Durability = "quorum" // held by a majority of nodes
)

// Covers reports whether d promises at least what want asks for. The empty want asks for nothing; one that is not known
// asks for more than there is.
func (d Durability) Covers(want Durability) bool {
	return want == "" || want.rank() > 0 && d.rank() >= want.rank()
}

func (d Durability) rank() int {
	switch d {
	case InQuorum:
		return 3
	case OnDisk:
		return 2
	case InMemory:
		return 1
	}
	return 0
}

// Condition restricts an append to a state of its topic. The zero value restricts nothing.
type Condition struct {
	Last  *uint64 // append only if this is still the topic's newest seq
	Empty bool    // append only if nothing is retained in the topic
}

// ErrCondition is returned by Append when the topic is not in the state that was asked for. Nothing was appended.
var ErrCondition = errors.New("journal: the topic has moved on")

// Sink takes the log in order and knows where each topic stands. The gateway's history is one.
type Sink interface {
	// Apply takes the next record and copies what it keeps of it. Calls come one at a time, with rising seq.
	Apply(*Record)
	// State returns the newest seq of a topic and how many messages of it are retained, as of the last Apply.
	State(topic string) (last uint64, retained int)
}

// Journal is an engine. All methods may be called from several goroutines.
type Journal interface {
	// Epoch identifies the log: 8 to 16 characters of [a-z0-9], a new one whenever a seq could be used again.
	Epoch() string
	// Durability is what an append promises when it returns without an error.
	Durability() Durability
	// Append puts the record at the end of the log and fills in its Seq and Time. It fails with ErrCondition, with
	// ErrClosed, or with an engine's own error; then nothing was stored. The record is the caller's again when it returns.
	Append(ctx context.Context, r *Record, c Condition) error
	// Tail makes sink the reader of the log from its start, and calls it from then on. It is called once, before the first Append.
	Tail(sink Sink) error
	// Close ends the log. Later appends fail with ErrClosed.
	Close() error
}

// Batcher is a journal that takes many records at once for less than one after the other.
type Batcher interface {
	Journal
	// AppendAll appends all of the records, in their order and without another between them, or fails as Append does and
	// appends none.
	AppendAll(ctx context.Context, all []Record) error
}

// BatchSink is a sink that takes many records at once.
type BatchSink interface {
	Sink
	// ApplyAll takes the next records as Apply takes one.
	ApplyAll(all []Record)
}

// ErrClosed is returned by Append after Close.
var ErrClosed = errors.New("journal: closed")

// NewEpoch returns a random epoch of 12 characters of [a-z0-9].
func NewEpoch() string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
	out := make([]byte, 0, 12)
	var b [16]byte
	for len(out) < cap(out) {
		_, _ = rand.Read(b[:]) // crypto/rand.Read never fails
		for _, c := range b {
			// 252 is the largest multiple of 36 in a byte: past it the first letters would be likelier.
			if c < 252 && len(out) < cap(out) {
				out = append(out, alphabet[c%36])
			}
		}
	}
	return string(out)
}
