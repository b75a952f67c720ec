package server

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"unicode/utf8"
)

// quickItem reads an item of the usual shape without encoding/json: an object with members that we know, in our spelling and once
// each, whose texts but data have no escapes. For anything else, mistakes included, it returns false, and encoding/json has the last
// word; what it takes means the same to both. The item's data is a piece of raw.
func quickItem(raw []byte, known *texts) (i item, ok bool) {
	p := quick{raw}
	p.space()
	if !p.take('{') {
		return i, false
	}
	var seen member
	for {
		p.space()
		name, ok := p.text()
		which := memberOf(name)
		if !ok || which == 0 || seen&which != 0 {
			return i, false
		}
		seen |= which
		p.space()
		if !p.take(':') {
			return i, false
		}
		p.space()
		if !p.member(&i, which, known) {
			return i, false
		}
		p.space()
		if p.take('}') {
			p.space()
			return i, len(p.rest) == 0
		}
		if !p.take(',') {
			return i, false
		}
	}
}

// member names a member of an item, as a bit.
type member uint16

const (
	memberTopic member = 1 << iota
	memberData
	memberData64
	memberType
	memberEvent
	memberKey
	memberTTL
	memberIdempotencyKey
	memberIfMatch
)

func memberOf(name []byte) member {
	switch string(name) {
	case "topic":
		return memberTopic
	case "data":
		return memberData
	case "data64":
		return memberData64
	case "type":
		return memberType
	case "event":
		return memberEvent
	case "key":
		return memberKey
	case "ttl":
		return memberTTL
	case "idempotency_key":
		return memberIdempotencyKey
	case "if_match":
		return memberIfMatch
	}
	return 0
}

// quick parses what it is asked for from the front of rest, or returns false with rest in any state.
type quick struct{ rest []byte }

// member reads a member's value into i.
func (p *quick) member(i *item, which member, known *texts) (ok bool) {
	if which == memberData {
		i.Data, ok = p.value()
		return ok
	}
	if which == memberTTL && len(p.rest) > 0 && p.rest[0] != '"' {
		number, ok := p.value()
		i.TTL = scalar(number)
		return ok && number[0] != '{' && number[0] != '[' && number[0] != 'n'
	}
	value, ok := p.text()
	if !ok {
		return false
	}
	switch which {
	case memberTopic:
		i.Topic = known.of(value)
	case memberData64:
		i.base64 = value
	case memberType:
		i.Type = known.of(value)
	case memberEvent:
		i.Event = known.of(value)
	case memberKey:
		i.Key = string(value)
	case memberTTL:
		i.TTL = scalar(value)
	case memberIdempotencyKey:
		i.IdempotencyKey = string(value)
	case memberIfMatch:
		i.IfMatch = string(value)
	}
	return true
}

func (p *quick) space() {
	for len(p.rest) > 0 {
		switch p.rest[0] {
		case ' ', '\t', '\n', '\r':
			p.rest = p.rest[1:]
		default:
			return
		}
	}
}

func (p *quick) take(c byte) bool {
	if len(p.rest) == 0 || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// text takes a string without escapes and returns what is between its quotes.
func (p *quick) text() ([]byte, bool) {
	if !p.take('"') {
		return nil, false
	}
	end := bytes.IndexByte(p.rest, '"')
	if end < 0 {
		return nil, false
	}
	text := p.rest[:end]
	p.rest = p.rest[end+1:]
	return text, isVerbatim(text)
}

// value takes any value.
func (p *quick) value() ([]byte, bool) {
	all := p.rest
	if len(all) == 0 {
		return nil, false
	}
	if all[0] == '"' {
		if text, ok := p.text(); ok {
			return all[:len(text)+2], true
		}
		end := endOfEscaped(all)
		p.rest = all[max(0, end):]
		return all[:max(0, end)], end > 0
	}
	end := endOfValue(all)
	if end < 0 || !json.Valid(all[:end]) {
		return nil, false
	}
	p.rest = all[end:]
	return all[:end], true
}

// endOfEscaped returns the length of the string at the front of b, or -1 if it is none.
func endOfEscaped(b []byte) int {
	quote := 0 // the next one from at on, as far as it is known
	for at := 1; ; {
		if quote < at {
			n := bytes.IndexByte(b[at:], '"')
			if n < 0 {
				return -1
			}
			quote = at + n
		}
		n := bytes.IndexByte(b[at:quote], '\\')
		if n < 0 {
			if !isVerbatim(b[at:quote]) {
				return -1
			}
			return quote + 1
		}
		if !isVerbatim(b[at : at+n]) {
			return -1
		}
		at += n + 2 // which is no further than just past the quote
		switch b[at-1] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		case 'u':
			for range 4 {
				if at >= len(b) || !isHex(b[at]) {
					return -1
				}
				at++
			}
		default:
			return -1
		}
	}
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

// endOfText returns the length of the string at the front of b, or -1.
func endOfText(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// endOfValue returns the length of the value at the front of b, if it is one.
func endOfValue(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return i
			}
		case '"':
			n := endOfText(b[i:])
			if n < 0 {
				return -1
			}
			i += n - 1
		}
	}
	return -1
}

