package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"tidings/fallback"
	"tidings/gateway"
	"tidings/transport"
	"tidings/transport/websocket"
)

// followTopic answers GET /topics/{topic}.
func (s *Server) followTopic(c *call) error {
	topic, err := topicOf(c.r)
	if err != nil {
		return err
	}
	q, err := queryOf(c.r)
	if err != nil {
		return err
	}
	if q.Has("topic") {
		return badRequest.of("the topic is in the path; several topics are followed at /topics")
	}
	a, err := askedBy(q, topic)
	if err != nil {
		return err
	}
	return s.follow(c, a)
}

// followTopics answers GET /topics.
func (s *Server) followTopics(c *call) error {
	q, err := queryOf(c.r)
	if err != nil {
		return err
	}
	a, err := askedBy(q, q["topic"]...)
	if err != nil {
		return err
	}
	return s.follow(c, a)
}

// followBytes bounds the body of POST /follow.
const followBytes = 256 << 10

// followBody answers POST /follow: the same as a GET, for long lists and for proxies that hold GET streams.
func (s *Server) followBody(c *call) error {
	base, _, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if base != "application/json" && base != "text/plain" {
		return unsupportedType.of("send JSON as application/json or text/plain, not " + quote(base))
	}
	body, err := s.readBody(c, followBytes)
	if err != nil {
		return err
	}
	var a asked
	if err := json.Unmarshal(body, &a); err != nil {
		return badRequest.of("the body cannot be read: " + jsonMistake(err))
	}
	if a.Transport == transport.WebSocket.String() {
		return badParameter.of("a WebSocket begins with GET")
	}
	return s.follow(c, &a)
}

// asked are the parameters of a follow as they came: from a query or from the body of POST /follow.
type asked struct {
	Follow    []transport.FollowItem `json:"follow"`
	Transport string                 `json:"transport"`
	Session   string                 `json:"session"`
	Wait      scalar                 `json:"wait"`
	Limit     scalar                 `json:"limit"`
	Ping      scalar                 `json:"ping"`
	Wrap      scalar                 `json:"wrap"`
}

// askedBy reads a query. The n-th since belongs to the n-th topic, and a single one to all.
func askedBy(q map[string][]string, topics ...string) (*asked, error) {
	get := func(name string) string {
		if values := q[name]; len(values) > 0 {
			return values[0]
		}
		return ""
	}
	a := &asked{
		Transport: get("transport"), Session: get("session"), Wait: scalar(get("wait")), Limit: scalar(get("limit")),
		Ping: scalar(get("ping")), Wrap: scalar(get("wrap")),
	}
	since := slices.Clone(q["since"])
	for i := range since {
		since[i] = strings.ReplaceAll(since[i], " ", "+") // of a time zone, which a query turns into a space
	}
	if len(since) > 1 && len(since) != len(topics) {
		return nil, badSince.of(fmt.Sprintf("%d times since for %d topics: give one for all, or one for each", len(since), len(topics)))
	}
	for i, topic := range topics {
		item := transport.FollowItem{Topic: topic}
		switch len(since) {
		case 0:
		case 1:
			item.Since = since[0]
		default:
			item.Since = since[i]
		}
		a.Follow = append(a.Follow, item)
	}
	return a, nil
}

// terms are the parameters of a follow, understood.
type terms struct {
	wait  time.Duration
	limit int
	ping  time.Duration
	wrap  bool
}

// The bounds of polls.
const (
	maxWait  = 55 * time.Second // below the idle time of the proxies that one meets
	maxLimit = 1000
)

func (s *Server) termsOf(a *asked) (terms, error) {
	t := terms{limit: maxLimit, ping: s.options.Ping}
	if a.Wait != "" {
		seconds, err := strconv.ParseFloat(string(a.Wait), 64)
		if err != nil || math.IsNaN(seconds) || math.IsInf(seconds, 0) || seconds < 0 {
			return t, badParameter.of("wait is seconds, not " + quote(string(a.Wait)))
		}
		t.wait = time.Duration(min(seconds, maxWait.Seconds()) * float64(time.Second))
	}
	if a.Limit != "" {
		n, err := strconv.ParseUint(string(a.Limit), 10, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) || n == 0 {
			return t, badParameter.of("limit is a number from 1, not " + quote(string(a.Limit)))
		}
		t.limit = int(min(n, maxLimit))
	}
	if a.Ping != "" {
		n, err := strconv.ParseUint(string(a.Ping), 10, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return t, badParameter.of("ping is milliseconds, not " + quote(string(a.Ping)))
		}
		t.ping = max(minPing, min(time.Duration(min(n, uint64(maxPing.Milliseconds())))*time.Millisecond, s.options.Ping))
	}
	switch a.Wrap {
	case "", "0", "false":
	case "1", "true":
		t.wrap = true
	default:
		return t, badParameter.of("wrap is 1 or 0, not " + quote(string(a.Wrap)))
	}
	const longest = 64
	if len(a.Session) > longest || strings.Trim(a.Session, sessionLetters) != "" {
		return t, badParameter.of("session is at most 64 letters, digits, - and _")
	}
	return t, nil
}

const sessionLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// follow serves what was asked for by the transport that fits, once everything about it is known to be right.
func (s *Server) follow(c *call, a *asked) error {
	if c.r.Method == http.MethodGet && c.r.ContentLength != 0 {
		return badRequest.of("a GET has no body here; POST /follow has one") // its bytes would stay on the connection
	}
	t, err := s.termsOf(a)
	if err != nil {
		return err
	}
	choice, err := s.ladder.Choose(fallback.Wish{
		Transport: a.Transport, Upgrade: isUpgrade(c.r), Accept: strings.Join(c.r.Header.Values("Accept"), ","), Wait: t.wait > 0,
	})
	if err != nil {
		return err
	}
	if choice.Kind == transport.WebSocket && !isUpgrade(c.r) {
		return upgradeRequired.of("")
	}
	enveloped := choice.Kind == transport.WebSocket && hasToken(c.r.Header.Values("Sec-WebSocket-Protocol"), websocket.Protocol)
	if choice.Kind == transport.LongPoll && a.Wait == "" {
		t.wait = maxWait // transport=longpoll alone
	}
	follows, err := s.followsOf(a.Follow, choice.Kind, resumeOf(c.r, choice.Kind))
	if err != nil {
		return err
	}
	if len(follows) == 0 && !enveloped {
		return badRequest.of("there is no topic to follow")
	}
	c.entry.kind = choice.Kind
	var p *problem
	if c.grant, p = s.admit(&c.entry); p != nil {
		return s.comeBack(c, choice.Kind, p)
	}
	f := &transport.Request{
		Gateway: s.gateway, Follows: follows, Format: choice.Format, Wait: t.wait, Limit: t.limit, Ping: t.ping,
		PollMS: int(s.options.PollInterval.Milliseconds()), Session: s.sessionOf(a, choice.Kind), Node: s.options.Node,
		Offer: s.ladder.Offer(), Wrap: t.wrap || enveloped || len(follows) != 1 || !follows[0].Pattern.Exact(),
	}
	if f.Start, err = s.gateway.Start(follows); err != nil {
		return s.comeBack(c, choice.Kind, problemOf(err))
	}
	if choice.Kind == transport.WebSocket {
		f.Upstream = &upstream{server: s, grant: c.grant, loopback: c.entry.loopback}
	}
	s.record.Chose(choice)
	return s.serve(c, choice.Kind, f)
}

// serve hands an admitted request to its transport. Only a plain poll is answered through the recorder: the others take the
// connection from what is below it.
func (s *Server) serve(c *call, kind transport.Kind, f *transport.Request) error {
	w := http.ResponseWriter(c.w)
	if kind != transport.Poll {
		w = c.w.ResponseWriter
	}
	if err := s.transports[kind].Serve(w, c.r, f); err != nil {
		return s.comeBack(c, kind, problemOf(err))
	}
	if c.w.status == 0 {
		c.w.status = http.StatusOK
		if kind == transport.WebSocket {
			c.w.status = http.StatusSwitchingProtocols
		}
	}
	return nil
}

// resumeOf returns where an EventSource says it was; that wins over since.
func resumeOf(r *http.Request, kind transport.Kind) string {
	if kind != transport.SSE {
		return ""
	}
	return r.Header.Get("Last-Event-ID")
}

// followsOf parses and checks what is to be followed. Where no since is given, a plain poll begins with everything, and what
// waits or streams begins now. A resume, if there is one, wins over every since.
func (s *Server) followsOf(items []transport.FollowItem, kind transport.Kind, resume string) ([]gateway.Follow, error) {
	if len(items) > s.options.FollowTopics {
		return nil, tooManyTopics.of(fmt.Sprintf("%d topics, at most %d are allowed", len(items), s.options.FollowTopics))
	}
	now := time.Now()
	usual := "now"
	if kind == transport.Poll {
		usual = "all"
	}
	follows := make([]gateway.Follow, 0, len(items))
	for _, item := range items {
		pattern, err := gateway.ParsePattern(item.Topic)
		if err != nil {
			return nil, err
		}
		text := item.Since
		if resume != "" {
			text = resume
		}
		if text == "" {
			text = usual
		}
		since, err := gateway.ParseSince(text, now)
		if err != nil {
			return nil, err
		}
		follows = append(follows, gateway.Follow{Pattern: pattern, Since: since})
	}
	return follows, nil
}

// sessionOf returns the label of a client: what it says, or a new one where it can keep it. A plain poll gets none, so that its
// answer can be the same for everybody.
func (s *Server) sessionOf(a *asked, kind transport.Kind) string {
	if a.Session != "" || kind == transport.Poll || kind == transport.LongPoll {
		return a.Session
	}
	return newSession()
}

// comeBack answers a follow that is refused. A plain EventSource stops for ever on any status but 200, so what is worth
// trying again is said to it with 200, a time to wait, and an end.
func (s *Server) comeBack(c *call, kind transport.Kind, p *problem) error {
	if kind != transport.SSE || !p.again() {
		return p
	}
	s.refused(c.r, p)
	retry := max(int(p.retry.Milliseconds()), 1000) + transport.RetryMS()
	h := c.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Content-Type-Options", "nosniff")
	c.w.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(c.w, fmt.Sprintf(": %s\nretry: %d\n\n", p.kind.code, retry)) // whoever asked may have left
	return nil
}
