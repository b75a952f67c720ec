package transport

import (
	"encoding/json"

	"tidings/gateway"
)

// Code is a close code: 4000 to 4499 mean "come back", 4500 to 4999 "do not". The same codes hold on every transport.
type Code uint16

// The close codes.
const (
	Draining     Code = 4001
	Slow         Code = 4002
	Pressure     Code = 4003
	TokenExpired Code = 4004
	Gap          Code = 4005
	BadRequest   Code = 4500
	Unauthorized Code = 4501
	Forbidden    Code = 4503
	Limit        Code = 4504
	TransportOff Code = 4505
	Replaced     Code = 4506
	Kicked       Code = 4507
	Gone         Code = 4508 // of sockets: there is none of this name any more
)

// closings is the one table from the gateway's reasons to what a client is told.
var closings = map[gateway.Reason]Code{
	gateway.ReasonDraining:   Draining,
	gateway.ReasonSlow:       Slow,
	gateway.ReasonPressure:   Pressure,
	gateway.ReasonExpired:    TokenExpired,
	gateway.ReasonGap:        Gap,
	gateway.ReasonBadRequest: BadRequest,
	gateway.ReasonForbidden:  Forbidden,
	gateway.ReasonLimit:      Limit,
	gateway.ReasonReplaced:   Replaced,
	gateway.ReasonKicked:     Kicked,
}

// CodeOf returns the close code of a reason; ok is false where a client is told nothing because it has left or is done.
func CodeOf(reason gateway.Reason) (code Code, ok bool) {
	code, ok = closings[reason]
	return code, ok
}

// Again reports whether a client that was closed with c should come back.
func (c Code) Again() bool { return c >= 4000 && c < 4500 }

// Bye is what a client is told when the gateway ends its stream.
type Bye struct {
	Code    Code   `json:"code"`
	Reason  string `json:"reason"`
	RetryMS int    `json:"retry_ms,omitempty"` // how long to wait before coming back
	Offer   *Offer `json:"offer,omitempty"`
}

// JSON returns the bye object: {"bye":{…}}.
func (b Bye) JSON() []byte {
	out, _ := json.Marshal(struct {
		Bye Bye `json:"bye"`
	}{b}) // no field can fail to marshal
	return out
}
