package wire

import (
	"slices"
	"strings"

	"tidings/gateway"
)

// NDJSONPrelude is a line of 2 KB of spaces: XDomainRequest and old WebKit show a page nothing of an answer before they have had so much.
var NDJSONPrelude = strings.Repeat(" ", 2047) + "\n"

// NDJSON is an envelope as one line; an envelope holds no line feed.
var NDJSON = &gateway.Format{Name: "ndjson", Append: func(dst []byte, m *gateway.Message) []byte {
	envelope := m.Encoded(Envelope)
	dst = append(slices.Grow(dst, len(envelope)+1), envelope...)
	return append(dst, '\n')
}}

// NDJSONChunked is NDJSON with chunk heads.
var NDJSONChunked = chunked(NDJSON)
