package server

import (
	"errors"
	"net/url"
	"strings"
)

// params are the parameters of a query, in their order.
type params []param

type param struct{ name, value string }

var errSemicolon = errors.New("invalid semicolon separator in query")

// parseParams reads a query as [url.ParseQuery] does, but for a map, and appends its parameters to p. What cannot be parsed is refused rather than passed over: it may have
// been the since.
func parseParams(p params, query string) (params, error) {
	if query == "" {
		return p, nil
	}
	for pair := range strings.SplitSeq(query, "&") {
		if strings.Contains(pair, ";") {
			return nil, errSemicolon
		}
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		var err error
		if name, err = url.QueryUnescape(name); err != nil {
			return nil, err
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, err
		}
		p = append(p, param{name, value})
	}
	return p, nil
}

// get returns the first value of a name, or "".
func (p params) get(name string) string {
	for i := range p {
		if p[i].name == name {
			return p[i].value
		}
	}
	return ""
}
