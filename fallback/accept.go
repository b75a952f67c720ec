package fallback

import (
	"slices"
	"strconv"
	"strings"

	"tidings/transport"
)

// mediaRange is an element of Accept that tells a transport.
type mediaRange struct {
	format  string // the media type, lower case; empty for a poll
	kind    transport.Kind
	quality int // 1 to 1000
}

// tells are the media types that tell a transport. JSON tells a poll: whoever prefers it to a stream gets it.
var tells = map[string]transport.Kind{
	"text/event-stream":         transport.SSE,
	NDJSON:                      transport.Stream,
	"multipart/mixed":           transport.Stream,
	"multipart/x-mixed-replace": transport.Stream,
	"application/json":          transport.Poll,
}

// maxRanges bounds how many elements of an Accept are looked at.
const maxRanges = 64

// telling returns the elements of an Accept (RFC 9110 section 12.5.1) that tell a transport, the preferred one first. At the
// same quality a stream goes before JSON, which many clients name out of habit, and else the order is that of the field.
// Wildcards tell nothing: browsers and curl send them with everything. What is malformed is passed over.
func telling(accept string) []mediaRange {
	var out []mediaRange
	n := 0
	for element := range strings.SplitSeq(accept, ",") {
		if n++; n > maxRanges {
			break
		}
		mediaType, parameters, _ := strings.Cut(element, ";")
		mediaType = strings.ToLower(strings.Trim(mediaType, " \t"))
		kind, ok := tells[mediaType]
		if !ok {
			continue
		}
		q, ok := quality(parameters)
		if !ok || q == 0 {
			continue // q=0 means "not acceptable"
		}
		r := mediaRange{kind: kind, quality: q}
		if kind != transport.Poll {
			r.format = mediaType
		}
		out = append(out, r)
	}
	slices.SortStableFunc(out, func(a, b mediaRange) int {
		if a.quality != b.quality {
			return b.quality - a.quality
		}
		return rank(a) - rank(b)
	})
	return out
}

func rank(r mediaRange) int {
	if r.kind == transport.Poll {
		return 1
	}
	return 0
}

// quality reads the weight among an element's parameters (RFC 9110 section 12.4.2) in thousandths; 1000 where there is none.
func quality(parameters string) (int, bool) {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(parameter, "=")
		if !strings.EqualFold(strings.Trim(name, " \t"), "q") {
			continue
		}
		value = strings.Trim(value, " \t")
		if len(value) > len("0.000") || value == "" || strings.Trim(value, "0123456789.") != "" {
			return 0, false
		}
		q, err := strconv.ParseFloat(value, 64)
		if err != nil || q > 1 {
			return 0, false
		}
		return int(q*1000 + 0.5), true
	}
	return 1000, true
}
