package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"tidings/fallback"
	"tidings/gateway"
	"tidings/gateway/journal"
	"tidings/gateway/socket"
	"tidings/transport"
	"tidings/transport/websocket"
)

// errorKind is one row of the table of errors.
type errorKind struct {
	code   string
	status int
	title  string
	help   string // for docs/errors.md: what to do about it
}

// The errors. Each code is a promise to clients: it may be joined by others, but never change its meaning.
var (
	badRequest         = row("bad_request", 400, "The request cannot be understood", "The detail says what is wrong with it.")
	badTopic           = row("invalid_topic", 400, "This is no topic", "1 to 255 bytes and 1 to 16 segments split by `/`; no empty segment, `.`, `..`, control character, invalid UTF-8 or `%2F`; wildcards (`*`, `**`) only where one follows.")
	badSince           = row("invalid_since", 400, "This is no place to begin", "Give a cursor, `now`, `all`, `latest`, `last:N`, a duration or an RFC 3339 time; one for all topics or one for each.")
	badParameter       = row("invalid_parameter", 400, "A parameter or header cannot be used", "The detail names it and what it may be.")
	badEvent           = row("invalid_event", 400, "This is no event name", "At most 255 bytes without control characters, and not beginning with `tidings.`.")
	badKey             = row("invalid_key", 400, "This is no key", "At most 255 bytes without control characters.")
	badTTL             = row("invalid_ttl", 400, "This is no TTL", "Give seconds, or a duration such as `10m`, above 0.")
	badType            = row("invalid_type", 400, "The content type cannot be parsed", "Send a media type such as `text/plain; charset=utf-8`, or none.")
	badBatch           = row("invalid_batch", 400, "The batch cannot be parsed", "Nothing of it was stored. Send NDJSON or one JSON array of items.")
	tooManyTopics      = row("too_many_topics", 400, "Too many topics for one follower", "Follow a pattern, or split the topics over several followers.")
	unauthorized       = row("unauthorized", 401, "A publish key is needed", "Send `Authorization: Bearer <key>` with a publish key of this gateway. A gateway that others can reach takes no message without one.")
	forbiddenOrigin    = row("forbidden_origin", 403, "This origin is not allowed", "Add the page's origin to the gateway's list of origins.")
	reservedTopic      = row("reserved_topic", 403, "Topics that begin with $ belong to the gateway", "Choose another first segment.")
	socketRefused      = row("socket_refused", 403, "The socket is refused", "Its handler says why; the status may be another.")
	notFound           = row("not_found", 404, "There is nothing here", "Topics are at `/topics/{topic}`.")
	socketGone         = row("socket_gone", 404, "There is no such socket any more", "Open a new one: the client was away for too long, the socket is over, or the gateway has started again.")
	methodNotAllowed   = row("method_not_allowed", 405, "The method is not allowed here", "`Allow` lists those that are.")
	transportOff       = row("transport_off", 406, "This transport is switched off", "Use what `offer` names, in its order.")
	jsonpOff           = row("jsonp_off", 406, "JSONP is switched off", "Poll without `callback`, or switch `jsonp` on.")
	bodyTimeout        = row("body_timeout", 408, "The body came too slowly", "Send it again; what was answered before is stored.")
	failedCondition    = row("precondition_failed", 412, "The topic is not in the state that was asked for", "Ask for the topic's newest cursor (`HEAD`) and decide again.")
	tooLarge           = row("too_large", 413, "The message is too large", "Send less, or raise the gateway's limit.")
	unsupportedType    = row("unsupported_media_type", 415, "This content type cannot be read here", "The detail says which can. Compressed bodies (`Content-Encoding`) are not read.")
	forbiddenHost      = row("forbidden_host", 421, "This host name is not served here", "A gateway on a loopback address answers to loopback names only, so that no web page reaches it under a name of its own. Behind a proxy, add the public name to the gateway's list of hosts.")
	invalidJSON        = row("invalid_json", 422, "The content type says JSON and the body is not", "Mend the body, or send it as `text/plain`.")
	idempotencyReused  = row("idempotency_key_reused", 422, "The idempotency key was used with another message", "Use a key for one message only.")
	durabilityMissing  = row("durability_unavailable", 422, "The engine does not offer this durability", "Ask for less, or run the gateway on an engine that has it.")
	upgradeRequired    = row("upgrade_required", 426, "This is a WebSocket", "Connect with a WebSocket handshake, or choose another transport.")
	internalError      = row("internal_error", 500, "The gateway failed", "Try again later; its log says more.")
	busy               = row("busy", 503, "The fan-out is behind", "Nothing was stored. Try again after `Retry-After`.")
	draining           = row("draining", 503, "The gateway is stopping", "Try again after `Retry-After`; another gateway or the next start answers.")
	pressed            = row("pressure", 503, "Files or memory are short", "Use what `offer` names: where that is a poll, ask for it at once. Otherwise try again after `Retry-After`.")
	tooManyConnections = row("limit", 503, "The gateway holds as many connections as it may", "Try again after `Retry-After`, or poll: plain polls hold no connection.")
)

// errorTable lists all rows in the order of their declaration: that of docs/errors.md, and of the counters.
var errorTable []*errorKind

func row(code string, status int, title, help string) *errorKind {
	k := &errorKind{code: code, status: status, title: title, help: help}
	errorTable = append(errorTable, k)
	return k
}

