package server

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
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
	"tidings/transport/park"
	"tidings/transport/websocket"
	"tidings/transport/wire"
)

// followGet answers GET /topics/{topic} and GET /topics.
func (s *Server) followGet(c *call) error {
	if c.r.ContentLength != 0 {
		return badRequest.of("a GET has no body here; POST /follow has one") // its bytes would stay on the connection
	}
	v := visit{inquiry: inquiryOf(c)}
	v.read()
	return s.follow(c, &v)
}

// followBytes bounds the body of POST /follow.
const followBytes = 256 << 10

// followBody answers POST /follow: the same as a GET, for long lists and for proxies that hold GET streams. The body is JSON, or what
// would be a GET's query.
func (s *Server) followBody(c *call) error {
	base, _, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	switch base {
	case "application/json", "text/plain", "application/x-www-form-urlencoded", "": // XDomainRequest names none
	default:
		return unsupportedType.of("send JSON as application/json or text/plain, or a query, not " + quote(base))
	}
	body, err := s.readBody(c, followBytes)
	if err != nil {
		return err
	}
	v := visit{inquiry: inquiryOf(c)}
	if text := strings.TrimSpace(string(body)); text == "" || text[0] == '{' || base == "application/json" {
		if err := json.Unmarshal(body, &v.asked); err != nil {
			return badRequest.of("the body cannot be read: " + jsonMistake(err))
		}
	} else {
		v.inquiry.query = text
		v.read()
	}
	c.w.blind = v.asked.Blind == "1" || v.asked.Blind == "true"
	switch v.asked.Transport {
	case transport.WebSocket.String(), fallback.Iframe:
		return badParameter.of("the transport " + v.asked.Transport + " begins with GET")
	}
	return s.follow(c, &v)
}

// asked are the parameters of a follow as they came: from a query or from the body of POST /follow.
type asked struct {
	Follow    []transport.FollowItem `json:"follow"`
	Transport string                 `json:"transport"`
	Session   string                 `json:"session"`
	N         scalar                 `json:"n"`
	Wait      scalar                 `json:"wait"`
	Limit     scalar                 `json:"limit"`
	Ping      scalar                 `json:"ping"`
	Tick      scalar                 `json:"tick"`
	Wrap      scalar                 `json:"wrap"`
	Prelude   scalar                 `json:"prelude"`
	Blind     scalar                 `json:"blind"`
	Compress  scalar                 `json:"compress"`
	From      string                 `json:"from"`
	Cause     string                 `json:"cause"`
	Callback  string                 `json:"-"` // a script element and an iframe cannot POST
	Origin    string                 `json:"-"`
}

// since reports whether a place to begin is given.
func (a *asked) since() bool {
	return slices.ContainsFunc(a.Follow, func(f transport.FollowItem) bool { return f.Since != "" })
}

// read takes what is asked from the path and the query of a GET. What is wrong with it is said by plan, which finds out how it can be said.
func (v *visit) read() {
	v.asked = asked{Follow: v.asked.Follow[:0]}
	v.mistake = v.readQuery()
}

// readQuery is read, but for its error. The n-th since belongs to the n-th topic, and a single one to all.
func (v *visit) readQuery() (err error) {
	if v.params, err = parseParams(v.params[:0], v.inquiry.query); err != nil {
		return badRequest.of("the query cannot be parsed: " + err.Error())
	}
	p, a := v.params, &v.asked
	*a = asked{
		Transport: p.get("transport"), Session: p.get("session"), N: scalar(p.get("n")), Wait: scalar(p.get("wait")), Limit: scalar(p.get("limit")),
		Ping: scalar(p.get("ping")), Tick: scalar(p.get("tick")), Wrap: scalar(p.get("wrap")), Prelude: scalar(p.get("prelude")),
		Blind: scalar(p.get("blind")), Compress: scalar(p.get("compress")), Callback: p.get("callback"), Origin: p.get("origin"),
		From: p.get("from"), Cause: p.get("cause"), Follow: a.Follow[:0],
	}
	if escaped, one := strings.CutPrefix(v.inquiry.path, "/topics/"); one {
		topic, err := unescapeTopic(escaped)
		if err != nil {
			return err
		}
		a.Follow = append(a.Follow, transport.FollowItem{Topic: topic})
	}
	for i := range p {
		if p[i].name != "topic" {
			continue
		}
		if strings.HasPrefix(v.inquiry.path, "/topics/") {
			return badRequest.of("the topic is in the path; several topics are followed at /topics")
		}
		a.Follow = append(a.Follow, transport.FollowItem{Topic: p[i].value})
	}
	return p.begin(a.Follow)
}

