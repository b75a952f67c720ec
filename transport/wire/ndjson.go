package wire

import (
	"slices"

	"tidings/gateway"
)

// NDJSON is an envelope as one line; an envelope holds no line feed.
var NDJSON = &gateway.Format{Name: "ndjson", Append: func(dst []byte, m *gateway.Message) []byte {
	envelope := m.Encoded(Envelope)
	dst = append(slices.Grow(dst, len(envelope)+1), envelope...)
	return append(dst, '\n')
}}

// NDJSONChunked is NDJSON with chunk heads.
var NDJSONChunked = chunked(NDJSON)