// isVerbatim reports whether a string of JSON with these bytes between its quotes, of which none is a quote, is one, and means just them.
func isVerbatim(text []byte) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	beyond := uint64(0)
	rest := text
	for ; len(rest) >= 8; rest = rest[8:] {
		// Eight bytes at a time: a byte x is below n where x-n borrows and x itself has no high bit.
		x := binary.LittleEndian.Uint64(rest)
		backslash := x ^ ones*'\\'
		if ((x-ones*' ')&^x|(backslash-ones)&^backslash)&highs != 0 {
			return false
		}
		beyond |= x & highs
	}
	for _, c := range rest {
		if c < ' ' || c == '\\' {
			return false
		}
		beyond |= uint64(c) & 0x80
	}
	return beyond == 0 || utf8.Valid(text)
}

// unquote returns what a string of JSON, which is valid, says, in memory of its own of just that size. It returns false for what
// encoding/json would mend: invalid UTF-8, surrogates.
func unquote(quoted []byte) ([]byte, bool) {
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return bytes.Clone(inner), utf8.Valid(inner)
	}
	if !utf8.Valid(inner) {
		return nil, false
	}
	size := 0
	for rest := inner; len(rest) > 0; {
		plain, r, n := nextRune(rest)
		if n < 0 {
			return nil, false
		}
		size += plain
		if n > 0 {
			size += utf8.RuneLen(r)
		}
		rest = rest[plain+n:]
	}
	out := make([]byte, 0, size)
	for rest := inner; len(rest) > 0; {
		plain, r, n := nextRune(rest)
		out = append(out, rest[:plain]...)
		if n > 0 {
			out = utf8.AppendRune(out, r)
		}
		rest = rest[plain+n:]
	}
	return out, true
}

// nextRune finds the next escape: it has n bytes, stands after so many plain ones, and means r. Without one n is 0, and below 0 for
// half of a surrogate pair.
func nextRune(b []byte) (plain int, r rune, n int) {
	at := bytes.IndexByte(b, '\\')
	if at < 0 {
		return len(b), 0, 0
	}
	switch c := b[at+1]; c {
	case 'b':
		return at, '\b', 2
	case 'f':
		return at, '\f', 2
	case 'n':
		return at, '\n', 2
	case 'r':
		return at, '\r', 2
	case 't':
		return at, '\t', 2
	case 'u':
		for _, digit := range b[at+2 : at+6] {
			r <<= 4
			switch {
			case digit <= '9':
				r += rune(digit - '0')
			default:
				r += rune(digit|0x20-'a') + 10
			}
		}
		if utf8.RuneLen(r) < 0 {
			return at, 0, -1
		}
		return at, r, 6
	default: // a quote, a backslash or a slash
		return at, rune(c), 2
	}
}

// texts keeps one copy of what the items of a batch have in common, such as their topics. The zero value is ready, and a nil one
// keeps nothing.
type texts struct {
	last  string
	known map[string]string
}

// mostTexts bounds how many are kept: a batch may be without end.
const mostTexts = 256

func (t *texts) of(b []byte) string {
	switch {
	case t == nil:
		return string(b)
	case string(b) == t.last:
		return t.last
	}
	text, ok := t.known[string(b)]
	if !ok {
		text = string(b)
		if t.known == nil {
			t.known = make(map[string]string)
		}
		if len(t.known) < mostTexts {
			t.known[text] = text
		}
	}
	t.last = text
	return text
}

func (t *texts) reset() {
	t.last = ""
	clear(t.known)
}
