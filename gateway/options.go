package gateway

import (
	"cmp"
	"runtime"
	"time"

	"tidings/gateway/journal"
)

// Options configure a gateway. The zero value of a field means its default.
type Options struct {
	Journal journal.Journal // the engine; required
	Shards  int             // how many goroutines fan out; default GOMAXPROCS

	// Rules say how much of a topic's history is kept, and for whom: the first whose pattern matches the topic holds, and Default where
	// none does.
	Rules   []Rule
	Default Retention
	// HistoryBytes bounds all topics' history together, encodings and bookkeeping included; default 256 MiB.
	HistoryBytes int64
	// MessageBytes bounds one payload; default 1 MiB.
	MessageBytes int
	// FollowTopics bounds how many topics and patterns one follower follows; default 100.
	FollowTopics int
	// IdempotencyKeys bounds how many keys are remembered (default 100,000), IdempotencyWindow for how long (default 5 minutes).
	IdempotencyKeys   int
	IdempotencyWindow time.Duration
	// AppendWait bounds how long a publish waits for the fan-out to catch up before it fails with [ErrBusy]; default 2 s.
	AppendWait time.Duration
	// Classes is how many classes of followers are counted apart (see [Terms.Class]); default 1.
	Classes int
}

// Rule says what of the topics that a pattern matches is kept, and what becomes of who reads them slowly.
type Rule struct {
	Pattern   Pattern
	Retention Retention
	Slow      Slow
}

// Slow says what becomes of a follower that reads a topic slower than it is published to. The zero value has it get a gap for what
// was gone before it could take it, and go on. What was gone before the follow began is a gap in any case.
type Slow struct {
	Disconnect bool // it is ended with [ReasonSlow] instead of the gap
	Lag        int  // and as soon as more messages of the topic than this wait for it; 0 for any number
}

// Retention says how much of a topic's history is kept. What is over any of its bounds goes, oldest first. The zero value
// of a bound means its default.
type Retention struct {
	Messages int           // default 1,000; 1 makes the topic conflate: a slow reader gets the newest only
	Bytes    int64         // of payload; default 16 MiB
	Age      time.Duration // default 24 h
	// ByKey makes the topic conflate by key: of its messages with the same key only the newest is kept, whatever the bounds.
	ByKey bool
}

func (r Retention) withDefaults(d Retention) Retention {
	if r.Messages == 0 {
		r.Messages = d.Messages
	}
	if r.Bytes == 0 {
		r.Bytes = d.Bytes
	}
	if r.Age == 0 {
		r.Age = d.Age
	}
	r.ByKey = r.ByKey || d.ByKey
	return r
}

// DefaultRetention holds the defaults of the bounds that a rule leaves open.
var DefaultRetention = Retention{Messages: 1000, Bytes: 16 << 20, Age: 24 * time.Hour}

func (o Options) withDefaults() Options {
	o.Shards = cmp.Or(o.Shards, runtime.GOMAXPROCS(0))
	o.HistoryBytes = cmp.Or(o.HistoryBytes, 256<<20)
	o.MessageBytes = cmp.Or(o.MessageBytes, 1<<20)
	o.FollowTopics = cmp.Or(o.FollowTopics, 100)
	o.IdempotencyKeys = cmp.Or(o.IdempotencyKeys, 100_000)
	o.IdempotencyWindow = cmp.Or(o.IdempotencyWindow, 5*time.Minute)
	o.AppendWait = cmp.Or(o.AppendWait, 2*time.Second)
	o.Classes = cmp.Or(o.Classes, 1)
	o.Default = o.Default.withDefaults(DefaultRetention)
	return o
}