// problem is a refusal on its way out.
type problem struct {
	kind   *errorKind
	detail string
	offer  *transport.Offer // for transport_off and pressure: what there is instead
	retry  time.Duration    // when to come back; 0 where that would not help
	allow  string           // for method_not_allowed
	status int              // for socket_refused; 0 for that of its kind
	cause  error            // for internal_error: it goes to the log and never out
}

// code returns the status.
func (p *problem) code() int { return cmp.Or(p.status, p.kind.status) }

// Error implements error for the log and for handlers that return a problem.
func (p *problem) Error() string { return p.kind.code + ": " + p.detail }

// of makes a problem of a kind with the detail of this case.
func (k *errorKind) of(detail string) *problem {
	p := &problem{kind: k, detail: detail}
	if k.status == http.StatusServiceUnavailable {
		p.retry = time.Second
	}
	return p
}

// causes is the one table from what the packages below return to what the wire says.
var causes = []struct {
	err  error
	kind *errorKind
}{
	{gateway.ErrTopic, badTopic},
	{gateway.ErrReserved, reservedTopic},
	{gateway.ErrSince, badSince},
	{gateway.ErrType, badType},
	{gateway.ErrJSON, invalidJSON},
	{gateway.ErrEvent, badEvent},
	{gateway.ErrKey, badKey},
	{gateway.ErrTTL, badTTL},
	{gateway.ErrTooLarge, tooLarge},
	{gateway.ErrCondition, failedCondition},
	{gateway.ErrIdempotency, idempotencyReused},
	{gateway.ErrDurability, durabilityMissing},
	{gateway.ErrTooManyTopics, tooManyTopics},
	{gateway.ErrBusy, busy},
	{gateway.ErrClosed, draining},
	{journal.ErrClosed, draining},
	{websocket.ErrMethod, upgradeRequired},
	{websocket.ErrUpgrade, upgradeRequired},
	{websocket.ErrVersion, upgradeRequired},
	{websocket.ErrKey, badRequest},
	{websocket.ErrExtensions, badRequest},
	{websocket.ErrProtocols, badRequest},
	{socket.ErrGone, socketGone},
	{socket.ErrFull, tooManyConnections},
	{socket.ErrClosed, draining},
	{http.ErrNotSupported, upgradeRequired}, // the connection cannot be taken from its handler
	{context.Canceled, busy},                // nothing was stored, and whoever asked has most likely left
	{context.DeadlineExceeded, busy},
}

// problemOf says an error in the words of the wire. What it does not know is internal, and its text stays here.
func problemOf(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if off, ok := errors.AsType[*fallback.OffError](err); ok {
		p := transportOff.of(off.Error())
		p.offer = off.Offer
		return p
	}
	if unknown, ok := errors.AsType[*fallback.UnknownError](err); ok {
		return badParameter.of(unknown.Error())
	}
	if refused, ok := errors.AsType[*socket.RefusedError](err); ok {
		p := socketRefused.of(refused.Detail)
		p.status = refused.Status
		return p
	}
	for _, cause := range causes {
		if errors.Is(err, cause.err) {
			return cause.kind.of(err.Error())
		}
	}
	p := internalError.of("")
	p.cause = err
	return p
}

// problemType is what "type" says (RFC 9457 section 3.1.1): an identifier, as the gateway has no home page to link to.
const problemType = "urn:tidings:error:"

// problemJSON are the members of a problem (RFC 9457 section 3).
type problemJSON struct {
	Type    string           `json:"type"`
	Title   string           `json:"title"`
	Status  int              `json:"status"`
	Detail  string           `json:"detail,omitempty"`
	Code    string           `json:"code"`
	Offer   *transport.Offer `json:"offer,omitempty"`
	RetryMS int64            `json:"retry_ms,omitempty"` // for who sees no Retry-After
}

func (p *problem) members() problemJSON {
	return problemJSON{problemType + p.kind.code, p.kind.title, p.code(), p.detail, p.kind.code, p.offer, 0}
}

// body is the problem as application/problem+json.
func (p *problem) body() []byte {
	out, _ := json.Marshal(p.members()) // strings always marshal
	return append(out, '\n')
}

// refusal is the problem as acks and batch results say it.
func (p *problem) refusal() *transport.Refusal {
	detail := p.detail
	if detail == "" {
		detail = p.kind.title
	}
	return &transport.Refusal{Code: p.kind.code, Status: p.code(), Detail: detail}
}

// again reports whether the same request may well succeed later.
func (p *problem) again() bool {
	return p.code() >= 500 || p.code() == http.StatusRequestTimeout
}

// write answers with the problem.
func (p *problem) write(w http.ResponseWriter) {
	h := w.Header()
	if p.allow != "" {
		h.Set("Allow", p.allow)
	}
	switch p.kind {
	case unauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="tidings"`)
	case pressed:
		h.Set("Connection", "close") // it takes a file
	case upgradeRequired:
		h.Set("Upgrade", "websocket")
		h.Add("Connection", "Upgrade") // behind close, if that is there: net/http looks for it in the first
	}
	p.answer(w, p.code(), "application/problem+json", p.body())
}

// answer answers with the problem as a body of some type says it.
func (p *problem) answer(w http.ResponseWriter, status int, mediaType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if p.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.retry+time.Second-1)/time.Second)))
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // whoever asked may have left
}
