package gateway

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestTopicsAndPatterns(t *testing.T) {
	long := strings.Repeat("x", MaxTopicBytes)
	deep := strings.TrimSuffix(strings.Repeat("a/", MaxTopicSegments), "/")
	for _, c := range []struct {
		text           string
		topic, pattern error
	}{
		{"news", nil, nil},
		{"weather/europe/paris", nil, nil},
		{"ünï/日本", nil, nil},
		{"a b", nil, nil},
		{"...", nil, nil},
		{"a*", nil, nil},
		{"a$", nil, nil},
		{"a/$b", nil, nil},
		{long, nil, nil},
		{deep, nil, nil},
		{"*", ErrTopic, nil},
		{"**", ErrTopic, nil},
		{"a/*/c", ErrTopic, nil},
		{"a/**", ErrTopic, nil},
		{"*/**", ErrTopic, nil},
		{"a/**/c", ErrTopic, ErrTopic},
		{"**/**", ErrTopic, ErrTopic},
		{"", ErrTopic, ErrTopic},
		{"/", ErrTopic, ErrTopic},
		{"/a", ErrTopic, ErrTopic},
		{"a/", ErrTopic, ErrTopic},
		{"a//b", ErrTopic, ErrTopic},
		{".", ErrTopic, ErrTopic},
		{"a/..", ErrTopic, ErrTopic},
		{"../a", ErrTopic, ErrTopic},
		{"a\x00b", ErrTopic, ErrTopic},
		{"a\x7fb", ErrTopic, ErrTopic},
		{"a\u0085b", ErrTopic, ErrTopic},
		{"a\nb", ErrTopic, ErrTopic},
		{"a\xff", ErrTopic, ErrTopic},
		{long + "x", ErrTopic, ErrTopic},
		{deep + "/a", ErrTopic, ErrTopic},
		{"$sockets", ErrReserved, ErrReserved},
		{"$sockets/*", ErrReserved, ErrReserved},
		{"$", ErrReserved, ErrReserved},
	} {
		if err := CheckTopic(c.text); !errors.Is(err, c.topic) {
			t.Errorf("topic %q: %v, want %v", c.text, err, c.topic)
		}
		p, err := ParsePattern(c.text)
		if !errors.Is(err, c.pattern) {
			t.Errorf("pattern %q: %v, want %v", c.text, err, c.pattern)
		}
		if err == nil && p.String() != c.text {
			t.Errorf("pattern %q is written %q", c.text, p)
		}
		if err == nil && p.Exact() != (c.topic == nil) {
			t.Errorf("pattern %q: exact is %t", c.text, p.Exact())
		}
	}
}

func TestPatternsMatch(t *testing.T) {
	for _, c := range []struct{ pattern, yes, no string }{
		{"a", "a", "b aa a/a"},
		{"*", "a b *x", "a/b $a"},
		{"**", "a a/b a/b/c", "$a $a/b"},
		{"a/*", "a/b a/$b", "a a/b/c b/b"},
		{"a/**", "a a/b a/b/c", "b ab b/a"},
		{"*/b", "a/b b/b", "b a/c a/b/b $a/b"},
		{"a/*/c", "a/b/c a/a/c", "a/c a/b/b a/b/c/c"},
		{"*/**", "a a/b", "$a"},
		{"a/*/**", "a/b a/b/c/d", "a b/b"},
	} {
		p := pattern(t, c.pattern)
		for topic := range strings.FieldsSeq(c.yes) {
			if !p.Match(topic) {
				t.Errorf("%s does not match %s", p, topic)
			}
		}
		for topic := range strings.FieldsSeq(c.no) {
			if p.Match(topic) {
				t.Errorf("%s matches %s", p, topic)
			}
		}
	}
	if (Pattern{}).Match("a") || (Pattern{}).Exact() {
		t.Error("the zero pattern selects something")
	}
}

