package fallback

import (
	"slices"
	"strings"
)

// quirk is a kind of client that something is kept from. It is known by its User-Agent: one of has is in it, and none of hasNot.
type quirk struct {
	has, hasNot []string
	source      string // where it was reported
}

func (q quirk) of(userAgent string) bool {
	within := func(part string) bool { return strings.Contains(userAgent, part) }
	return slices.ContainsFunc(q.has, within) && !slices.ContainsFunc(q.hasNot, within)
}

// failsDeflated are the clients that agree to permessage-deflate and then fail on deflated messages. Versions do not help: it
// was reported mended with Safari 15.4 and then of 15.5, 16, 17 and of 2026 again.
var failsDeflated = []quirk{
	// Safari, all browsers of iOS, and what embeds WebKit. Chromium and its kin name AppleWebKit and Safari too, but with
	// Chrome; the browsers of that name on iOS say CriOS.
	{
		has: []string{"AppleWebKit/"}, hasNot: []string{"Chrome/", "Chromium/"},
		source: "2020: https://github.com/coder/websocket/issues/218, of Safari 13.1, from 186 bytes up; " +
			"2021: https://github.com/uNetworking/uWebSockets/issues/1347, of Safari 15.0 to 15.3, with a table of browsers; " +
			"2024: https://github.com/warmcat/libwebsockets/issues/3065, of Safari 17 and 15.5 to 16; " +
			"2026: https://github.com/VirtualFlyBrain/geppetto-vfb/pull/1719, of Safari and all browsers of iOS",
	},
	// Programs on Apple's systems that use the same URLSession as Safari does from 15 on.
	{
		has:    []string{"CFNetwork/"},
		source: "2021: https://github.com/sta/websocket-sharp/issues/666, of iPadOS 15: nw_ws_parse_input_block: inflate returned data error",
	},
}

// Deflates reports whether a client with this User-Agent may be sent deflated WebSocket messages. Who says nothing may.
func Deflates(userAgent string) bool {
	for _, q := range failsDeflated {
		if q.of(userAgent) {
			return false
		}
	}
	return true
}
