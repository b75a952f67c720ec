package front

import "strings"

// Request is a GET without a body, as it was sent. Fields that came several times are joined by commas where they are lists; where they
// are not, they may come once only.
type Request struct {
	Path  string // percent-encoded
	Query string // without the question mark
	Host  string
	Close bool // the connection is to end with the answer

	Accept         string
	AcceptEncoding string
	Authorization  string
	Connection     string
	IfNoneMatch    string
	LastEventID    string
	Origin         string
	Referer        string
	SecFetchDest   string
	SecFetchSite   string
	Upgrade        string
	UserAgent      string
	XForwardedFor  string

	SecWebSocketExtensions string
	SecWebSocketKey        string
	SecWebSocketProtocol   string
	SecWebSocketVersion    string
}

// maxFields bounds the header fields of a request.
const maxFields = 64

// Parse reads the head of a request, up to and with the empty line, into r. It returns false for everything that is not plainly a GET of
// HTTP/1.1 (RFC 9112) for a path of this host and without a body: what is unusual is somebody else's to understand. The strings are parts of
// head.
func Parse(head string, r *Request) bool {
	line, rest, ok := strings.Cut(head, "\r\n")
	if !ok {
		return false
	}
	target, ok := strings.CutPrefix(line, "GET ")
	if !ok {
		return false
	}
	if target, ok = strings.CutSuffix(target, " HTTP/1.1"); !ok || !isTarget(target) {
		return false
	}
	*r = Request{}
	r.Path, r.Query, _ = strings.Cut(target, "?")
	hosts := 0
	for n := 0; rest != "\r\n"; n++ {
		line, rest, ok = strings.Cut(rest, "\r\n")
		if !ok || n == maxFields {
			return false
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !isToken(name) || !isValue(value) {
			return false
		}
		if !r.set(name, strings.Trim(value, " \t"), &hosts) {
			return false
		}
	}
	if hosts != 1 || !isHost(r.Host) || !r.understoodConnection() {
		return false
	}
	return true
}

// set takes a field. It returns false for those that change how a request is read, or that may not come again.
func (r *Request) set(name, value string, hosts *int) bool {
	switch len(name) { // most are told apart by that
	case 2:
		return !strings.EqualFold(name, "te")
	case 4:
		if strings.EqualFold(name, "host") {
			r.Host = value
			*hosts++
		}
	case 6:
		switch {
		case strings.EqualFold(name, "accept"):
			join(&r.Accept, value)
		case strings.EqualFold(name, "origin"):
			return once(&r.Origin, value)
		case strings.EqualFold(name, "expect"):
			return false
		}
	case 7:
		switch {
		case strings.EqualFold(name, "upgrade"):
			join(&r.Upgrade, value)
		case strings.EqualFold(name, "referer"):
			return once(&r.Referer, value)
		case strings.EqualFold(name, "trailer"):
			return false
		}
	case 10:
		switch {
		case strings.EqualFold(name, "connection"):
			join(&r.Connection, value)
		case strings.EqualFold(name, "user-agent"):
			return once(&r.UserAgent, value)
		case strings.EqualFold(name, "keep-alive"):
			return true
		}
	case 13:
		switch {
		case strings.EqualFold(name, "authorization"):
			return once(&r.Authorization, value)
		case strings.EqualFold(name, "if-none-match"):
			join(&r.IfNoneMatch, value)
		case strings.EqualFold(name, "last-event-id"):
			return once(&r.LastEventID, value)
		}
	case 14:
		switch {
		case strings.EqualFold(name, "content-length"):
			return false
		case strings.EqualFold(name, "sec-fetch-dest"):
			return once(&r.SecFetchDest, value)
		case strings.EqualFold(name, "sec-fetch-site"):
			return once(&r.SecFetchSite, value)
		}
	case 15:
		switch {
		case strings.EqualFold(name, "accept-encoding"):
			join(&r.AcceptEncoding, value)
		case strings.EqualFold(name, "x-forwarded-for"):
			join(&r.XForwardedFor, value)
		}
	case 16:
		return !strings.EqualFold(name, "proxy-connection")
	case 17:
		switch {
		case strings.EqualFold(name, "transfer-encoding"):
			return false
		case strings.EqualFold(name, "sec-websocket-key"):
			return once(&r.SecWebSocketKey, value)
		}
	case 21:
		if strings.EqualFold(name, "sec-websocket-version") {
			return once(&r.SecWebSocketVersion, value)
		}
	case 22:
		if strings.EqualFold(name, "sec-websocket-protocol") {
			join(&r.SecWebSocketProtocol, value)
		}
	case 24:
		if strings.EqualFold(name, "sec-websocket-extensions") {
			join(&r.SecWebSocketExtensions, value)
		}
	}
	return true
}

func join(to *string, value string) {
	if *to != "" {
		value = *to + "," + value
	}
	*to = value
}

// once takes a field that may come once. An empty one is passed on: whether it came at all cannot be told from its text.
func once(to *string, value string) bool {
	if *to != "" || value == "" {
		return false
	}
	*to = value
	return true
}

// understoodConnection reports whether nothing is asked of the connection but what is known here, and notes whether it is to end.
func (r *Request) understoodConnection() bool {
	if r.Connection == "" {
		return true
	}
	for option := range strings.SplitSeq(r.Connection, ",") {
		switch option = strings.Trim(option, " \t"); {
		case strings.EqualFold(option, "keep-alive"), strings.EqualFold(option, "upgrade"):
		case strings.EqualFold(option, "close"):
			r.Close = true
		default:
			return false
		}
	}
	return true
}

// class says where a byte may stand.
type class uint8

const (
	inToken  class = 1 << iota // RFC 9110 section 5.6.2
	inTarget                   // pchar of RFC 3986 section 3.3, "/" and "?", percent signs apart
	inValue                    // RFC 9110 section 5.5, without obs-text
	inHost                     // a name or an address, with a port
	inHex
)

var classes = func() (table [256]class) {
	set := func(c class, bytes string) {
		for _, b := range []byte(bytes) {
			table[b] |= c
		}
	}
	const letters, digits = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
	set(inToken, letters+digits+"!#$%&'*+-.^_`|~")
	set(inTarget, letters+digits+"-._~!$&'()*+,;=:@/?")
	set(inHost, letters+digits+"-._:[]")
	set(inHex, "abcdefABCDEF"+digits)
	for b := byte(' '); b < 0x7f; b++ {
		table[b] |= inValue
	}
	table['\t'] |= inValue
	return table
}()

func all(s string, c class) bool {
	for i := range len(s) {
		if classes[s[i]]&c == 0 {
			return false
		}
	}
	return true
}

func isToken(s string) bool { return s != "" && all(s, inToken) }
func isValue(s string) bool { return all(s, inValue) }
func isHost(s string) bool  { return s != "" && all(s, inHost) }

// isTarget reports whether s is an absolute path with or without a query.
func isTarget(s string) bool {
	if s == "" || s[0] != '/' {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '%':
			if i+2 >= len(s) || classes[s[i+1]]&classes[s[i+2]]&inHex == 0 {
				return false
			}
			i += 2
		case classes[s[i]]&inTarget == 0:
			return false
		}
	}
	return true
}
