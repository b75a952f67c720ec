package gateway

import "errors"

// The refusals of a publish. In every case nothing was stored. See also [ErrTopic] and [ErrReserved].
var (
	ErrType          = errors.New("the content type cannot be parsed")
	ErrJSON          = errors.New("the content type says JSON and the body is not")
	ErrEvent         = errors.New("invalid event name")
	ErrKey           = errors.New("invalid key")
	ErrTTL           = errors.New("invalid TTL")
	ErrTooLarge      = errors.New("the message is too large")
	ErrCondition     = errors.New("the topic is not in the state that was asked for")
	ErrIdempotency   = errors.New("the idempotency key was used with another message")
	ErrDurability    = errors.New("the engine does not offer this durability")
	ErrBusy          = errors.New("the fan-out is behind; try again soon")
	ErrClosed        = errors.New("the gateway is closed")
	ErrTooManyTopics = errors.New("too many topics for one follower")
)
