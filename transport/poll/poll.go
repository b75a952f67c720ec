package poll

import (
	"maps"
	"net/http"
	"strconv"
	"strings"

	"tidings/transport"
	"tidings/transport/wire"
)

// The bounds of one answer. A request can ask for fewer items.
const (
	maxItems = 1000
	maxBytes = 1 << 20
)

func limitOf(f *transport.Request) int {
	if f.Limit <= 0 {
		return maxItems
	}
	return min(f.Limit, maxItems)
}

// fieldsOf returns the header fields that every answer has.
func fieldsOf(cacheControl string) http.Header {
	return http.Header{
		"Content-Type":           {"application/json"},
		"Cache-Control":          {cacheControl},
		"Vary":                   {"Accept, Accept-Encoding, Origin"},
		"X-Content-Type-Options": {"nosniff"},
	}
}

// New returns the transport that answers at once.
func New() transport.Transport { return poll{} }

type poll struct{}

var _ transport.Transport = poll{}

// Kind implements [transport.Transport].
func (poll) Kind() transport.Kind { return transport.Poll }

// Serve implements [transport.Transport].
func (poll) Serve(w http.ResponseWriter, r *http.Request, f *transport.Request) error {
	// Newest is asked before Read. What is published in between comes twice, which a reader notices; the other way round it
	// would be taken for known.
	newest := f.Gateway.Newest(f.Follows).String()
	tag := `W/"` + newest + `"`
	header := w.Header()
	vary := header["Vary"] // both sides say what they looked at
	maps.Copy(header, fieldsOf("no-cache"))
	header["Vary"] = append(vary, header["Vary"]...)
	header.Set("ETag", tag)
	header.Set("Tidings-Cursor", newest)
	if (r.Method == http.MethodGet || r.Method == http.MethodHead) && known(r.Header.Values("If-None-Match"), tag) {
		header.Del("Content-Type") // of a body that is not there
		w.WriteHeader(http.StatusNotModified)
		return nil
	}

	page := f.Gateway.Read(f.Start, limitOf(f), maxBytes)
	answer := wire.Poll{
		Cursor: page.Cursor, Items: make([][]byte, 0, len(page.Items)), More: page.More, PollMS: f.PollMS, Offer: f.Offer,
	}
	messages := 0
	for _, item := range page.Items {
		if item.Message != nil {
			messages++
			answer.Items = append(answer.Items, item.Message.Encoded(wire.Envelope))
		} else {
			answer.Items = append(answer.Items, wire.AppendNotice(nil, item.Notice))
		}
	}
	parts, size := answer.Parts()
	header.Set("Content-Length", strconv.Itoa(size))
	for _, part := range parts {
		_, _ = w.Write(part) // a client that has left needs no more
	}
	f.Gateway.Delivered(uint8(transport.Poll), messages, size)
	return nil
}

// known reports whether an If-None-Match field holds tag, by the weak comparison of RFC 9110 section 8.8.3.2.
func known(fields []string, tag string) bool {
	for _, field := range fields {
		for have := range strings.SplitSeq(field, ",") {
			have = strings.TrimSpace(have)
			if have == "*" || strings.TrimPrefix(have, "W/") == strings.TrimPrefix(tag, "W/") {
				return true
			}
		}
	}
	return false
}
