package config

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"tidings/fallback"
	"tidings/gateway"
	"tidings/transport"
)

// bounds holds the least and greatest value of options that are numbers.
var bounds = map[string]struct{ least, most int64 }{
	"limits.body":                {1, 1 << 30},
	"limits.batch":               {1, 1 << 32},
	"limits.connections":         {1, 1 << 30},
	"limits.held_polls":          {0, 1 << 30},
	"limits.sessions":            {1, 1 << 30},
	"limits.topics_per_follower": {1, 100_000},
	"history.bytes":              {1 << 20, 1 << 46},
	"history.messages":           {1, 1 << 30},
	"history.topic_bytes":        {1, 1 << 46},
	"history.age":                {int64(time.Second), int64(10 * 365 * 24 * time.Hour)},
	"head_start":                 {0, int64(time.Minute)},
	"pressure.files":             {0, 1 << 30},
	"pressure.memory":            {0, 1 << 50},
	"pressure.ask":               {1, 100},
	"pressure.move":              {1, 100},
	"pressure.refuse":            {1, 100},
	"pressure.slack":             {1, 99},
	"pressure.dwell":             {int64(time.Second), int64(time.Hour)},
	"pressure.rate":              {1, 1_000_000},
	"compression.from":           {64, 1 << 30},
	"ping":                       {int64(time.Second), int64(20 * time.Second)},
	"poll":                       {int64(100 * time.Millisecond), int64(time.Hour)},
	"poll_away":                  {int64(time.Second), int64(24 * time.Hour)},
	"idempotency.keys":           {1, 1 << 30},
	"idempotency.window":         {int64(time.Second), int64(7 * 24 * time.Hour)},
	"drain":                      {int64(time.Second), int64(time.Hour)},
	"append_wait":                {int64(time.Millisecond), int64(time.Minute)},
}

// validate reports what each value says wrong. A value that could not be read is still its default here.
func (l *loader) validate() {
	for _, o := range options {
		v := l.field(o)
		if b, ok := bounds[o.Key]; ok && (v.Int() < b.least || v.Int() > b.most) {
			as := func(n int64) string { return format(reflect.ValueOf(n).Convert(o.kind)) }
			l.wrong(o.Key, "%s is out of bounds: from %s to %s", as(v.Int()), as(b.least), as(b.most))
		}
		if len(o.Choices) > 0 && !slices.Contains(o.Choices, v.String()) {
			l.wrong(o.Key, "%q is none of %s%s", v.String(), strings.Join(o.Choices, ", "), Meant(v.String(), o.Choices))
		}
	}
	c := l.config
	if c.Limits.Body > c.History.Bytes {
		l.wrong("limits.body", "%v do not fit into history.bytes, which is %v", c.Limits.Body, c.History.Bytes)
	}
	l.validateRules()
	l.validateTransports()
	l.validateLadder()
	l.validateSockets()
	l.validatePressure()
	l.validateAccess()
	if c.Metrics.Listen != "" {
		if _, err := splitAddress(c.Metrics.Listen); err != nil {
			l.wrong("metrics.listen", "%v", err)
		} else if c.Metrics.Listen == c.Listen && !strings.HasSuffix(c.Listen, ":0") {
			l.wrong("metrics.listen", "is the same as listen; leave it empty to serve /metrics there")
		}
	}
}

// wrong reports a mistake in the value of a key.
func (l *loader) wrong(key, format string, args ...any) {
	l.mistakes.add(l.origins[key], "%s: %s", key, fmt.Sprintf(format, args...))
}

// wrongIn reports mistakes in the keys of a rule; where a key is not written, at the rule's own place.
func (l *loader) wrongIn(rule string) func(key, format string, args ...any) {
	return func(key, format string, args ...any) {
		where := cmp.Or(l.origins[rule+"."+key], l.origins[rule])
		l.mistakes.add(where, "%s.%s: %s", rule, key, fmt.Sprintf(format, args...))
	}
}

func (l *loader) validateRules() {
	for i, r := range l.config.History.Rules {
		path := fmt.Sprintf("history.rules[%d]", i)
		wrongIn := l.wrongIn(path)
		if r.Topic == "" {
			wrongIn("topic", "is missing")
		} else if _, err := gateway.ParsePattern(r.Topic); err != nil {
			wrongIn("topic", "%v", err)
		} else if r == (Rule{Topic: r.Topic}) {
			wrongIn("topic", "the rule for %q says nothing: it needs messages, bytes, age, conflate or slow", r.Topic)
		}
		if r.Messages < 0 {
			wrongIn("messages", "%d is less than 1", r.Messages)
		}
		if r.Bytes < 0 {
			wrongIn("bytes", "%v is less than 1", r.Bytes)
		}
		if r.Age != 0 && r.Age < Duration(time.Second) {
			wrongIn("age", "%v is less than 1s", r.Age)
		}
		for f := range reflect.TypeFor[Rule]().Fields() {
			choices := strings.Fields(f.Tag.Get("choices"))
			if word := reflect.ValueOf(r).FieldByIndex(f.Index).String(); len(choices) > 0 && word != "" && !slices.Contains(choices, word) {
				wrongIn(f.Tag.Get("key"), "%q is none of %s%s", word, strings.Join(choices, ", "), Meant(word, choices))
			}
		}
		switch {
		case r.Lag < 0:
			wrongIn("lag", "%d is less than 1", r.Lag)
		case r.Lag > 0 && r.Slow != "disconnect":
			wrongIn("lag", "it means nothing without slow: disconnect")
		}
	}
}

