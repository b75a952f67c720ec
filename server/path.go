package server

import (
	"net/http"
	"net/url"
	"strings"
)

// topicOf takes the topic from a path /topics/{topic} as it was sent: it is decoded here, once, and nowhere else. An encoded
// slash is refused, as proxies disagree about it; what else makes no topic the gateway refuses.
func topicOf(r *http.Request) (string, error) {
	if r.URL.RawPath == "" { // it was sent as net/url would encode it: no slash was encoded
		return strings.TrimPrefix(r.URL.Path, "/topics/"), nil
	}
	return unescapeTopic(strings.TrimPrefix(r.URL.EscapedPath(), "/topics/"))
}

func unescapeTopic(escaped string) (string, error) {
	if !strings.Contains(escaped, "%") {
		return escaped, nil
	}
	if strings.Contains(strings.ToLower(escaped), "%2f") {
		return "", badTopic.of("it has an encoded slash (%2F)")
	}
	topic, err := url.PathUnescape(escaped)
	if err != nil {
		return "", badTopic.of(err.Error())
	}
	return topic, nil
}

// queryOf parses the query. What cannot be parsed is refused rather than passed over: it may have been the since.
func queryOf(r *http.Request) (url.Values, error) {
	if r.URL.RawQuery == "" {
		return nil, nil //nolint:nilnil // a nil map is an empty one
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest.of("the query cannot be parsed: " + err.Error())
	}
	return q, nil
}
