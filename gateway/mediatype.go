package gateway

import (
	"errors"
	"mime"
	"strings"
)

var errNoMediaType = errors.New("no media type")

// BaseType returns a media type without its parameters, in lower case: what [mime.ParseMediaType] returns first, with its error.
// It allocates nothing for what nearly everybody sends: a type in lower case, alone or with the charset UTF-8.
func BaseType(mediaType string) (string, error) {
	if mediaType == "" {
		return "", errNoMediaType
	}
	slash := 0
	for i := range len(mediaType) {
		switch c := mediaType[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '+', c == '.':
			continue
		case c == '/' && slash == 0 && i > 0:
			slash = i
			continue
		case c == ';' && slash > 0 && i > slash+1 && isUTF8Charset(mediaType[i+1:]):
			return mediaType[:i], nil
		}
		return parseBaseType(mediaType)
	}
	if slash == 0 || slash == len(mediaType)-1 {
		return parseBaseType(mediaType)
	}
	return mediaType, nil
}

func isUTF8Charset(parameters string) bool {
	switch strings.TrimPrefix(parameters, " ") {
	case "charset=utf-8", "charset=UTF-8":
		return true
	}
	return false
}

func parseBaseType(mediaType string) (string, error) {
	base, _, err := mime.ParseMediaType(mediaType)
	return base, err
}
