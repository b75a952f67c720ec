package gateway

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The bounds of a topic's name.
const (
	MaxTopicBytes    = 255
	MaxTopicSegments = 16
)

// ErrTopic is wrapped by every refusal of a topic's or pattern's name.
var ErrTopic = errors.New("invalid topic")

// ErrReserved is wrapped by refusals of topics whose first segment starts with "$": they are the gateway's own.
var ErrReserved = errors.New("reserved topic")

// CheckTopic returns nil if name can be published to, else an error that wraps [ErrTopic] or [ErrReserved].
func CheckTopic(name string) error {
	if isPlain(name) {
		return nil
	}
	if err := checkName(name); err != nil {
		return err
	}
	for segment := range strings.SplitSeq(name, "/") {
		if segment == "*" || segment == "**" {
			return fmt.Errorf("%w: %q is a pattern, not a topic", ErrTopic, name)
		}
	}
	return nil
}

// isPlain reports whether name is a topic beyond doubt: one look at each byte of what most topics are, printable ASCII without
// wildcards. Of others it says nothing.
func isPlain(name string) bool {
	if name == "" || len(name) > MaxTopicBytes || name[0] == '$' {
		return false
	}
	segments, start := 1, 0
	for i := 0; ; i++ {
		if i == len(name) || name[i] == '/' {
			switch name[start:i] {
			case "", ".", "..":
				return false
			}
			if i == len(name) {
				return segments <= MaxTopicSegments
			}
			segments++
			start = i + 1
		} else if c := name[i]; c < ' ' || c > '~' || c == '*' {
			return false
		}
	}
}

// checkName holds what topics and patterns have in common.
func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: it is empty", ErrTopic)
	case len(name) > MaxTopicBytes:
		return fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrTopic, len(name), MaxTopicBytes)
	case strings.Count(name, "/") >= MaxTopicSegments:
		return fmt.Errorf("%w: %d segments, at most %d are allowed", ErrTopic, strings.Count(name, "/")+1, MaxTopicSegments)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: it is not valid UTF-8", ErrTopic)
	case strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("%w: %q has a control character", ErrTopic, name)
	}
	for segment := range strings.SplitSeq(name, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return fmt.Errorf("%w: %q has the segment %q", ErrTopic, name, segment)
		}
	}
	if name[0] == '$' {
		return fmt.Errorf("%w: %q", ErrReserved, name)
	}
	return nil
}

// Pattern selects topics: a topic's name, in which a segment may be "*" (exactly one segment) and the last may be "**"
// (zero or more segments). The zero Pattern matches nothing.
type Pattern struct {
	text string
	wild bool
}

// ParsePattern parses a topic's name or a pattern. Its errors wrap [ErrTopic] or [ErrReserved].
func ParsePattern(text string) (Pattern, error) {
	if err := checkName(text); err != nil {
		return Pattern{}, err
	}
	wild := false
	rest := text
	for rest != "" {
		segment, after, more := strings.Cut(rest, "/")
		switch {
		case segment == "*":
			wild = true
		case segment == "**":
			if more {
				return Pattern{}, fmt.Errorf("%w: %q has ** before its last segment", ErrTopic, text)
			}
			wild = true
		}
		rest = after
	}
	return Pattern{text: text, wild: wild}, nil
}

// String returns the pattern as it was parsed.
func (p Pattern) String() string { return p.text }

// Exact reports whether the pattern is the name of one topic.
func (p Pattern) Exact() bool { return !p.wild && p.text != "" }

// Match reports whether the pattern selects the topic. Topics that start with "$" are selected by no pattern.
func (p Pattern) Match(topic string) bool {
	if !p.wild {
		return p.text == topic
	}
	if topic == "" || topic[0] == '$' {
		return false
	}
	pattern := p.text
	for {
		want, restPattern, morePattern := strings.Cut(pattern, "/")
		if want == "**" {
			return true
		}
		have, restTopic, moreTopic := strings.Cut(topic, "/")
		if want != "*" && want != have {
			return false
		}
		if !moreTopic {
			// "a/**" matches "a" too: ** stands for zero or more segments.
			return !morePattern || restPattern == "**"
		}
		if !morePattern {
			return false
		}
		pattern, topic = restPattern, restTopic
	}
}

// Meets reports whether there can be a topic that both patterns match.
func (p Pattern) Meets(q Pattern) bool {
	if p.Exact() || q.Exact() {
		return p.text != "" && q.text != "" && (p.Exact() && q.Match(p.text) || q.Exact() && p.Match(q.text))
	}
	if p.text == "" || q.text == "" {
		return false
	}
	a, b := p.text, q.text
	for {
		x, restA, moreA := strings.Cut(a, "/")
		y, restB, moreB := strings.Cut(b, "/")
		switch {
		case x == "**" || y == "**":
			return true
		case x != "*" && y != "*" && x != y:
			return false
		case !moreA || !moreB:
			// What goes on must be able to stand for nothing.
			return moreA == moreB || moreA && restA == "**" || moreB && restB == "**"
		}
		a, b = restA, restB
	}
}
