package server

import (
	"slices"
	"strings"
	"time"

	"tidings/gateway"
)

// socketAsk is what a request says of its place in a socket that can move.
type socketAsk struct {
	asked                    // of these: Transport, N, Wait, Ping, Tick, Prelude, Blind, From and Cause
	id        string         // the socket's label
	since     string         // as it came; empty where the client has not heard of its socket
	protocols []string       // the subprotocols that are offered, where no header does
	number    uint32         // among the socket's links; 0 if it says none
	terms     terms          // of these: wait, ping, tick and prelude
	at        gateway.Cursor // since, understood
	blind     bool
}

// The bounds of a socket's label: 16 letters of base64 are 96 bits, so that nobody guesses another's.
const (
	shortestLabel = 16
	longestLabel  = 64
)

// tokenLetters are what the name of a subprotocol is made of (RFC 9110 section 5.6.2).
const tokenLetters = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// readSocket reads our part of a query. What is found out before a mistake is in the ask all the same: how it can be said.
func (s *Server) readSocket(ours string) (a socketAsk, err error) {
	p, err := parseParams(nil, ours)
	if err != nil {
		return a, badRequest.of("the query cannot be parsed: " + err.Error())
	}
	a = socketAsk{id: p.get("tidings"), since: p.get("since"), asked: asked{
		Transport: p.get("transport"), N: scalar(p.get("n")), Wait: scalar(p.get("wait")), Ping: scalar(p.get("ping")), Tick: scalar(p.get("tick")),
		Prelude: scalar(p.get("prelude")), Blind: scalar(p.get("blind")), From: p.get("from"), Cause: p.get("cause"),
	}}
	a.blind, _ = a.Blind.yes("blind") // a mistake in it is found below
	if list := p.get("protocols"); list != "" {
		for one := range strings.SplitSeq(list, ",") {
			a.protocols = append(a.protocols, strings.TrimSpace(one))
		}
	}
	if len(a.id) < shortestLabel || len(a.id) > longestLabel || strings.Trim(a.id, sessionLetters) != "" {
		return a, badParameter.of("tidings is the label of a socket: 16 to 64 letters, digits, - and _")
	}
	for i, one := range a.protocols {
		if one == "" || strings.Trim(one, tokenLetters) != "" || slices.Contains(a.protocols[:i], one) {
			return a, badParameter.of("protocols are different names with commas between them")
		}
	}
	if a.number, err = a.numberOf(); err != nil {
		return a, err
	}
	if a.terms, err = s.termsOf(&a.asked); err != nil {
		return a, err
	}
	return a, a.resumeAt(a.since)
}

// resumeAt has the socket carried on from a cursor, unless that is empty.
func (a *socketAsk) resumeAt(since string) (err error) {
	if since == "" {
		return nil
	}
	if a.at, err = gateway.ParseCursor(since); err != nil {
		return badSince.of("a socket is resumed at a cursor that it has told, not " + quote(since))
	}
	a.since = since
	return nil
}

// resumes reports whether the client has heard of its socket before.
func (a *socketAsk) resumes() bool { return a.since != "" }

// ping is the heartbeat that was asked for; 0 where none was.
func (a *socketAsk) ping() time.Duration {
	if a.Ping == "" {
		return 0
	}
	return a.terms.ping
}