// begin says of each follow where it begins.
func (p params) begin(follows []transport.FollowItem) error {
	since := 0
	for i := range p {
		if p[i].name == "since" {
			since++
		}
	}
	if since > 1 && since != len(follows) {
		return badSince.of(fmt.Sprintf("%d times since for %d topics: give one for all, or one for each", since, len(follows)))
	}
	at := 0
	for i := range p {
		if p[i].name != "since" {
			continue
		}
		// A time zone's plus is what a query turns into a space.
		text := strings.ReplaceAll(p[i].value, " ", "+")
		if since == 1 {
			for j := range follows {
				follows[j].Since = text
			}
			break
		}
		follows[at].Since = text
		at++
	}
	return nil
}

// terms are the parameters of a follow, understood.
type terms struct {
	wait  time.Duration
	limit int
	ping  time.Duration
	tick  time.Duration // 0 for none
	wrap  bool
	// prelude says that an NDJSON stream opens with 2 KB of spaces.
	prelude bool
	// compress says that the client asks for what is compressed, bare that it refuses it. Most say neither.
	compress, bare bool
}

// The bounds of polls, and of the time from hello to a tick.
const (
	maxWait  = 55 * time.Second // below the idle time of the proxies that one meets
	maxLimit = 1000
	minTick  = 50 * time.Millisecond
	maxTick  = 2 * time.Second
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
		asked, err := a.Ping.milliseconds("ping", maxPing)
		if err != nil {
			return t, err
		}
		t.ping = max(minPing, min(asked, s.options.Ping))
	}
	if a.Tick != "" {
		asked, err := a.Tick.milliseconds("tick", maxTick)
		if err != nil {
			return t, err
		}
		t.tick = max(minTick, asked)
	}
	var err error
	if t.wrap, err = a.Wrap.yes("wrap"); err != nil {
		return t, err
	}
	if t.prelude, err = a.Prelude.yes("prelude"); err != nil {
		return t, err
	}
	if _, err = a.Blind.yes("blind"); err != nil {
		return t, err
	}
	if t.compress, err = a.Compress.yes("compress"); err != nil {
		return t, err
	}
	t.bare = a.Compress != "" && !t.compress
	return t, nil
}

// milliseconds understands a parameter that is a time; what is more than most is most.
func (s scalar) milliseconds(name string, most time.Duration) (time.Duration, error) {
	n, err := strconv.ParseUint(string(s), 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, badParameter.of(name + " is milliseconds, not " + quote(string(s)))
	}
	return time.Duration(min(n, uint64(most.Milliseconds()))) * time.Millisecond, nil
}

// yes understands a parameter that is a yes or a no; to say nothing is a no.
func (s scalar) yes(name string) (bool, error) {
	switch s {
	case "", "0", "false":
		return false, nil
	case "1", "true":
		return true, nil
	}
	return false, badParameter.of(name + " is 1 or 0, not " + quote(string(s)))
}

// plan decides how what was asked for is served, or why it is not. What it finds is in v: the choice even where it is refused, as
// soon as that is known.
func (s *Server) plan(v *visit) (err error) {
	q, a := &v.inquiry, &v.asked
	v.choice, v.script = fallback.Choice{Kind: transport.Poll}, script{}
	t, mistake := s.termsOf(a)
	number, unordered := a.numberOf()
	client := s.clientOf(q)
	rungs := s.ladder.Rungs(client, a.Follow)
	choice, off := s.ladder.Choose(fallback.Wish{
		Transport: a.Transport, Upgrade: q.upgrades(), Accept: q.accept, Wait: t.wait > 0,
	}, rungs)
	// Whom an answer calls is found out first, since it is to hear of everything else.
	if v.script, err = s.scriptOf(a, &q.entry, choice); err != nil {
		return err
	}
	if err = cmp.Or(v.mistake, mistake, unordered, off); err != nil {
		return err
	}
	v.number = number
	if choice.Kind == transport.WebSocket {
		if !q.upgrades() {
			return upgradeRequired.of("")
		}
		if err := websocket.Check(&q.handshake); err != nil {
			return err
		}
	}
	enveloped := choice.Kind == transport.WebSocket && hasToken([]string{q.handshake.Protocols}, websocket.Protocol)
	if choice.Kind == transport.LongPoll && a.Wait == "" {
		t.wait = maxWait // transport=longpoll alone
	}
	if v.follows, err = s.followsOf(v.follows[:0], a.Follow, choice.Kind, q.resume(choice.Kind)); err != nil {
		return err
	}
	if len(v.follows) == 0 && !enveloped {
		return badRequest.of("there is no topic to follow")
	}
	v.choice = choice
	q.entry.kind, q.entry.offer = choice.Kind, s.ladder.OfferTo(rungs, fallback.QuirksOf(q.userAgent))
	v.request = transport.Request{
		Gateway: s.gateway, Follows: v.follows, Format: choice.Format, Wait: t.wait, Limit: t.limit, Ping: t.ping, Tick: t.tick, Prelude: t.prelude,
		PollMS: int(s.press.stretched(s.options.PollInterval).Milliseconds()), Session: s.sessionOf(a, choice.Kind), Node: s.options.Node,
		Offer: *q.entry.offer, Wrap: t.wrap || enveloped || len(v.follows) != 1 || !v.follows[0].Pattern.Exact(),
		Known: q.known, Handshake: q.handshake, Compress: s.compresses(choice.Kind, q, &t),
		Callback: v.script.callback, Origin: v.script.origin,
	}
	grant, refused := s.admit(&q.entry)
	if refused != nil {
		return refused
	}
	s.underPressure(v)
	if choice.Kind == transport.WebSocket {
		v.request.Upstream = s.upstreamFor(grant, client, q.entry.loopback)
	}
	v.request.Start, err = s.gateway.Start(v.follows)
	return err
}

