package client

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidings/gateway"
)

const (
	epochA = "aaaaaaaa"
	epochB = "bbbbbbbb"
)

func readerOf(t testing.TB, follows string) *reader {
	t.Helper()
	var patterns []gateway.Pattern
	var since []string
	for word := range strings.FieldsSeq(follows) {
		name, from, _ := strings.Cut(word, "=")
		p, err := gateway.ParsePattern(name)
		if err != nil {
			t.Fatal(err)
		}
		patterns, since = append(patterns, p), append(since, from)
	}
	r, err := newReader(patterns, since)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// said writes events in short: a message is topic:seq, a gap is topic[from-to]reason.
func said(events []Event) string {
	var out []string
	for _, e := range events {
		switch {
		case e.Message != nil:
			out = append(out, fmt.Sprintf("%s:%d", e.Message.Topic, e.Message.Seq))
		case e.Gap != nil:
			out = append(out, fmt.Sprintf("%s[%d-%d]%s", e.Gap.Topic, e.Gap.From, e.Gap.To, e.Gap.Reason))
		case e.Live != nil:
			out = append(out, "live "+e.Live.Topic)
		case e.Deleted != nil:
			out = append(out, fmt.Sprintf("deleted %s-%d", e.Deleted.Topic, e.Deleted.To))
		}
	}
	return strings.Join(out, " ")
}

// in reads an object written in short: "connect", "hello <cursor>", "ping <cursor>", "live <topic> <cursor>", "gap <topic> <from> <to>
// <reason>", "deleted <topic> <to>", "begin <cursor>" and "end <cursor> [more]" of a poll, and a message "<topic> <seq> <prev> [latest]".
func in(t testing.TB, line string) (object, bool) {
	t.Helper()
	w := append(strings.Fields(line), "", "", "", "")
	var o object
	var text string
	switch w[0] {
	case "connect":
		return o, true
	case "hello", "ping":
		text = fmt.Sprintf(`{%q:{"cursor":%q}}`, w[0], w[1])
	case "live":
		text = fmt.Sprintf(`{"live":{"topic":%q,"cursor":%q}}`, w[1], w[2])
	case "gap":
		text = fmt.Sprintf(`{"gap":{"topic":%q,"from":%s,"to":%s,"reason":%q}}`, w[1], w[2], w[3], w[4])
	case "deleted":
		text = fmt.Sprintf(`{"deleted":{"topic":%q,"to":%s}}`, w[1], w[2])
	case "begin", "end":
		o.page = &page{Cursor: w[1], More: w[2] == "more", first: w[0] == "begin"}
		return o, false
	default:
		text = fmt.Sprintf(`{"topic":%q,"seq":%s,"prev":%s,"latest":%t,"data":1}`, w[0], w[1], w[2], w[3] == "latest")
	}
	o, err := parseObject([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return o, false
}

func TestReader(t *testing.T) {
	tests := []struct {
		name    string
		follows string
		lines   []string // what comes, and after " → " what is told
		since   string   // where to go on, at the end
	}{
		{
			name: "messages in order, each once", follows: "a=now",
			lines: []string{"hello aaaaaaaa-5", "live a aaaaaaaa-5 → live a", "a 7 5 → a:7", "a 7 5", "a 6 5", "a 9 7 → a:9"},
			since: "aaaaaaaa-9",
		},
		{
			name: "the first after now has to follow the cursor of hello", follows: "a=now",
			lines: []string{"hello aaaaaaaa-5", "a 9 8 → a[6-8]unstated a:9"}, since: "aaaaaaaa-9",
		},
		{
			name: "prev before the cursor is continuous", follows: "a=aaaaaaaa-5",
			lines: []string{"hello aaaaaaaa-5", "a 9 2 → a:9"}, since: "aaaaaaaa-9",
		},
		{
			name: "a jump is reported and taken", follows: "a=now",
			lines: []string{"hello aaaaaaaa-1", "a 2 0 → a:2", "a 9 7 → a[3-7]unstated a:9", "a 10 9 → a:10"}, since: "aaaaaaaa-10",
		},
		{
			name: "latest excuses a jump", follows: "a=now",
			lines: []string{"hello aaaaaaaa-1", "a 2 0 latest → a:2", "a 9 7 latest → a:9", "a 8 2 latest"}, since: "aaaaaaaa-9",
		},
		{
			name: "another topic raises no cover", follows: "*=all",
			lines: []string{
				"hello aaaaaaaa-0", "b 9 0 → b:9", "live * aaaaaaaa-9 → live *", "a 12 0 → a:12", "b 11 9 → b:11", "a 11 0",
			},
			since: "aaaaaaaa-12",
		},
		{
			name: "with all, the first message is taken as it comes until live", follows: "a=all b=all",
			lines: []string{
				"hello aaaaaaaa-0", "a 7 4 → a:7", "live a aaaaaaaa-7 → live a", "live b aaaaaaaa-8 → live b", "b 12 10 → b[9-10]unstated b:12",
			},
			since: "aaaaaaaa-12 aaaaaaaa-12",
		},
		{
			name: "a stated gap", follows: "a=aaaaaaaa-2",
			lines: []string{
				"hello aaaaaaaa-2", "gap a 3 8 expired → a[3-8]expired", "a 10 8 → a:10", "gap a 11 12 limit → a[11-12]limit", "a 13 12 → a:13",
			},
			since: "aaaaaaaa-13",
		},
		{
			name: "a gap never lowers a cover", follows: "a=aaaaaaaa-2",
			lines: []string{"hello aaaaaaaa-2", "a 9 2 → a:9", "gap a 3 4 expired → a[3-4]expired", "a 9 2", "a 10 9 → a:10"},
			since: "aaaaaaaa-10",
		},
		{
			name: "a gap for a pattern", follows: "w/**=aaaaaaaa-2",
			lines: []string{
				"hello aaaaaaaa-2", "w/a 3 0 → w/a:3", "gap w/** 4 20 limit → w/**[4-20]limit", "w/a 22 19 → w/a:22", "w/b 23 20 → w/b:23",
				"w/c 19 0",
			},
			since: "aaaaaaaa-23",
		},
		{
			name: "a gap of unknown extent raises nothing", follows: "a=aaaaaaaa-2",
			lines: []string{"hello aaaaaaaa-2", "gap a 0 0 expired → a[0-0]expired", "a 9 8 → a[3-8]unstated a:9"}, since: "aaaaaaaa-9",
		},
		{
			name: "deleted", follows: "a=aaaaaaaa-2",
			lines: []string{"hello aaaaaaaa-2", "a 3 2 → a:3", "deleted a 7 → deleted a-7", "a 8 7 → a:8"}, since: "aaaaaaaa-8",
		},
		{
			name: "a restart while connected again", follows: "a=now",
			lines: []string{
				"hello aaaaaaaa-100", "live a aaaaaaaa-100 → live a", "a 101 100 → a:101", "connect",
				"hello bbbbbbbb-0 → a[0-0]restart", "gap a 0 0 restart", "a 3 2 → a:3", "live a bbbbbbbb-3 → live a", "a 4 3 → a:4",
			},
			since: "bbbbbbbb-4",
		},
		{
			name: "a cursor of another epoch", follows: "a=aaaaaaaa-100",
			lines: []string{"hello bbbbbbbb-0 → a[0-0]restart", "a 3 2 → a:3"}, since: "bbbbbbbb-3",
		},
		{
			name: "a restart in a poll", follows: "a=aaaaaaaa-100",
			lines: []string{"begin bbbbbbbb-3 → a[0-0]restart", "gap a 0 0 restart", "a 3 2 → a:3", "end bbbbbbbb-3 → live a"}, since: "bbbbbbbb-3",
		},
		{
			name: "a restart that the gateway states first", follows: "a=all",
			lines: []string{"hello aaaaaaaa-0", "gap a 0 0 restart → a[0-0]restart", "a 3 2 → a:3"}, since: "aaaaaaaa-3",
		},
		{
			name: "a cursor that is ahead of the log", follows: "a=aaaaaaaa-100",
			lines: []string{"hello aaaaaaaa-0", "gap a 0 0 unknown_cursor → a[0-0]unknown_cursor", "a 3 2 → a:3", "a 4 3 → a:4"},
			since: "aaaaaaaa-4",
		},
		{
			name: "pings move the position, not the covers", follows: "a=now",
			lines: []string{"hello aaaaaaaa-1", "live a aaaaaaaa-1 → live a", "a 2 0 → a:2", "ping aaaaaaaa-9", "a 8 2 → a:8"},
			since: "aaaaaaaa-9",
		},
		{
			name: "resumed at the position", follows: "a=now b=now",
			lines: []string{
				"hello aaaaaaaa-1", "live a aaaaaaaa-1 → live a", "live b aaaaaaaa-1 → live b", "a 9 0 → a:9", "connect", "hello aaaaaaaa-9",
				"a 9 0", "b 10 0 → b:10",
			},
			since: "aaaaaaaa-9 aaaaaaaa-10",
		},
		{
			name: "a loss while it was away is noticed", follows: "*=now",
			lines: []string{
				"hello aaaaaaaa-1", "live * aaaaaaaa-1 → live *", "a 9 0 → a:9", "connect", "hello aaaaaaaa-9", "b 10 8 → b[2-8]unstated b:10",
			},
			since: "aaaaaaaa-10",
		},
		{
			name: "nothing received: asked again as at first", follows: "a=10m b=last:3",
			lines: []string{"hello aaaaaaaa-5", "connect"}, since: "10m last:3",
		},
		{
			name: "now is asked for once", follows: "a=now", lines: []string{"hello aaaaaaaa-5", "connect"}, since: "aaaaaaaa-5",
		},
		{
			name: "what is not live goes on from its own", follows: "a=all b=all",
			lines: []string{
				"hello aaaaaaaa-0", "a 3 0 → a:3", "live a aaaaaaaa-9 → live a", "b 5 0 → b:5", "a 12 3 → a:12", "connect",
			},
			since: "aaaaaaaa-12 aaaaaaaa-5",
		},
		{
			name: "polls", follows: "a=all b=all",
			lines: []string{
				"begin aaaaaaaa-4", "a 3 2 → a:3", "a 4 3 → a:4", "end aaaaaaaa-4 more", "begin aaaaaaaa-9", "b 9 7 → b:9",
				"end aaaaaaaa-9 → live a live b",
				"begin aaaaaaaa-20", "a 20 15 → a[5-15]unstated a:20", "end aaaaaaaa-20",
			},
			since: "aaaaaaaa-20 aaaaaaaa-20",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := readerOf(t, test.follows)
			r.connect()
			for _, line := range test.lines {
				line, want, _ := strings.Cut(line, " → ")
				o, connect := in(t, line)
				if connect {
					r.connect()
					continue
				}
				events, err := r.take(o)
				if err != nil {
					t.Fatalf("%s: %v", line, err)
				}
				if got := said(events); got != want {
					t.Errorf("%s tells %q, want %q", line, got, want)
				}
			}
			if got := strings.Join(r.since(), " "); test.since != "" && got != test.since {
				t.Errorf("goes on from %q, want %q", got, test.since)
			}
		})
	}
}

func TestReaderRefuses(t *testing.T) {
	for _, line := range []string{"hello nonsense", "ping bbbbbbbb-4", "ping x", "live a bbbbbbbb-4", "begin x", "end bbbbbbbb-4"} {
		r := readerOf(t, "a=aaaaaaaa-1")
		o, _ := in(t, line)
		if events, err := r.take(o); err == nil {
			t.Errorf("%s: %s", line, said(events))
		}
	}
	p, err := gateway.ParsePattern("a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newReader([]gateway.Pattern{p, p}, []string{epochA + "-1", epochB + "-1"}); err == nil {
		t.Error("cursors of two logs were taken")
	}
	// What is not known is ignored.
	for _, text := range []string{`{}`, `{"weather":{"tomorrow":"rain"}}`, `{"topic":"a"}`} {
		o, err := parseObject([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if events, err := readerOf(t, "a=now").take(o); err != nil || events != nil {
			t.Errorf("%s: %v, %v", text, events, err)
		}
	}
}

// TestReaderProperty breaks a stream at random places, resumes as the reader asks to, resends at will, and leaves messages out
// with and without saying so: the application sees every message once and in order, or a gap over it.
func TestReaderProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		topics := []string{"a", "b", "c"}
		type stored struct {
			topic     string
			seq, prev uint64
		}
		var log []stored
		last := map[string]uint64{}
		for i := range rapid.IntRange(1, 40).Draw(t, "messages") {
			topic := rapid.SampledFrom(topics).Draw(t, "topic")
			seq := uint64(i + 1)
			log = append(log, stored{topic, seq, last[topic]})
			last[topic] = seq
		}
		lost := map[uint64]bool{}
		for _, seq := range rapid.SliceOfDistinct(rapid.Uint64Range(1, uint64(len(log))), rapid.ID[uint64]).Draw(t, "lost") {
			lost[seq] = true
		}
		p, err := gateway.ParsePattern("*")
		if err != nil {
			t.Fatal(err)
		}
		r, err := newReader([]gateway.Pattern{p}, []string{epochA + "-0"})
		if err != nil {
			t.Fatal(err)
		}
		seen, missing := map[string][]uint64{}, map[string][]Gap{}
		take := func(o object) {
			events, err := r.take(o)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				if e.Message != nil {
					seen[e.Message.Topic] = append(seen[e.Message.Topic], e.Message.Seq)
				} else if e.Gap != nil {
					missing[e.Gap.Topic] = append(missing[e.Gap.Topic], *e.Gap)
				}
			}
		}
		for done := false; !done; {
			r.connect()
			c, err := gateway.ParseCursor(r.since()[0])
			if err != nil {
				t.Fatal(err)
			}
			take(object{Hello: &hello{Cursor: c.String()}})
			take(object{Live: &Live{Topic: "*", Cursor: c.String()}})
			from := c.Seq
			if again := rapid.Uint64Range(0, 3).Draw(t, "resent"); again < from {
				from -= again // the gateway may resend
			}
			cut := rapid.IntRange(1, 50).Draw(t, "cut")
			for _, m := range log[from:] {
				if cut--; cut == 0 {
					break
				}
				if !lost[m.seq] {
					take(object{Topic: m.topic, Seq: m.seq, Prev: m.prev, Data: []byte("1")})
				}
			}
			done = cut > 0
		}
		for _, topic := range topics {
			have, at := seen[topic], 0
			for _, m := range log {
				if m.topic != topic {
					continue
				}
				if at < len(have) && have[at] == m.seq {
					at++
					continue
				}
				// Lost: a gap has to cover it, unless nothing came after it that could tell.
				covered := len(have) == at
				for _, g := range missing[topic] {
					covered = covered || (g.From <= m.seq && m.seq <= g.To)
				}
				if !covered || !lost[m.seq] {
					t.Fatalf("%s: %d is missing; seen %v, gaps %v", topic, m.seq, have, missing[topic])
				}
			}
			if at != len(have) {
				t.Fatalf("%s: %v are not once and in order", topic, have)
			}
		}
	})
}

