package server

import (
	"fmt"
	"net/url"
	"strings"

	"tidings/fallback"
	"tidings/transport"
	"tidings/transport/park"
	"tidings/transport/poll"
	"tidings/transport/stream"
	"tidings/transport/wire"
)

// Two ways of following go past what browsers let a page read: a page can run another origin's script (JSONP) and have another origin's
// document within it (a forever iframe), and neither request says from where it comes in a field that old browsers send and pages cannot
// forge: there is no Origin. Both are off unless they are switched on, carry no credential, and are admitted by what follows; then,
// as every request is, by [Server.admit].
//
// A script runs in the page that includes it, so that whoever gets it has read it. Whoever asks must show that the page is allowed: by
// Sec-Fetch-Site, which says that it is the gateway's own, or by a Referer on the list of origins. A page can leave its Referer out but not
// write another's; so one that does is refused, unless all origins are allowed.
//
// A frame's document is the gateway's own, which the page around it cannot look into. So everything depends on what the document does with
// what it gets. With origin= it posts it to the page around it, and the browser delivers that to a page of the origin only: it is enough
// that this origin is on the list, and it does not matter who asked. With callback= it calls a function of the page around it, which a
// browser permits within one origin only: nobody else reads anything. But another page may have sent a frame within one of ours
// here, to have some function of ours called with a message. Sec-Fetch-Site gives it away, and so does frame-ancestors, which wants all pages
// around the frame to be ours; in browsers that know neither, the document looks itself whether the outermost page is. What is no frame is
// refused by Sec-Fetch-Dest, where there is one; fetch and XMLHttpRequest cannot read the document of another origin, and it is no
// script.
//
// Internet Explorer's htmlfile, a document without a window, is one more page around the frame: callback= works in it, and it must be of the
// gateway's origin. There is no way to set document.domain: it would let in pages of other ports and sister names.

// script is whom a follow's answer calls, where it is one.
type script struct {
	frame            bool   // it is a document; else a script for a script element
	callback, origin string // one of them, or none: then it is no script
}

// is reports whether the answer is a script of either sort.
func (s *script) is() bool { return s.callback != "" || s.origin != "" }

// scriptOf understands callback= and origin=. Where it fails, the caller has no page of which is known that it may be told why.
func (s *Server) scriptOf(a *asked, e *entry, choice fallback.Choice) (script, error) {
	frame := choice.Format == fallback.HTML
	switch {
	case frame && !s.options.Iframe:
		offer := s.ladder.Offer(s.ladder.On())
		p := transportOff.of("the forever iframe is switched off; there are: " + strings.Join(offer.Transports, ", "))
		p.offer = offer
		return script{}, p
	case !frame && a.Callback == "":
		return script{}, nil
	case a.Callback != "" && !wire.IsCallback(a.Callback):
		return script{}, badParameter.of("callback is a function's name: identifiers joined by dots, at most 64 bytes, not " + quote(a.Callback))
	case frame:
		return s.frameOf(a, e)
	case choice.Kind != transport.Poll && choice.Kind != transport.LongPoll:
		return script{}, badParameter.of("callback is for polls and the iframe, not for " + choice.Kind.String())
	case !s.options.JSONP:
		return script{}, jsonpOff.of("")
	}
	if p := s.doors.include(e); p != nil {
		return script{}, p
	}
	return script{callback: a.Callback}, nil
}

func (s *Server) frameOf(a *asked, e *entry) (script, error) {
	if (a.Callback == "") == (a.Origin == "") {
		return script{}, badParameter.of("an iframe takes a callback or the origin of the page around it, one of them")
	}
	origin := strings.ToLower(a.Origin)
	if origin != "" && !isWebOrigin(origin) {
		return script{}, badParameter.of("origin is of the form https://example.com, not " + quote(a.Origin))
	}
	if p := s.doors.frame(e, origin); p != nil {
		return script{}, p
	}
	return script{frame: true, callback: a.Callback, origin: origin}, nil
}

// refusal is a problem as a script says it, with status 200.
func (s *script) refusal(p *problem) park.Reply {
	if s.frame {
		return stream.FrameOf(&transport.Request{Callback: s.callback, Origin: s.origin}, p.object())
	}
	return poll.CallOf(s.callback, p.object())
}

// include checks who asks for a script.
func (d *doors) include(e *entry) *problem {
	if d.anyOrigin || e.site == "same-origin" || e.site == "none" || e.origin != "" {
		return nil // of an Origin, if there is one, admit takes care
	}
	page := *e
	page.origin = originOf(e.referer)
	if page.origin == "" {
		return forbiddenOrigin.of("it cannot be told which page asks for this script: it sends no Referer")
	}
	return d.origin(&page)
}

// frame checks who asks for a forever iframe: that it is one, and, where the page around it is named, that this page may read.
func (d *doors) frame(e *entry, origin string) *problem {
	switch e.dest {
	case "", "iframe", "frame":
	default:
		return forbiddenOrigin.of("this is a document for an iframe, not for " + quote(e.dest))
	}
	if origin == "" {
		if e.site != "" && e.site != "same-origin" {
			return forbiddenOrigin.of("callback is for pages of the gateway's own origin; others give theirs as origin")
		}
		return nil
	}
	page := *e
	page.origin, page.site = origin, ""
	return d.origin(&page)
}

// originOf returns the origin of a page's URL, or "".
func originOf(page string) string {
	u, err := url.Parse(page)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return ""
	}
	return fmt.Sprintf("%s://%s", strings.ToLower(u.Scheme), strings.ToLower(u.Host))
}

// isWebOrigin reports whether text is the origin of a web page as browsers write it (RFC 6454 section 6.2), and nothing that would mean
// more within a header field or a script.
func isWebOrigin(text string) bool {
	scheme, host, ok := strings.Cut(text, "://")
	const letters, digits = "abcdefghijklmnopqrstuvwxyz", "0123456789"
	return ok && scheme != "" && strings.Trim(scheme, letters+digits+"+-.") == "" &&
		host != "" && strings.Trim(host, letters+digits+"-._:[]") == "" && originOf(text) == text
}
