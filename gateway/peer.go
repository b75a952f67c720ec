package gateway

import "errors"

// Peer is what a follower's messages leave by: a transport's side of one client. Only the shard that owns the follower
// calls it, one call at a time, and none of its methods may block.
type Peer interface {
	// Greeting appends what is written first, in front of everything (an answer's head, a stream's prelude, hello), for a
	// follower that begins at a cursor. It is called once. The bytes never change.
	Greeting(parts [][]byte, at Cursor) [][]byte
	// AppendNotice appends a notice as one unit to dst, or nothing where this peer has no way to say it. An error closes the
	// follower with [ReasonGap]: so does a raw WebSocket facing a gap.
	AppendNotice(dst []byte, n Notice) ([]byte, error)
	// Write offers the parts of b in order and returns how many bytes the peer took, all together. Fewer than all is no error:
	// the peer is full, and calls [Follower.Ready] when it has room again. The parts' bytes never change; the slice
	// that holds them is others' too: the peer must not change it, nor keep it when it returns. ErrFinished says that the peer has what it needs (an answered long poll);
	// any other error ends the follower with [ReasonGone].
	Write(b *Batch) (int, error)
	// Close is the last call: the gateway has ended the follower (not called after Follower.Close(ReasonGone) nor after
	// an error of Write). The peer says why, if it has a way to, and closes its connection. rest is what was begun and must
	// precede whatever the peer still says: the end of a unit that was written in part, or the greeting. It never changes.
	Close(reason Reason, at Cursor, rest []byte)
}

// Talker is a [Peer] that is told when there is room for replies again, after [Follower.Reply], Add or Remove returned false: less than
// half of what may be unwritten is. It must not block either. It is not called once the follower has ended.
type Talker interface {
	Peer
	Room()
}

// Batch is what a follower has pending.
type Batch struct {
	Parts  [][]byte // whole units, but the first may be the rest of one
	Bytes  int      // their bytes all together
	Cursor Cursor   // the follower's position once all parts are written
	More   bool     // there is more after this batch already
}

// ErrFinished is returned by [Peer.Write] when the peer needs nothing more.
var ErrFinished = errors.New("gateway: the peer has finished")

// NoticeKind says what a notice tells.
type NoticeKind uint8

// The notices.
const (
	NoticeGap     NoticeKind = iota // messages From to To of Topic (or pattern) are lost, for GapReason
	NoticeLive                      // Topic has caught up at Cursor
	NoticeDeleted                   // the history of Topic up to To was dropped
	NoticePing                      // nothing else to say; the follower is at Cursor
)

// Notice is what a follower is told beside messages.
type Notice struct {
	Kind   NoticeKind
	Topic  string
	From   uint64
	To     uint64
	Reason GapReason
	Doubt  bool   // of a gap: nothing need be missing, but prev of the next message cannot tell
	Cursor Cursor // the follower's position after it
}

// GapReason says why messages are missing.
type GapReason string

// The reasons of a gap.
const (
	GapExpired       GapReason = "expired"        // older than the topic's age, or past their TTL
	GapDeleted       GapReason = "deleted"        // the topic's history was dropped
	GapRestart       GapReason = "restart"        // the cursor is of another epoch
	GapUnknownCursor GapReason = "unknown_cursor" // the cursor is ahead of the log
	GapLimit         GapReason = "limit"          // the topic or the whole history was over its limit
)

// GapReasons lists all reasons, in the order in which they are counted.
var GapReasons = [...]GapReason{GapExpired, GapDeleted, GapRestart, GapUnknownCursor, GapLimit}

// Reason says why a follower ended.
type Reason string

// The reasons. Those from ReasonDraining on are said by the gateway, with a close code each (see transport.Codes).
const (
	ReasonGone       Reason = "gone"          // the client left, or its connection broke
	ReasonFinished   Reason = "finished"      // the answer is complete (long poll)
	ReasonDraining   Reason = "draining"      // the gateway is stopping
	ReasonSlow       Reason = "slow"          // it pinned memory that was needed, or a topic's rule ends who is so far behind
	ReasonGap        Reason = "gap"           // it cannot be told of a gap
	ReasonBadRequest Reason = "bad_request"   // it sent what the wire does not allow
	ReasonForbidden  Reason = "forbidden"     //
	ReasonLimit      Reason = "limit"         // it follows too much
	ReasonReplaced   Reason = "replaced"      // a newer request of the same client took its place
	ReasonKicked     Reason = "kicked"        // an operator ended it
	ReasonPressure   Reason = "pressure"      // the gateway asks it to take a cheaper transport
	ReasonExpired    Reason = "token_expired" // its token has expired
)

// Reasons lists all reasons, in the order in which they are counted.
var Reasons = [...]Reason{
	ReasonGone, ReasonFinished, ReasonDraining, ReasonSlow, ReasonGap, ReasonBadRequest, ReasonForbidden,
	ReasonLimit, ReasonReplaced, ReasonKicked, ReasonPressure, ReasonExpired,
}
