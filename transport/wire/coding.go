package wire

import "strings"

// GzipBodyFrom is the size in bytes from which a whole answer is worth gzip: below it fits into one packet anyway.
const GzipBodyFrom = 1 << 10

// maxCodings bounds how many elements of an Accept-Encoding are looked at.
const maxCodings = 64

// AcceptsGzip reports whether an Accept-Encoding (RFC 9110 section 12.5.3; all fields, joined by commas) asks for gzip. An empty
// one asks for nothing. Where gzip is as good as no coding at all, it is taken; what is malformed is passed over.
func AcceptsGzip(acceptEncoding string) bool {
	const unsaid = -1
	gzip, identity, others := unsaid, unsaid, unsaid
	n := 0
	for element := range strings.SplitSeq(acceptEncoding, ",") {
		if n++; n > maxCodings {
			break
		}
		coding, weight, weighted := strings.Cut(element, ";")
		q, ok := qvalue(weight)
		if !weighted {
			q, ok = 1000, true
		}
		if !ok {
			continue
		}
		switch strings.ToLower(strings.Trim(coding, " \t")) {
		case "gzip", "x-gzip": // section 8.4.1.3: the two are the same
			gzip = max(gzip, q)
		case "identity":
			identity = q
		case "*":
			others = q
		}
	}
	if gzip == unsaid {
		gzip = others
	}
	return gzip > 0 && gzip >= identity
}

// qvalue reads a weight (RFC 9110 section 12.4.2) in thousandths.
func qvalue(weight string) (int, bool) {
	weight = strings.Trim(weight, " \t")
	if len(weight) < len("q=0") || weight[0]|' ' != 'q' || weight[1] != '=' {
		return 0, false
	}
	whole, digits, pointed := strings.Cut(weight[2:], ".")
	if whole != "0" && whole != "1" || len(digits) > 3 {
		return 0, false
	}
	q := 0
	for i := range 3 {
		digit := byte('0')
		if pointed && i < len(digits) {
			digit = digits[i]
		}
		if digit < '0' || digit > '9' {
			return 0, false
		}
		q = q*10 + int(digit-'0')
	}
	if whole == "1" {
		return 1000, q == 0
	}
	return q, true
}
