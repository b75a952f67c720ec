package server

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// doors decide who may come in: by the name that was asked for, by the page that asks, and by what it shows. They take
// plain values only and never change.
type doors struct {
	keys      [][sha256.Size]byte
	insecure  bool
	origins   map[string]bool // as browsers write them: scheme://host[:port] in lower case; with the port * for every one
	anyOrigin bool
	hosts     map[string]bool // lower case, without port
}

// anyPort is written in place of an origin's port.
const anyPort = ":*"

// newDoors reports all mistakes in o at once.
func newDoors(o Options) (*doors, error) {
	d := &doors{insecure: o.Insecure, origins: map[string]bool{}, hosts: map[string]bool{}}
	var errs []error
	for i, key := range o.PublishKeys {
		if key == "" || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			errs = append(errs, fmt.Errorf("publish key %d is empty or has characters that a header cannot carry", i+1))
		}
		d.keys = append(d.keys, sha256.Sum256([]byte(key)))
	}
	for _, origin := range o.Origins {
		switch origin {
		case "*":
			d.anyOrigin = true
			continue
		case "null":
			d.origins[origin] = true
			continue
		}
		one, everyPort := strings.CutSuffix(origin, anyPort)
		u, err := url.Parse(one)
		if err != nil || u.Scheme == "" || u.Host == "" || !strings.EqualFold(u.Scheme+"://"+u.Host, strings.TrimSuffix(one, "/")) ||
			everyPort && (u.Port() != "" || strings.HasSuffix(one, "/")) {
			errs = append(errs, fmt.Errorf("origin %q is not of the form https://example.com", origin))
			continue
		}
		listed := strings.ToLower(u.Scheme + "://" + u.Host)
		if everyPort {
			listed += anyPort
		}
		d.origins[listed] = true
	}
	for _, host := range o.Hosts {
		if host == "" || strings.ContainsAny(host, "/ *@") || hostName(host) == "" {
			errs = append(errs, fmt.Errorf("host %q is no host name", host))
		}
		d.hosts[hostName(host)] = true
	}
	return d, errors.Join(errs...)
}

// host checks the name that was asked for. A page of any site can have its own name resolve to a loopback address and so
// become of one origin with what listens there (DNS rebinding): what gives it away is the name. A request without one is
// no browser's, and an address instead of a name cannot be rebound.
func (d *doors) host(host string, loopback bool) *problem {
	name := hostName(host)
	switch {
	case host == "" || d.hosts[name]:
		return nil
	case loopback && isLoopback(name):
		return nil
	case !loopback && len(d.hosts) == 0:
		return nil
	case !loopback && isAddress(name):
		return nil
	}
	return forbiddenHost.of(fmt.Sprintf("%q is not among this gateway's hosts", name))
}

// origin checks the page that asks. Reading, writing and WebSockets go by the same list. What is not a browser sends no
// Origin; a browser that sends none with a write says by Sec-Fetch-Site whether it comes from another site.
func (d *doors) origin(e *entry) *problem {
	switch {
	case d.anyOrigin || d.listed(strings.ToLower(e.origin)):
		return nil
	case e.site == "same-origin" || e.site == "none":
		return nil // pages cannot set this field
	case e.origin == "" && e.site == "" && e.referer != "" && e.right.acts():
		// Old browsers name no origin with a GET, and some none with a form. Where they name the page, that is what counts.
		page := *e
		page.origin, page.referer = cmp.Or(originOf(e.referer), "null"), ""
		return d.origin(&page)
	case e.origin == "" && (e.site == "" || !e.right.acts()):
		return nil
	case e.origin == "":
		return forbiddenOrigin.of("the request comes from a page of another origin")
	case e.site == "":
		// Old browsers, and all browsers over plain HTTP: the page is ours if it was got from this very host.
		if u, err := url.Parse(e.origin); err == nil && u.Host != "" && strings.EqualFold(u.Host, e.host) {
			return nil
		}
	}
	if e.loopback && isLoopbackOrigin(e.origin) {
		return nil
	}
	return forbiddenOrigin.of(fmt.Sprintf("%q is not among this gateway's origins", e.origin))
}

// listed reports whether an origin in lower case is on the list, by itself or with all of its ports.
func (d *doors) listed(origin string) bool {
	if d.origins[origin] {
		return true
	}
	i := strings.LastIndexByte(origin, ':')
	if i < 0 || strings.Trim(origin[i+1:], "0123456789") != "" {
		return d.origins[origin+anyPort] // it has the port of its scheme
	}
	return d.origins[origin[:i]+anyPort]
}

// publisher checks a credential ("Bearer …" without that word) and returns the scope of its idempotency keys.
func (d *doors) publisher(token string, loopback bool) (scope string, p *problem) {
	if len(d.keys) == 0 {
		if d.insecure || loopback {
			return "", nil
		}
		return "", unauthorized.of("this gateway can be reached by others and has no publish key: nothing can be published")
	}
	if token == "" {
		return "", unauthorized.of("the publish key is missing")
	}
	// Hashes have one length and are compared in constant time, all of them: nothing is learned from how long it takes.
	sum := sha256.Sum256([]byte(token))
	found := 0
	for _, key := range d.keys {
		found |= subtle.ConstantTimeCompare(sum[:], key[:])
	}
	if found == 0 {
		return "", unauthorized.of("this is no publish key of this gateway")
	}
	return hex.EncodeToString(sum[:]), nil
}

// bearer returns the token of an Authorization field (RFC 6750 section 2.1), or "".
func bearer(authorization string) string {
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// hostName is a Host field without its port, brackets and final dot, in lower case.
func hostName(host string) string {
	if strings.IndexByte(host, ':') >= 0 { // else it has no port, and is spared an error
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func isAddress(name string) bool {
	_, err := netip.ParseAddr(name)
	return err == nil
}

// isLoopback reports whether a host name means this machine whatever a resolver says (RFC 6761 section 6.3).
func isLoopback(name string) bool {
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Unmap().IsLoopback()
}

func isLoopbackOrigin(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && isLoopback(hostName(u.Host))
}

// local reports whether a listener's address can be reached from this machine only.
func local(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
