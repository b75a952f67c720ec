package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tidings/fallback"
	"tidings/gateway"
	"tidings/transport"
	"tidings/transport/park"
	"tidings/transport/websocket"
)

// followGet answers GET /topics/{topic} and GET /topics.
func (s *Server) followGet(c *call) error {
	if c.r.ContentLength != 0 {
		return badRequest.of("a GET has no body here; POST /follow has one") // its bytes would stay on the connection
	}
	q := inquiryOf(c)
	a, err := askedOf(q)
	if err != nil {
		return err
	}
	return s.follow(c, q, a)
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
	return s.follow(c, inquiryOf(c), &a)
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

// askedOf reads the path and the query of a GET. The n-th since belongs to the n-th topic, and a single one to all.
func askedOf(q *inquiry) (*asked, error) {
	p, err := parseParams(q.query)
	if err != nil {
		return nil, badRequest.of("the query cannot be parsed: " + err.Error())
	}
	topics := p.all("topic")
	if escaped, one := strings.CutPrefix(q.path, "/topics/"); one {
		if len(topics) > 0 {
			return nil, badRequest.of("the topic is in the path; several topics are followed at /topics")
		}
		topic, err := unescapeTopic(escaped)
		if err != nil {
			return nil, err
		}
		topics = []string{topic}
	}
	a := &asked{
		Transport: p.get("transport"), Session: p.get("session"), Wait: scalar(p.get("wait")), Limit: scalar(p.get("limit")),
		Ping: scalar(p.get("ping")), Wrap: scalar(p.get("wrap")),
	}
	since := p.all("since")
	if len(since) > 1 && len(since) != len(topics) {
		return nil, badSince.of(fmt.Sprintf("%d times since for %d topics: give one for all, or one for each", len(since), len(topics)))
	}
	for i, topic := range topics {
		item := transport.FollowItem{Topic: topic}
		if len(since) > 0 {
			// A time zone's plus is what a query turns into a space.
			item.Since = strings.ReplaceAll(since[min(i, len(since)-1)], " ", "+")
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

// plan is a follow of which everything is known to be right: how it is served.
type plan struct {
	choice  fallback.Choice
	grant   grant
	request *transport.Request
}

// plan decides how what was asked for is served, or why it is not. Kind is that of the plan even where it is refused, as soon as it
// is known.
func (s *Server) plan(q *inquiry, a *asked) (p plan, err error) {
	p.choice.Kind = transport.Poll
	t, err := s.termsOf(a)
	if err != nil {
		return p, err
	}
	choice, err := s.ladder.Choose(fallback.Wish{
		Transport: a.Transport, Upgrade: q.upgrades(), Accept: q.accept, Wait: t.wait > 0,
	})
	if err != nil {
		return p, err
	}
	if choice.Kind == transport.WebSocket {
		if !q.upgrades() {
			return p, upgradeRequired.of("")
		}
		if err := websocket.Check(&q.handshake); err != nil {
			return p, err
		}
	}
	enveloped := choice.Kind == transport.WebSocket && hasToken([]string{q.handshake.Protocols}, websocket.Protocol)
	if choice.Kind == transport.LongPoll && a.Wait == "" {
		t.wait = maxWait // transport=longpoll alone
	}
	follows, err := s.followsOf(a.Follow, choice.Kind, q.resume(choice.Kind))
	if err != nil {
		return p, err
	}
	if len(follows) == 0 && !enveloped {
		return p, badRequest.of("there is no topic to follow")
	}
	p.choice = choice
	q.entry.kind = choice.Kind
	var refused *problem
	if p.grant, refused = s.admit(&q.entry); refused != nil {
		return p, refused
	}
	f := &transport.Request{
		Gateway: s.gateway, Follows: follows, Format: choice.Format, Wait: t.wait, Limit: t.limit, Ping: t.ping,
		PollMS: int(s.options.PollInterval.Milliseconds()), Session: s.sessionOf(a, choice.Kind), Node: s.options.Node,
		Offer: s.ladder.Offer(), Wrap: t.wrap || enveloped || len(follows) != 1 || !follows[0].Pattern.Exact(),
		Known: q.known, Handshake: q.handshake,
	}
	if choice.Kind == transport.WebSocket {
		f.Upstream = s.upstreamFor(p.grant, q.entry.loopback)
	}
	f.Start, err = s.gateway.Start(follows)
	p.request = f
	return p, err
}

// follow serves what was asked for by the transport that fits.
func (s *Server) follow(c *call, q *inquiry, a *asked) error {
	p, err := s.plan(q, a)
	kind := p.choice.Kind
	if err != nil {
		if errors.Is(err, websocket.ErrVersion) {
			c.w.Header().Set("Sec-WebSocket-Version", "13")
		}
		return s.comeBack(c, kind, problemOf(err))
	}
	s.record.Chose(p.choice)
	// The transports do not answer through the recorder: they may take the connection from what is below it.
	status, err := s.transports[kind].Serve(park.HTTP(c.w.ResponseWriter, c.r), p.request)
	if err != nil {
		return s.comeBack(c, kind, problemOf(err))
	}
	c.w.status = status
	return nil
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