func (l *loader) validateTransports() {
	l.transports(l.config.Transports, func(format string, args ...any) { l.wrong("transports", format, args...) })
}

// transports reports what is wrong with a list of them.
func (l *loader) transports(list []string, wrong func(format string, args ...any)) {
	var names []string
	for _, kind := range transport.Kinds {
		names = append(names, kind.String())
	}
	seen := map[string]bool{}
	for _, name := range list {
		switch {
		case !slices.Contains(names, name):
			wrong("%q is none of %s%s", name, strings.Join(names, ", "), Meant(name, names))
		case seen[name]:
			wrong("%q is there twice", name)
		}
		seen[name] = true
	}
	if len(list) == 0 {
		wrong("at least one is needed")
	}
}

func (l *loader) validateLadder() {
	if n := len(l.config.Ladder); n > fallback.MaxRules {
		l.wrong("ladder", "%d rules, at most %d are allowed", n, fallback.MaxRules)
	}
	for i, r := range l.config.Ladder {
		wrongIn := l.wrongIn(fmt.Sprintf("ladder[%d]", i))
		if r.Topic == "" && r.Clients == "" {
			wrongIn("topic", "the rule fits nobody: it needs a topic, clients, or both; what is for all is in transports")
		}
		if _, err := gateway.ParsePattern(r.Topic); err != nil && r.Topic != "" {
			wrongIn("topic", "%v", err)
		}
		if _, err := ParseRange(r.Clients); err != nil && r.Clients != "" {
			wrongIn("clients", "%v", err)
		}
		l.transports(r.Transports, func(format string, args ...any) { wrongIn("transports", format, args...) })
		left := func(name string) bool { return slices.Contains(l.config.Transports, name) }
		if len(r.Transports) > 0 && !slices.ContainsFunc(r.Transports, left) {
			wrongIn("transports", "none of them is among transports, so that nothing is left")
		}
	}
	for _, text := range l.config.Proxies {
		if _, err := ParseRange(text); err != nil {
			l.wrong("proxies", "%v", err)
		}
	}
}

// ParseRange reads an address, or a range of them in the notation of RFC 4632 section 3.1: 10.0.0.0/8.
func ParseRange(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%q is no address, such as 192.0.2.1, and no range, such as 10.0.0.0/8", text)
	}
	return p.Masked(), nil
}

func (l *loader) validatePressure() {
	p := l.config.Pressure
	switch {
	case p.Ask > p.Move:
		l.wrong("pressure.move", "%d is less than pressure.ask, which is %d", p.Move, p.Ask)
	case p.Move > p.Refuse:
		l.wrong("pressure.refuse", "%d is less than pressure.move, which is %d", p.Refuse, p.Move)
	case p.Slack >= p.Ask:
		l.wrong("pressure.slack", "%d is not less than pressure.ask, which is %d: no level would end", p.Slack, p.Ask)
	}
}

// validateAccess reports who could come in that should not.
func (l *loader) validateAccess() {
	for _, origin := range l.config.Origins {
		one, everyPort := strings.CutSuffix(origin, ":*")
		if u, err := url.Parse(one); origin != "*" && origin != "null" &&
			(err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.Scheme+"://"+u.Host != one || everyPort && u.Port() != "") {
			l.wrong("origins", "%q is no origin: write it as https://example.org, or * for every one", origin)
		}
	}
	for _, key := range l.config.PublishKeys {
		switch {
		case key == "":
			l.wrong("publish_keys", "one of the keys is empty")
		case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
			l.wrong("publish_keys", "one of the keys has spaces or characters that no header can carry")
		}
	}
	loopback, err := splitAddress(l.config.Listen)
	switch {
	case err != nil:
		l.wrong("listen", "%v", err)
	case !loopback && len(l.config.PublishKeys) == 0 && !l.config.Insecure && !l.badKeyFile():
		l.wrong("listen", "other machines can reach %s, and anyone could publish there: set publish_keys (or "+
			"TIDINGS_PUBLISH_KEY), or say insecure if that is what you want", l.config.Listen)
	}
}

// badKeyFile reports whether keys were meant to come from a file that could not be read, which is a mistake already.
func (l *loader) badKeyFile() bool {
	return l.config.PublishKeyFile != "" && len(l.config.PublishKeys) == 0
}

// splitAddress checks host:port and reports whether only this machine can reach it.
func splitAddress(address string) (loopback bool, err error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return false, fmt.Errorf("%q is no address: write host:port, as 127.0.0.1:8080 or :8080", address)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil { // 0: the system picks one
		return false, fmt.Errorf("%q has no port from 0 to 65535", address)
	}
	if host == "localhost" {
		return true, nil
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback(), nil
}