func TestMessage(t *testing.T) {
	tests := []struct {
		text string
		want Message
	}{
		{`{"topic":"a","seq":1,"prev":0,"time":5,"data":"x\u003cy"}`, Message{Data: []byte("x<y"), Type: "text/plain; charset=utf-8"}},
		{`{"topic":"a","seq":1,"prev":0,"time":5,"data":{"x":[1]}}`, Message{Data: []byte(`{"x":[1]}`), Type: "application/json"}},
		{`{"topic":"a","seq":1,"prev":0,"time":5,"data":null}`, Message{Data: []byte(`null`), Type: "application/json"}},
		{`{"topic":"a","seq":1,"prev":0,"time":5,"data":""}`, Message{Data: []byte{}, Type: "text/plain; charset=utf-8"}},
		{
			`{"topic":"a","seq":1,"prev":0,"time":5,"event":"e","type":"image/png","key":"k","latest":true,"data64":"AP8="}`,
			Message{Data: []byte{0, 255}, Type: "image/png", Event: "e", Key: "k", Latest: true},
		},
	}
	for _, test := range tests {
		o, err := parseObject([]byte(test.text))
		if err != nil {
			t.Fatal(err)
		}
		got, err := o.message(epochA)
		if err != nil {
			t.Fatal(err)
		}
		if got.Time.UnixMilli() != 5 {
			t.Errorf("time %v", got.Time)
		}
		got.Time = test.want.Time
		test.want.Topic, test.want.Seq, test.want.Cursor = "a", 1, epochA+"-1"
		if diff := cmp.Diff(&test.want, got); diff != "" {
			t.Errorf("%s: %s", test.text, diff)
		}
	}
	if o, err := parseObject([]byte(`{"topic":"a","seq":1,"data64":"?"}`)); err != nil {
		t.Error(err)
	} else if _, err := o.message(epochA); err == nil {
		t.Error("no base64 was taken")
	}
}
