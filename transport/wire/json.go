package wire

import "unicode/utf8"

const hexDigits = "0123456789abcdef"

// plain tells which bytes stand for themselves within a JSON string: all of ASCII but what JSON demands to be escaped and
// "<", which would end a script element. Bytes from 0x80 on are looked at as runes.
var plain = func() (table [256]bool) {
	for b := byte(' '); b < utf8.RuneSelf; b++ {
		table[b] = b != '"' && b != '\\' && b != '<'
	}
	return table
}()

// appendString appends s as a JSON string (RFC 8259 section 7). Invalid UTF-8 becomes U+FFFD.
func appendString[S string | []byte](dst []byte, s S) []byte {
	dst = append(dst, '"')
	dst = appendEscaped(dst, s)
	return append(dst, '"')
}

// appendEscaped appends s as it stands between the quotes of a JSON string.
func appendEscaped[S string | []byte](dst []byte, s S) []byte {
	from := 0 // s[from:i] stands for itself
	for i := 0; i < len(s); {
		b := s[i]
		if plain[b] {
			i++
			continue
		}
		if b >= utf8.RuneSelf {
			size, escape := escapeRune(s[i:min(i+utf8.UTFMax, len(s))])
			if escape != "" {
				dst = append(dst, s[from:i]...)
				dst = append(dst, escape...)
				from = i + size
			}
			i += size
			continue
		}
		dst = append(dst, s[from:i]...)
		switch b {
		case '"', '\\':
			dst = append(dst, '\\', b)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[b>>4], hexDigits[b&15])
		}
		i++
		from = i
	}
	return append(dst, s[from:]...)
}

// escapeRune returns the size of the rune that s starts with, and how it is escaped, empty if it stands for itself:
// U+2028 and U+2029 end a line in older JavaScript.
func escapeRune[S string | []byte](s S) (size int, escape string) {
	var buf [utf8.UTFMax]byte
	r, size := utf8.DecodeRune(buf[:copy(buf[:], s)])
	switch {
	case r == utf8.RuneError && size == 1:
		return size, `\ufffd`
	case r == '\u2028':
		return size, `\u2028`
	case r == '\u2029':
		return size, `\u2029`
	}
	return size, ""
}

// appendCompact appends the JSON text data, which must be valid, without white space and with the same escapes as
// appendString. What is escaped already stays as it is.
func appendCompact(dst, data []byte) []byte {
	inString := false
	from := 0 // data[from:i] stands for itself
	for i := 0; i < len(data); {
		b := data[i]
		switch {
		case !inString && (b == ' ' || b == '\n' || b == '\r' || b == '\t'):
			dst = append(dst, data[from:i]...)
			i++
			from = i
		case b == '"':
			inString = !inString
			i++
		case b == '\\':
			i += 2
		case b == '<':
			dst = append(dst, data[from:i]...)
			dst = append(dst, `\u003c`...)
			i++
			from = i
		case b >= utf8.RuneSelf:
			size, escape := escapeRune(data[i:min(i+utf8.UTFMax, len(data))])
			if escape != "" {
				dst = append(dst, data[from:i]...)
				dst = append(dst, escape...)
				from = i + size
			}
			i += size
		default:
			i++
		}
	}
	return append(dst, data[from:]...)
}