func pattern(t testing.TB, text string) Pattern {
	t.Helper()
	p, err := ParsePattern(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// naiveName says by the words of docs/wire.md whether a name may be followed, and whether it may be published to.
func naiveName(text string) (follow, publish bool) {
	segments := strings.Split(text, "/")
	if len(text) > 255 || len(segments) > 16 || !utf8.ValidString(text) || strings.HasPrefix(text, "$") {
		return false, false
	}
	follow, publish = true, true
	for i, s := range segments {
		switch {
		case s == "" || s == "." || s == ".." || strings.ContainsFunc(s, unicode.IsControl):
			return false, false
		case s == "*":
			publish = false
		case s == "**":
			publish = false
			follow = follow && i == len(segments)-1
		}
	}
	return follow, publish && follow
}

// naiveMatch matches segments one by one.
func naiveMatch(pattern, topic []string) bool {
	switch {
	case len(pattern) == 0:
		return len(topic) == 0
	case pattern[0] == "**":
		return true
	case len(topic) == 0:
		return false
	}
	return (pattern[0] == "*" || pattern[0] == topic[0]) && naiveMatch(pattern[1:], topic[1:])
}

// Two patterns meet if there is a topic that both match. Of short patterns over two letters, one of the short topics over three
// letters tells.
func TestPatternsMeet(t *testing.T) {
	grow := func(words []string, with ...string) (out []string) {
		for _, w := range words {
			for _, x := range with {
				out = append(out, w+"/"+x)
			}
		}
		return out
	}
	one := []string{"a", "b", "c"}
	topics := append(append(append([]string(nil), one...), grow(one, one...)...), grow(grow(one, one...), one...)...)
	first := []string{"a", "b", "*"}
	texts := append(append(append([]string(nil), first...), grow(first, first...)...), grow(grow(first, first...), first...)...)
	for _, text := range append([]string(nil), texts...) {
		if strings.Count(text, "/") < 2 {
			texts = append(texts, text+"/**")
		}
	}
	texts = append(texts, "**")
	for _, x := range texts {
		for _, y := range texts {
			p, q, want := pattern(t, x), pattern(t, y), false
			for _, topic := range topics {
				want = want || p.Match(topic) && q.Match(topic)
			}
			if p.Meets(q) != want {
				t.Errorf("%s meets %s: %t", x, y, !want)
			}
		}
		if (Pattern{}).Meets(pattern(t, x)) || pattern(t, x).Meets(Pattern{}) {
			t.Errorf("the zero pattern meets %s", x)
		}
	}
}

func FuzzPattern(f *testing.F) {
	for _, seed := range [][2]string{
		{"a/*", "a/b"}, {"**", "$a"}, {"a/**", "a"}, {"a/**/b", "a/b"}, {"", ""}, {"a//b", "a/\x01"}, {"*/b/**", "a/b"}, {"a\xff", "../x"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, text, topic string) {
		mayFollow, mayPublish := naiveName(text)
		p, err := ParsePattern(text)
		if (err == nil) != mayFollow {
			t.Fatalf("pattern %q: %v", text, err)
		}
		if err := CheckTopic(text); (err == nil) != mayPublish {
			t.Fatalf("topic %q: %v", text, err)
		}
		if mayFollow && p.Exact() != mayPublish {
			t.Fatalf("%q: exact is %t", text, p.Exact())
		}
		if _, ok := naiveName(topic); !ok || !mayFollow {
			return
		}
		want := naiveMatch(strings.Split(text, "/"), strings.Split(topic, "/"))
		if p.Match(topic) != want {
			t.Fatalf("%q matches %q: %t", text, topic, !want)
		}
		var tree patternTree[string]
		tree.get(text, func() *string { return &text })
		found := false
		tree.match(topic, func(*string) { found = true })
		if found != want {
			t.Fatalf("the tree with %q matches %q: %t", text, topic, found)
		}
	})
}

// drawTopic and drawPattern draw from few segments, so that they meet.
func drawTopic(t *rapid.T) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 4).Draw(t, "topic"), "/")
}

func drawPattern(t *rapid.T) string {
	segments := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "*"}), 0, 4).Draw(t, "pattern")
	if len(segments) == 0 || rapid.Bool().Draw(t, "deep") {
		segments = append(segments, "**")
	}
	return strings.Join(segments, "/")
}

func TestPatternTreeAgreesWithMatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tree patternTree[string]
		have := make(map[string]bool)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			text := drawPattern(t)
			if rapid.Bool().Draw(t, "remove") {
				tree.remove(text)
				delete(have, text)
				continue
			}
			if got := tree.get(text, func() *string { return &text }); *got != text {
				t.Fatalf("%s is kept as %s", text, *got)
			}
			have[text] = true
		}
		topic := drawTopic(t)
		var got, want []string
		tree.match(topic, func(text *string) { got = append(got, *text) })
		for text := range have {
			if p, _ := ParsePattern(text); p.Match(topic) {
				want = append(want, text)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("%s: got %v, want %v", topic, got, want)
		}
		for text := range have {
			tree.remove(text)
		}
		if !tree.root.empty() {
			t.Fatal("something is left when all patterns are removed")
		}
	})
}

func TestNameTreeAgreesWithMatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tree nameTree
		have := make(map[string]bool)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			topic := drawTopic(t)
			switch remove := rapid.Bool().Draw(t, "remove"); {
			case remove:
				tree.remove(topic)
				delete(have, topic)
			case !have[topic]:
				tree.add(&topicLog{name: topic})
				have[topic] = true
			}
		}
		text := drawPattern(t)
		p, _ := ParsePattern(text)
		var got, want []string
		tree.visit(text, true, func(t *topicLog) bool {
			if t != nil {
				got = append(got, t.name)
			}
			return true
		})
		for topic := range have {
			if p.Match(topic) {
				want = append(want, topic)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("%s: got %v, want %v", text, got, want)
		}
		calls, most := 0, rapid.IntRange(1, 5).Draw(t, "most")
		tree.visit(text, true, func(*topicLog) bool { calls++; return calls < most })
		if calls > most {
			t.Fatalf("%d branches were looked at though it was to break off at %d", calls, most)
		}
		for topic := range have {
			tree.remove(topic)
		}
		if tree.topic != nil || len(tree.children) > 0 {
			t.Fatal("something is left when all topics are removed")
		}
	})
}
