package fallback

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tidings/gateway"
	"tidings/transport"
)

func ruled(t *testing.T, rules ...Rule) *Ladder {
	t.Helper()
	l, err := NewLadder(LadderOptions{Rules: rules, Off: []transport.Kind{transport.Stream}})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func topic(t *testing.T, text string) gateway.Pattern {
	t.Helper()
	p, err := gateway.ParsePattern(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRulesForceTheLadder(t *testing.T) {
	polls := RungsOf(transport.LongPoll, transport.Poll)
	l := ruled(t,
		Rule{Topic: topic(t, "scores/**"), Only: polls},
		Rule{Clients: netip.MustParsePrefix("10.0.0.0/8"), Only: all &^ RungsOf(transport.WebSocket)},
		Rule{Topic: topic(t, "chat"), Clients: netip.MustParsePrefix("2001:db8::/32"), Only: RungsOf(transport.WebSocket)},
	)
	for _, c := range []struct{ addr, topics, want string }{
		{"192.0.2.1", "news", "websocket sse longpoll poll"},
		{"192.0.2.1", "scores", "longpoll poll"},
		{"192.0.2.1", "news scores/a", "longpoll poll"},
		{"192.0.2.1", "**", "longpoll poll"}, // else the rule could be got round
		{"192.0.2.1", "*/a", "longpoll poll"},
		{"192.0.2.1", "news/*", "websocket sse longpoll poll"},
		{"10.1.2.3", "news", "sse longpoll poll"},
		{"::ffff:10.1.2.3", "news", "sse longpoll poll"},
		{"10.1.2.3", "scores/a", "longpoll poll"},
		{"2001:db8::1", "chat", "websocket"},
		{"2001:db9::1", "chat", "websocket sse longpoll poll"},
		{"2001:db8::1", "chat scores", ""},
		{"", "news", "websocket sse longpoll poll"},
		{"", "not//a topic", "websocket sse longpoll poll"},
	} {
		var follows []transport.FollowItem
		for name := range strings.SplitSeq(c.topics, " ") {
			follows = append(follows, transport.FollowItem{Topic: name})
		}
		addr, _ := netip.ParseAddr(c.addr)
		if got := strings.Join(l.Offer(l.Rungs(l.ClientAt(addr), follows)).Transports, " "); got != c.want {
			t.Errorf("%s to %s: %q, want %q", c.addr, c.topics, got, c.want)
		}
	}
	if !l.ByAddress() || ruled(t, Rule{Topic: topic(t, "a"), Only: polls}).ByAddress() {
		t.Error("who has no rule for addresses need not find them out")
	}
}

func TestARefusalSaysWhatIsLeft(t *testing.T) {
	l := ruled(t, Rule{Topic: topic(t, "scores/**"), Only: RungsOf(transport.Poll)})
	rungs := l.Rungs(0, nil)
	if rungs != l.On() {
		t.Fatalf("%b", rungs)
	}
	rungs = l.Rungs(l.ClientAt(netip.Addr{}), []transport.FollowItem{{Topic: "scores"}})
	_, err := l.Choose(Wish{Accept: "text/event-stream"}, rungs)
	var off *OffError
	if !errors.As(err, &off) || off.Offer != l.Offer(RungsOf(transport.Poll)) || strings.Contains(err.Error(), "switched off") {
		t.Errorf("%v", err)
	}
	if c, err := l.Choose(Wish{Accept: "text/event-stream, application/json"}, rungs); err != nil || c.Kind != transport.Poll {
		t.Errorf("%v, %v: what is accepted and allowed is what is answered", c, err)
	}
	if _, err := l.Choose(Wish{Transport: "stream"}, rungs); !strings.Contains(err.Error(), "switched off") {
		t.Errorf("%v", err)
	}
	if _, err := l.Choose(Wish{}, 0); !strings.Contains(err.Error(), "in parts") {
		t.Errorf("%v", err)
	}
}

func TestRulesAreChecked(t *testing.T) {
	for _, rules := range [][]Rule{
		{{Only: 0}},
		{{Only: RungsOf(transport.Stream)}}, // which is off
		make([]Rule, MaxRules+1),
	} {
		if _, err := NewLadder(LadderOptions{Off: []transport.Kind{transport.Stream}, Rules: rules}); err == nil {
			t.Errorf("%d rules were taken", len(rules))
		}
	}
}

// Under pressure, polls alone are offered; where a client may not poll, all that it may use.
func TestOffersUnderPressure(t *testing.T) {
	l, err := NewLadder(LadderOptions{HeadStart: 400 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	o := l.Offer(all)
	if len(o.Transports) != 5 || o.HeadMS != 400 || o.Shared {
		t.Errorf("%+v", o)
	}
	if c := o.Cheaper; strings.Join(c.Transports, " ") != "poll" || c.HeadMS != 400 || !c.Shared {
		t.Errorf("%+v", c)
	}
	o = l.Offer(RungsOf(transport.SSE, transport.LongPoll))
	if c := o.Cheaper; strings.Join(c.Transports, " ") != "sse longpoll" || c.Shared {
		t.Errorf("%+v", c)
	}
}

// A client is not offered what it fails on, as long as something else is left.
func TestOffersToQuirks(t *testing.T) {
	l := ruled(t)
	if o := l.OfferTo(l.On(), FailsWebSocket); strings.Join(o.Transports, " ") != "sse longpoll poll" {
		t.Errorf("%v", o.Transports)
	}
	if o := l.OfferTo(RungsOf(transport.WebSocket), FailsWebSocket); strings.Join(o.Transports, " ") != "websocket" {
		t.Errorf("%v", o.Transports)
	}
}
