package client

import "time"

// Event is one thing that a follow tells: exactly one of its fields is set.
type Event struct {
	Message *Message
	Gap     *Gap
	Live    *Live
	Deleted *Deleted
	State   *State
}

// Message is a message.
type Message struct {
	Topic  string
	Cursor string // the position after it: what to give as Since to go on from here
	Seq    uint64
	Prev   uint64 // seq of the message before it in its topic
	Time   time.Time
	Event  string
	Key    string
	Type   string // media type; for JSON and text as far as the envelope tells: application/json or text/plain
	Latest bool   // its topic conflates: older messages may have been skipped on purpose
	Data   []byte
}

// Unstated is the reason of a gap that no gateway stated: the reader noticed it by itself. It means a fault somewhere.
const Unstated = "unstated"

// Gap tells that messages are missing.
type Gap struct {
	Topic  string `json:"topic"` // or the pattern
	From   uint64 `json:"from"`  // first missing seq; 0 with To 0 if the extent is not known
	To     uint64 `json:"to"`    // last missing seq
	Reason string `json:"reason"`
}

// Live tells that what is followed has caught up with its history.
type Live struct {
	Topic  string `json:"topic"` // or the pattern
	Cursor string `json:"cursor"`
}

// Deleted tells that the history of a topic was dropped, up to and including To.
type Deleted struct {
	Topic string `json:"topic"`
	To    uint64 `json:"to"`
}

// State tells that a transport has begun to deliver, or that the connection was lost.
type State struct {
	Transport string        // what delivers, or did
	Connected bool          // the gateway has spoken
	Node      string        // which gateway answered, if it said so
	Err       error         // why the connection was lost
	Wait      time.Duration // how long until the next attempt
}
