package client

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"tidings/transport"
)

// Error is a refusal by the gateway (RFC 9457), or the goodbye with which it ended a stream for good.
type Error struct {
	Status     int            // HTTP status; 0 if a stream was ended
	Close      transport.Code // why a stream was ended; 0 if a request was refused
	Code       string         // the problem's stable name, see docs/errors.md; empty if what answered was no gateway
	Title      string
	Detail     string
	Transports []string      // what the gateway offers instead, when a transport is off or too dear
	RetryAfter time.Duration // what the gateway asked to wait; 0 if it did not say
}

// Error says what was refused and why in one line.
func (e *Error) Error() string {
	switch {
	case e.Close != 0:
		return fmt.Sprintf("the gateway closed the stream: %s (%d)", e.Code, e.Close)
	case e.Detail != "":
		return fmt.Sprintf("refused with %d: %s", e.Status, e.Detail)
	}
	return fmt.Sprintf("refused with %d: %s", e.Status, cmp.Or(e.Title, http.StatusText(e.Status)))
}

// temporary reports whether the same request may be granted later.
func (e *Error) temporary() bool {
	if e.Close != 0 {
		return e.Close.Again()
	}
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return e.Status >= 500
}

// transportOff reports whether only the transport was refused, not the follow.
func (e *Error) transportOff() bool {
	return e.Close == transport.TransportOff || e.Code == "transport_off" || e.Code == "upgrade_required"
}

// pressed reports whether the gateway asks for a cheaper transport, because files or memory are short.
func (e *Error) pressed() bool { return e.Close == transport.Pressure || e.Code == "pressure" }

// refusal reads an answer that is none of those that were wanted.
func refusal(resp *http.Response) *Error {
	e := &Error{Status: resp.StatusCode}
	if seconds, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 16); err == nil {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	var p struct {
		Title, Detail, Code string
		Offer               *transport.Offer
	}
	if json.Unmarshal(body, &p) == nil {
		e.Title, e.Detail, e.Code, e.Transports = p.Title, p.Detail, p.Code, offered(p.Offer)
	}
	return e
}

// goodbye is what ended a stream.
func goodbye(b *transport.Bye) *Error {
	return &Error{
		Close: b.Code, Code: b.Reason, RetryAfter: time.Duration(b.RetryMS) * time.Millisecond, Transports: offered(b.Offer),
	}
}

func offered(o *transport.Offer) []string {
	if o == nil {
		return nil
	}
	return slices.Clone(o.Transports)
}
