package bench

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
)

// Transports are the ways to follow, in the order of the ladder.
var Transports = []string{"websocket", "sse", "stream", "longpoll", "poll"}

// ErrUsage marks options that do not go together or cannot be.
var ErrUsage = errors.New("bench")

// ErrHost is returned for a target that is not on this machine.
var ErrHost = errors.New("the target is not a loopback address: load is for machines that are yours (--yes-load-this-host)")

func usage(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUsage, fmt.Sprintf(format, args...))
}

// place is a URL to connect to.
type place struct {
	url  *url.URL
	tls  bool
	host string // as the Host field has it
	addr string // host:port to dial
	name string // host without port
}

// parsePlace takes http, https, ws and wss URLs apart.
func parsePlace(text string) (place, error) {
	u, err := url.Parse(text)
	if err != nil {
		return place{}, usage("%v", err)
	}
	p := place{url: u, host: u.Host, name: u.Hostname()}
	port := "80"
	switch u.Scheme {
	case "http", "ws":
	case "https", "wss":
		p.tls, port = true, "443"
	default:
		return place{}, usage("%q is no URL of http, https, ws or wss", text)
	}
	if p.name == "" {
		return place{}, usage("%q names no host", text)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	p.addr = net.JoinHostPort(p.name, port)
	return p, nil
}

// loopback reports whether the place is on this machine as it is written: an address of 127.0.0.0/8 or ::1, or localhost. What a
// name resolves to does not count, as it may be another address the next time.
func (p place) loopback() bool {
	if strings.EqualFold(strings.TrimSuffix(p.name, "."), "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(p.name)
	return err == nil && addr.Unmap().IsLoopback()
}

// control is called with the address before a socket connects: whatever localhost is on this machine, it stays on it.
func control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().Unmap().IsLoopback() {
		return fmt.Errorf("%s: %w", address, ErrHost)
	}
	return nil
}

// request returns the path and query to ask for.
func (p place) request() string { return p.url.RequestURI() }

// topicPath returns the path of a topic below a gateway's URL, each segment escaped.
func (p place) topicPath(topic string) string {
	base := strings.TrimSuffix(p.url.EscapedPath(), "/") + "/topics"
	if topic == "" {
		return base
	}
	segments := strings.Split(topic, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return base + "/" + strings.Join(segments, "/")
}

func knownTransport(name string) error {
	if !slices.Contains(Transports, name) {
		return usage("no transport %q: there are %s", name, strings.Join(Transports, ", "))
	}
	return nil
}
