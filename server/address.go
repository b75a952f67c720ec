package server

import (
	"net/http"
	"net/netip"
	"strings"

	"tidings/fallback"
)

// clientOf returns what the ladder's rules make of a client's address. Where no rule asks for it, it is not looked up.
func (s *Server) clientOf(q *inquiry) fallback.Client {
	if !s.ladder.ByAddress() {
		return s.ladder.ClientAt(netip.Addr{})
	}
	var remote netip.Addr
	if q.remote != nil {
		remote = q.remote.Remote()
	}
	return s.ladder.ClientAt(s.behindProxies(remote, q.forwarded))
}

// behindProxies returns the address of the client for which a proxy asks: the last in X-Forwarded-For that is no proxy of ours. Each
// proxy adds at the end whom it was asked by; what stands before the first that is trusted is whatever a client says.
func (s *Server) behindProxies(addr netip.Addr, forwarded string) netip.Addr {
	for {
		addr = addr.Unmap()
		if !s.isProxy(addr) || forwarded == "" {
			return addr
		}
		rest, last := "", forwarded
		if i := strings.LastIndexByte(forwarded, ','); i >= 0 {
			rest, last = forwarded[:i], forwarded[i+1:]
		}
		next, err := netip.ParseAddr(strings.TrimSpace(last))
		if err != nil {
			return addr
		}
		addr, forwarded = next, rest
	}
}

func (s *Server) isProxy(addr netip.Addr) bool {
	for _, prefix := range s.options.Proxies {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// remote tells a client's address, if it is asked.
type remote interface{ Remote() netip.Addr }

// httpRemote is that of a request that net/http has read.
type httpRemote struct{ *http.Request }

// Remote implements [remote].
func (r httpRemote) Remote() netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr()
}
