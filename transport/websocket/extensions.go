package websocket

import (
	"errors"
	"strconv"
	"strings"
)

// ErrExtensions is the refusal of a handshake whose Sec-WebSocket-Extensions does not follow the grammar of RFC 6455 section 9.1;
// answer with 400.
var ErrExtensions = errors.New("Sec-WebSocket-Extensions is malformed")

// deflate is the name of the one extension that is spoken (RFC 7692).
const deflate = "permessage-deflate"

// The parameters of RFC 7692 section 7.1.
const (
	serverNoContext = "server_no_context_takeover"
	clientNoContext = "client_no_context_takeover"
	serverWindow    = "server_max_window_bits"
	clientWindow    = "client_max_window_bits"
)

// agreed accepts permessage-deflate: nobody keeps a window from one message to the next, without which the bytes of a
// message could not be everybody's. A server may demand both unasked (sections 7.1.1.1 and 7.1.1.2).
const agreed = deflate + "; " + serverNoContext + "; " + clientNoContext

// offer is one element of Sec-WebSocket-Extensions.
type offer struct {
	name       string
	parameters []parameter
}

type parameter struct {
	name, value string
	valued      bool
}

// negotiate returns what to answer to Sec-WebSocket-Extensions fields: the first offer of permessage-deflate that can be met, or
// nothing. least is the smallest window that can be kept to in deflating, in bits, and bits the one that was asked for, or 15. It
// fails with ErrExtensions.
func negotiate(least int, fields ...string) (answer string, bits int, err error) {
	for _, field := range fields {
		offers, ok := parseExtensions(field)
		if !ok {
			return "", 0, ErrExtensions
		}
		for i := range offers {
			if answer == "" && offers[i].name == deflate {
				answer, bits = accept(offers[i].parameters, least)
			}
		}
	}
	return answer, bits, nil
}

// accept returns the answer to an offer of permessage-deflate, or nothing where it must be declined (RFC 7692 section 7.1): a
// parameter is unknown, stands twice, or has no valid value, or the window that the client has is too small.
func accept(parameters []parameter, least int) (answer string, bits int) {
	answer, bits = agreed, 15
	for i, p := range parameters {
		for _, before := range parameters[:i] {
			if before.name == p.name {
				return "", 0
			}
		}
		switch p.name {
		case serverNoContext, clientNoContext:
			if p.valued {
				return "", 0
			}
		case clientWindow:
			// It says what the client could do. It is told nothing, and so has 15 bits like us (section 7.1.2.2).
			if p.valued && windowBits(p.value) == 0 {
				return "", 0
			}
		case serverWindow:
			if bits = windowBits(p.value); bits < least {
				return "", 0
			}
			answer = agreed + "; " + serverWindow + "=" + strconv.Itoa(bits) // who asks must be told (section 7.1.2.1)
		default:
			return "", 0
		}
	}
	return answer, bits
}

// windowBits returns the number that value is, if it is a decimal one from 8 to 15 without leading zeros, else 0.
func windowBits(value string) int {
	switch bits, err := strconv.Atoi(value); {
	case err != nil, bits < 8, bits > 15, value[0] == '0', value[0] == '+':
		return 0
	default:
		return bits
	}
}

// parseExtensions parses one field (RFC 6455 section 9.1). As in all lists of HTTP, white space may surround every part, and
// elements may be empty.
func parseExtensions(field string) (offers []offer, ok bool) {
	s := scanner(field)
	for {
		for s.take(',') {
		}
		if s == "" {
			return offers, true
		}
		var o offer
		if o.name = s.token(); o.name == "" {
			return nil, false
		}
		for s.take(';') {
			var p parameter
			if p.name = s.token(); p.name == "" {
				return nil, false
			}
			if p.valued = s.take('='); p.valued {
				if p.value, ok = s.value(); !ok {
					return nil, false
				}
			}
			o.parameters = append(o.parameters, p)
		}
		offers = append(offers, o)
		if s != "" && s[0] != ',' {
			return nil, false
		}
	}
}

// scanner is the rest of a field.
type scanner string

func (s *scanner) space() { *s = scanner(strings.TrimLeft(string(*s), " \t")) }

// take takes the separator c, with white space on both sides.
func (s *scanner) take(c byte) bool {
	s.space()
	if *s == "" || (*s)[0] != c {
		return false
	}
	*s = (*s)[1:]
	s.space()
	return true
}

// token takes a token (RFC 9110 section 5.6.2), empty if there is none.
func (s *scanner) token() string {
	n := 0
	for n < len(*s) && isTokenByte((*s)[n]) {
		n++
	}
	token := string((*s)[:n])
	*s = (*s)[n:]
	s.space()
	return token
}

// value takes a token or a quoted string; what was quoted must be a token too.
func (s *scanner) value() (string, bool) {
	if *s == "" || (*s)[0] != '"' {
		token := s.token()
		return token, token != ""
	}
	var value []byte
	for i := 1; i < len(*s); i++ {
		c := (*s)[i]
		switch {
		case c == '"':
			*s = (*s)[i+1:]
			s.space()
			return string(value), len(value) > 0
		case c == '\\' && i+1 < len(*s):
			i++
			c = (*s)[i]
		}
		if !isTokenByte(c) {
			return "", false
		}
		value = append(value, c)
	}
	return "", false
}

func isTokenByte(c byte) bool {
	return c > ' ' && c < 0x7f && !strings.ContainsRune(`"(),/:;<=>?@[\]{}`, rune(c))
}
