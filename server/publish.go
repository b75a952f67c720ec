package server

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tidings/gateway"
	"tidings/gateway/journal"
)

// publish answers POST /topics/{topic}.
func (s *Server) publish(c *call) error {
	topic, err := topicOf(c.r)
	if err != nil {
		return err
	}
	if err := gateway.CheckTopic(topic); err != nil {
		return err
	}
	d, err := draftOf(c.r)
	if err != nil {
		return err
	}
	if d.Data, err = s.readBody(c, s.options.MessageBytes); err != nil {
		return err
	}
	d.Topic, d.Scope = topic, c.grant.scope
	receipt, err := s.gateway.Publish(c.r.Context(), d)
	if err != nil {
		return err
	}
	status := http.StatusCreated
	if receipt.Duplicate {
		status = http.StatusOK
	}
	s.answerReceipt(c, status, &receipt)
	return nil
}

// answerJSON answers 200 with a value that always marshals.
func answerJSON(c *call, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	body = append(body, '\n')
	h := c.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	c.w.WriteHeader(http.StatusOK)
	_, _ = c.w.Write(body) // whoever asked may have left
	return nil
}

// draftOf reads everything of a publish but its topic and its body. Each header has a query form, which wins: who writes a
// URL means it, while some headers are sent by themselves.
func draftOf(r *http.Request) (gateway.Draft, error) {
	q, err := queryOf(r)
	if err != nil {
		return gateway.Draft{}, err
	}
	d := gateway.Draft{Type: field(r, q, "Content-Type", "type")}
	// curl -d sends the form type by itself; whoever does so means text.
	if base, _ := gateway.BaseType(d.Type); base == "application/x-www-form-urlencoded" {
		d.Type = ""
	}
	if isMeagre(r) {
		return d, nil
	}
	d.Event, d.Key = field(r, q, "Tidings-Event", "event"), field(r, q, "Tidings-Key", "key")
	if d.TTL, err = parseTTL(field(r, q, "Tidings-Ttl", "ttl")); err != nil {
		return gateway.Draft{}, err
	}
	if d.IdempotencyKey, err = checkIdempotencyKey(field(r, q, "Idempotency-Key", "idempotency_key")); err != nil {
		return gateway.Draft{}, err
	}
	if d.IfLast, err = parseIfMatch(field(r, q, "If-Match", "if_match")); err != nil {
		return gateway.Draft{}, err
	}
	switch condition := field(r, q, "If-None-Match", "if_none_match"); condition {
	case "":
	case "*":
		d.IfEmpty = true
	default:
		return gateway.Draft{}, badParameter.of("If-None-Match may only be *, not " + quote(condition))
	}
	d.Durability = journal.Durability(field(r, q, "Tidings-Durability", "durability"))
	switch d.Durability {
	case "", journal.InMemory, journal.OnDisk, journal.InQuorum:
	default:
		return gateway.Draft{}, badParameter.of("durability may be memory, disk or quorum, not " + quote(string(d.Durability)))
	}
	return d, nil
}

// field returns a parameter or else a header, whose name is in net/http's spelling.
func field(r *http.Request, q url.Values, name, parameter string) string {
	if q.Has(parameter) {
		return strings.Clone(q.Get(parameter)) // it is a piece of the request line, which a message must not keep
	}
	return header(r, name)
}

// isMeagre reports whether a request has none of the fields that say more of a message than its type.
func isMeagre(r *http.Request) bool {
	if r.URL.RawQuery != "" {
		return false
	}
	for name := range r.Header {
		switch name {
		case "Tidings-Event", "Tidings-Key", "Tidings-Ttl", "Tidings-Durability", "Idempotency-Key", "If-Match", "If-None-Match":
			return false
		}
	}
	return true
}

// maxTTL bounds a TTL so that an expiry fits its integer.
const maxTTL = 100 * 365 * 24 * time.Hour

// parseTTL reads seconds or a duration. Empty means none.
func parseTTL(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	ttl, err := time.ParseDuration(text)
	if strings.Trim(text, "0123456789") == "" {
		var seconds int64
		seconds, err = strconv.ParseInt(text, 10, 64)
		ttl = time.Duration(min(seconds, int64(2*maxTTL/time.Second))) * time.Second
	}
	if err != nil || ttl <= 0 || ttl > maxTTL {
		return 0, badTTL.of(quote(text) + " is neither seconds nor a duration above 0")
	}
	return ttl, nil
}

const maxIdempotencyKey = 255

func checkIdempotencyKey(key string) (string, error) {
	if len(key) > maxIdempotencyKey || !utf8.ValidString(key) || strings.ContainsFunc(key, unicode.IsControl) {
		return "", badParameter.of("an idempotency key has at most 255 bytes of UTF-8 without control characters, not " + quote(key))
	}
	return key, nil
}

// parseIfMatch reads a cursor with or without the quotes of an entity tag, and also as polls write it in their weak ETag.
func parseIfMatch(text string) (*gateway.Cursor, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no condition and no mistake
	}
	bare := strings.TrimPrefix(text, "W/")
	if unquoted, ok := strings.CutPrefix(bare, `"`); ok {
		bare = strings.TrimSuffix(unquoted, `"`)
	}
	cursor, err := gateway.ParseCursor(bare)
	if err != nil {
		return nil, badParameter.of("If-Match takes one cursor, not " + quote(text))
	}
	return &cursor, nil
}