// follow serves what was asked for by the transport that fits.
func (s *Server) follow(c *call, v *visit) error {
	err := s.plan(v)
	if err != nil {
		if errors.Is(err, websocket.ErrVersion) {
			c.w.Header().Set("Sec-WebSocket-Version", "13")
		}
		if v.inquiry.upgrades() {
			// Whoever sent the head does not speak HTTP behind it: eight bytes of hixie-76, or frames already.
			c.w.Header().Set("Connection", "close")
		}
		return s.comeBack(c, v, problemOf(err))
	}
	if v.brief {
		c.r.Close = true
		c.w.Header().Set("Connection", "close")
	}
	if v.request.Cache == transport.CacheForAll {
		c.w.Header().Del("Vary") // the origin: the answer is the same for all
		for _, f := range s.corsFields(&v.inquiry.entry, v.request.Cache) {
			c.w.Header().Set(f.Name, f.Value)
		}
	}
	// The transports do not answer through the recorder: they may take the connection from what is below it.
	status, err := s.serve(park.HTTP(c.w.ResponseWriter, c.r), v)
	if err != nil {
		return s.comeBack(c, v, problemOf(err))
	}
	c.w.status = status
	return nil
}

// followsOf parses and checks what is to be followed, and appends it to follows. Where no since is given, a plain poll begins with everything, and what
// waits or streams begins now. A resume, if there is one, wins over every since.
func (s *Server) followsOf(
	follows []gateway.Follow, items []transport.FollowItem, kind transport.Kind, resume string,
) ([]gateway.Follow, error) {
	if len(items) > s.options.FollowTopics {
		return nil, tooManyTopics.of(fmt.Sprintf("%d topics, at most %d are allowed", len(items), s.options.FollowTopics))
	}
	now := time.Now()
	usual := "now"
	if kind == transport.Poll {
		usual = "all"
	}
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

// comeBack answers a follow that is refused, in a way that its client can see. Who is called by a script is called with the refusal. A
// plain EventSource stops for ever on any status but 200, so what is worth trying again is said to it with 200, a time to wait, and an
// end. A browser shows a page no answer but 101 to a WebSocket: what the page can do something about is said on it.
func (s *Server) comeBack(c *call, v *visit, p *problem) error {
	switch {
	case v.script.is():
		s.refused(c.r, p)
		park.HTTP(c.w, c.r).Reply(v.script.refusal(p))
	case v.choice.Kind == transport.WebSocket && p.kind == pressed:
		s.refused(c.r, p)
		v.request.Refuse = gateway.ReasonPressure
		status, err := s.transports[transport.WebSocket].Serve(park.HTTP(c.w.ResponseWriter, c.r), &v.request)
		if err != nil {
			p.write(c.w)
			break
		}
		c.w.status = status
	case v.choice.Kind == transport.SSE && p.again() && !c.w.blind && !asksBlind(c.r):
		s.refused(c.r, p)
		s.askEventSource(c, v, p)
	default:
		return p
	}
	return nil
}

// askEventSource tells an EventSource when to try again, and what else there is.
func (s *Server) askEventSource(c *call, v *visit, p *problem) {
	retry := max(int(p.retry.Milliseconds()), 1000) + transport.RetryMS()
	body := fmt.Appendf(nil, ": %s\n", p.kind.code)
	bye, _ := transport.ByeFor(gateway.ReasonPressure, v.request.Offer)
	bye.RetryMS = retry
	switch {
	case p.kind != pressed:
		body = fmt.Appendf(body, "retry: %d\n\n", retry)
	case v.request.Wrap:
		body = wire.AppendSSEBye(body, bye, gateway.Cursor{})
	default:
		body = wire.AppendSSERawBye(body, bye, gateway.Cursor{})
	}
	answerEvents(c, p, body)
}

// answerEvents answers a request that is refused with an event stream that ends at once.
func answerEvents(c *call, p *problem, body []byte) {
	h := c.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Content-Type-Options", "nosniff")
	if p.kind == pressed {
		h.Set("Connection", "close") // it takes a file
	}
	c.w.WriteHeader(http.StatusOK)
	_, _ = c.w.Write(body) // whoever asked may have left
}
