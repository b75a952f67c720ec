package fallback

import (
	"slices"
	"strings"

	"tidings/transport"
)

// Quirks are what is kept from a client because of what it is.
type Quirks uint8

// The quirks.
const (
	FailsDeflated  Quirks = 1 << iota // agrees to permessage-deflate and then fails on deflated messages
	FailsWebSocket                    // has a WebSocket that does not work, or takes the browser with it
	FailsSSE                          // the same of its EventSource
)

// Deflates reports whether the client may be sent deflated WebSocket messages.
func (q Quirks) Deflates() bool { return q&FailsDeflated == 0 }

// Avoids returns the transports that the client is not offered. It is served by them all the same if it asks.
func (q Quirks) Avoids() (r Rungs) {
	if q&FailsWebSocket != 0 {
		r |= RungsOf(transport.WebSocket)
	}
	if q&FailsSSE != 0 {
		r |= RungsOf(transport.SSE)
	}
	return r
}

// quirk is a kind of client that something is kept from. It is known by its User-Agent: one of has is in it, and none of hasNot.
type quirk struct {
	effect      Quirks
	has, hasNot []string
	source      string // where it was reported
}

// chromium is what Chromium and its kin name. They name AppleWebKit and Safari too; the browsers of those names on iOS do not name these.
var chromium = []string{"Chrome/", "Chromium/"}

// quirks are all that are known. What a client can find out about itself is not here: that a transport is missing, or brings nothing. Here is
// what it finds out too late, or pays for with a crash.
var quirks = []quirk{
	// Safari, all browsers of iOS, and what embeds WebKit. Versions do not help: it was reported mended with Safari 15.4 and then of
	// 15.5, 16, 17 and of 2026 again.
	{
		effect: FailsDeflated, has: []string{"AppleWebKit/"}, hasNot: chromium,
		source: "2020: https://github.com/coder/websocket/issues/218, of Safari 13.1, from 186 bytes up; " +
			"2021: https://github.com/uNetworking/uWebSockets/issues/1347, of Safari 15.0 to 15.3, with a table of browsers; " +
			"2024: https://github.com/warmcat/libwebsockets/issues/3065, of Safari 17 and 15.5 to 16; " +
			"2026: https://github.com/VirtualFlyBrain/geppetto-vfb/pull/1719, of Safari and all browsers of iOS",
	},
	// Programs on Apple's systems that use the same URLSession as Safari does from 15 on.
	{
		effect: FailsDeflated, has: []string{"CFNetwork/"},
		source: "2021: https://github.com/sta/websocket-sharp/issues/666, of iPadOS 15: nw_ws_parse_input_block: inflate returned data error",
	},
	// Safari 5 and PhantomJS 1, which speak only the draft hixie-76.
	{
		effect: FailsWebSocket, has: []string{"Version/5.0", "Version/5.1", "PhantomJS/1."}, hasNot: chromium,
		source: "2015: https://github.com/qzind/qz-print/issues/17, of Safari 5.1.7, which names no version in its handshake; " +
			"2016: https://github.com/sockjs/sockjs-client/issues/281, of which versions speak what; " +
			"2016: https://github.com/cockpit-project/cockpit/pull/5621, of PhantomJS 1; " +
			"2023: https://github.com/websockets/ws/issues/2150, of televisions with that WebKit",
	},
	// Safari of iOS 5 to 7: it crashes when a page with an open WebSocket is resumed or loaded again.
	{
		effect: FailsWebSocket,
		has: []string{
			"CPU iPhone OS 5_", "CPU OS 5_", "CPU iPhone OS 6_", "CPU OS 6_", "CPU iPhone OS 7_", "CPU OS 7_",
		},
		source: "2012: https://github.com/maccman/juggernaut/issues/131 and https://bugs.webkit.org/show_bug.cgi?id=81517, on return to the tab; " +
			"2013: https://github.com/sockjs/sockjs-client/pull/117, of iOS 5; " +
			"2013: https://github.com/SignalR/SignalR/issues/2650, of iOS 6 and 7, on reload; " +
			"2014: https://github.com/meteor/meteor/issues/1908, of web views in apps",
	},
	// Safari 10.1 and that of iOS 10.3: a WebSocket is closed with 1006 when something is sent up fast.
	{
		effect: FailsWebSocket, has: []string{"OS 10_3 like Mac", "OS 10_3_1 like Mac", "Version/10.1 Safari", "Version/10.1.1 Safari"},
		source: "2017: https://bugs.webkit.org/show_bug.cgi?id=170463; " +
			"2017: https://github.com/watson-developer-cloud/speech-javascript-sdk/issues/40, mended in 10.1.2; " +
			"2017: https://github.com/meteor/meteor/issues/8622, of iOS 10.3 and 10.3.1",
	},
	// The browser of Android 4: its WebSocket never connects on some devices, and its EventSource crashes it on others. Chrome 12 has the
	// same version of WebKit.
	{
		effect: FailsWebSocket | FailsSSE, has: []string{"AppleWebKit/534.30"}, hasNot: chromium,
		source: "2014: https://github.com/Modernizr/Modernizr/issues/1399 and " +
			"https://github.com/stellar-deprecated/stellar-client/pull/441, of WebSocket; " +
			"2013: https://github.com/SignalR/SignalR/issues/2367, of EventSource",
	},
}

func (q *quirk) of(userAgent string) bool {
	within := func(part string) bool { return strings.Contains(userAgent, part) }
	return slices.ContainsFunc(q.has, within) && !slices.ContainsFunc(q.hasNot, within)
}

// QuirksOf returns what is known of clients with this User-Agent. Of who says nothing, nothing is.
func QuirksOf(userAgent string) (q Quirks) {
	if userAgent == "" {
		return 0
	}
	for i := range quirks {
		if quirks[i].of(userAgent) {
			q |= quirks[i].effect
		}
	}
	return q
}
