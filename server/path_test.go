package server

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"tidings/gateway"
)

// FuzzTopic: every topic survives its way through a URL, and what comes out of any path is a topic or refused.
func FuzzTopic(f *testing.F) {
	for _, seed := range []string{"news", "a/b c", "é/ü", "a%2fb", "..", "a\x00", "$x", "a+b?c#d", "%", "\xff", "a//b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if gateway.CheckTopic(text) == nil {
			segments := strings.Split(text, "/")
			for i := range segments {
				segments[i] = url.PathEscape(segments[i])
			}
			u, err := url.Parse("http://localhost/topics/" + strings.Join(segments, "/"))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := topicOf(&http.Request{URL: u}); err != nil || got != text {
				t.Errorf("%q became %q, %v", text, got, err)
			}
		}
		u, err := url.ParseRequestURI("/topics/" + text)
		if err != nil {
			return
		}
		topic, err := topicOf(&http.Request{URL: u})
		if err == nil && gateway.CheckTopic(topic) == nil && strings.Count(topic, "/") != strings.Count(u.EscapedPath(), "/")-2 {
			t.Errorf("%q became %q, of other segments", text, topic)
		}
	})
}
