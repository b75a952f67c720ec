package server

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
)

func TestPublish(t *testing.T) {
	s := start(t, Options{})
	a := s.ask("POST", "/topics/weather/paris", "Rain from noon")
	if a.status != http.StatusCreated || a.header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v %s", a.status, a.header, a.body)
	}
	epoch := s.Gateway().Epoch()
	want := `{"topic":"weather/paris","cursor":"` + epoch + `-1","seq":1,"prev":0,"durability":"memory","followers":0,"duplicate":false}` + "\n"
	if a.body != want {
		t.Errorf("%s\nwant\n%s", a.body, want)
	}
	if got := a.header.Get("Tidings-Cursor"); got != epoch+"-1" {
		t.Errorf("Tidings-Cursor %q", got)
	}
}

func TestPublishAttributes(t *testing.T) {
	tests := []struct {
		name   string
		query  string
		body   string
		fields []string
		// as a poll shows it
		kind, event, key, data64 string
		data                     any
	}{
		{name: "nothing said", body: "Rain", data: "Rain"},
		{name: "empty", body: "", data: ""},
		{name: "curl -d", body: "a=b&c", fields: []string{"Content-Type: application/x-www-form-urlencoded"}, data: "a=b&c"},
		{name: "curl --data-binary", body: "\xff\xfe", fields: []string{"Content-Type: application/x-www-form-urlencoded"}, kind: "application/octet-stream", data64: "//4="},
		{name: "bytes", body: "\xff", kind: "application/octet-stream", data64: "/w=="},
		{name: "JSON", body: `{"a": 1}`, fields: []string{"Content-Type: application/json"}, data: map[string]any{"a": 1.0}},
		{name: "JSON by query", query: "?type=application/json", body: `[1, 2]`, fields: []string{"Content-Type: text/plain;charset=UTF-8"}, data: []any{1.0, 2.0}},
		{name: "picture", body: "GIF89a", fields: []string{"Content-Type: image/gif"}, kind: "image/gif", data64: "R0lGODlh"},
		{name: "headers", body: "x", fields: []string{"Tidings-Event: rain", "Tidings-Key: paris"}, event: "rain", key: "paris", data: "x"},
		{name: "query", query: "?event=rain&key=par%20is", body: "x", event: "rain", key: "par is", data: "x"},
		{name: "query wins", query: "?event=snow", body: "x", fields: []string{"Tidings-Event: rain"}, event: "snow", data: "x"},
		{name: "UTF-8 header", body: "x", fields: []string{"Tidings-Key: é"}, key: "é", data: "x"},
		{name: "TTL seconds", query: "?ttl=3600", body: "x", data: "x"},
		{name: "TTL duration", body: "x", fields: []string{"Tidings-TTL: 1h30m"}, data: "x"},
		{name: "durability that there is", query: "?durability=memory", body: "x", data: "x"},
		{name: "identity", body: "x", fields: []string{"Content-Encoding: identity"}, data: "x"},
	}
	s := start(t, Options{})
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			topic := "/topics/t/" + string(rune('a'+i))
			if a := s.ask("POST", topic+test.query, test.body, test.fields...); a.status != http.StatusCreated {
				t.Fatalf("%d %s", a.status, a.body)
			}
			p := s.poll(topic)
			if len(p.Items) != 1 {
				t.Fatalf("%+v", p)
			}
			m := p.Items[0]
			if m.Type != test.kind || m.Event != test.event || m.Key != test.key || m.Data64 != test.data64 || !same(m.Data, test.data) {
				t.Errorf("%+v, want %+v", m, test)
			}
		})
	}
}

func same(a, b any) bool {
	return strings.TrimSpace(marshal(a)) == strings.TrimSpace(marshal(b))
}

func TestPublishRefuses(t *testing.T) {
	long := strings.Repeat("x", 256)
	tests := []struct {
		name   string
		path   string
		body   string
		fields []string
		status int
		code   string
	}{
		{"no topic", "/topics/", "x", nil, 400, "invalid_topic"},
		{"empty segment", "/topics/a//b", "x", nil, 400, "invalid_topic"},
		{"slash at the end", "/topics/a/", "x", nil, 400, "invalid_topic"},
		{"dots", "/topics/a/%2e%2e/b", "x", nil, 400, "invalid_topic"},
		{"plain dots", "/topics/a/../b", "x", nil, 400, "invalid_topic"},
		{"encoded slash", "/topics/a%2fb", "x", nil, 400, "invalid_topic"},
		{"encoded slash in capitals", "/topics/a%2Fb", "x", nil, 400, "invalid_topic"},
		{"NUL", "/topics/a%00b", "x", nil, 400, "invalid_topic"},
		{"line feed", "/topics/a%0d%0aSet-Cookie:x", "x", nil, 400, "invalid_topic"},
		{"C1 control", "/topics/a%C2%85", "x", nil, 400, "invalid_topic"},
		{"invalid UTF-8", "/topics/a%ff", "x", nil, 400, "invalid_topic"},
		{"pattern", "/topics/a/*", "x", nil, 400, "invalid_topic"},
		{"long pattern", "/topics/a/**", "x", nil, 400, "invalid_topic"},
		{"too long", "/topics/" + long, "x", nil, 400, "invalid_topic"},
		{"too deep", "/topics/" + strings.Repeat("a/", 16) + "a", "x", nil, 400, "invalid_topic"},
		{"reserved", "/topics/$sys", "x", nil, 403, "reserved_topic"},
		{"reserved, encoded", "/topics/%24sys/x", "x", nil, 403, "reserved_topic"},
		{"event of ours", "/topics/a?event=tidings.gap", "x", nil, 400, "invalid_event"},
		{"event with a line feed", "/topics/a?event=a%0ab", "x", nil, 400, "invalid_event"},
		{"long event", "/topics/a?event=" + long, "x", nil, 400, "invalid_event"},
		{"long key", "/topics/a?key=" + long, "x", nil, 400, "invalid_key"},
		{"key with NUL", "/topics/a?key=%00", "x", nil, 400, "invalid_key"},
		{"TTL zero", "/topics/a?ttl=0", "x", nil, 400, "invalid_ttl"},
		{"TTL below zero", "/topics/a?ttl=-5", "x", nil, 400, "invalid_ttl"},
		{"TTL duration below zero", "/topics/a?ttl=-5s", "x", nil, 400, "invalid_ttl"},
		{"TTL of words", "/topics/a?ttl=soon", "x", nil, 400, "invalid_ttl"},
		{"TTL past all numbers", "/topics/a?ttl=99999999999999999999", "x", nil, 400, "invalid_ttl"},
		{"TTL past all times", "/topics/a?ttl=9223372036854775807", "x", nil, 400, "invalid_ttl"},
		{"type", "/topics/a", "x", []string{"Content-Type: ;;"}, 400, "invalid_type"},
		{"bad JSON", "/topics/a", "{", []string{"Content-Type: application/json"}, 422, "invalid_json"},
		{"bad problem JSON", "/topics/a", "no", []string{"Content-Type: application/problem+json"}, 422, "invalid_json"},
		{"compressed", "/topics/a", "x", []string{"Content-Encoding: gzip"}, 415, "unsupported_media_type"},
		{"too large", "/topics/a", strings.Repeat("x", 1001), nil, 413, "too_large"},
		{"durability that there is not", "/topics/a?durability=quorum", "x", nil, 422, "durability_unavailable"},
		{"durability of words", "/topics/a?durability=for+ever", "x", nil, 400, "invalid_parameter"},
		{"long idempotency key", "/topics/a", "x", []string{"Idempotency-Key: " + long}, 400, "invalid_parameter"},
		{"idempotency key with NUL", "/topics/a?idempotency_key=%00", "x", nil, 400, "invalid_parameter"},
		{"If-Match of words", "/topics/a", "x", []string{"If-Match: yesterday"}, 400, "invalid_parameter"},
		{"If-Match list", "/topics/a", "x", []string{`If-Match: "aaaaaaaa-1", "aaaaaaaa-2"`}, 400, "invalid_parameter"},
		{"If-None-Match of words", "/topics/a", "x", []string{`If-None-Match: "aaaaaaaa-1"`}, 400, "invalid_parameter"},
		{"If-Match of another log", "/topics/a", "x", []string{`If-Match: "aaaaaaaa-1"`}, 412, "precondition_failed"},
		{"query", "/topics/a?x=%zz", "x", nil, 400, "bad_request"},
		{"semicolon", "/topics/a?ttl=1;event=x", "x", nil, 400, "bad_request"},
	}
	s := start(t, Options{MessageBytes: 1000})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := s.ask("POST", test.path, test.body, test.fields...)
			if code := a.code(t); a.status != test.status || code != test.code {
				t.Errorf("%d %s, want %d %s: %s", a.status, code, test.status, test.code, a.body)
			}
			if a.header.Get("Set-Cookie") != "" {
				t.Error("a header came out of a topic")
			}
		})
	}
	if n := s.Gateway().Stats().Published; n != 0 {
		t.Errorf("%d of them were stored", n)
	}
}

func TestPublishBodyAtTheLimit(t *testing.T) {
	s := start(t, Options{MessageBytes: 1000})
	if a := s.ask("POST", "/topics/a", strings.Repeat("x", 1000)); a.status != http.StatusCreated {
		t.Errorf("%d %s", a.status, a.body)
	}
	// Chunked: its length is not announced.
	resp := s.open("POST", "/topics/a", struct{ *bytes.Reader }{bytes.NewReader(make([]byte, 1001))})
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge || resp.ContentLength == 0 {
		t.Errorf("%d", resp.StatusCode)
	}
}

func TestConditions(t *testing.T) {
	s := start(t, Options{})
	if a := s.ask("POST", "/topics/a", "1", "If-None-Match: *"); a.status != http.StatusCreated {
		t.Fatalf("into an empty topic: %d %s", a.status, a.body)
	}
	if a := s.ask("POST", "/topics/a?if_none_match=*", "1"); a.code(t) != "precondition_failed" || a.status != http.StatusPreconditionFailed {
		t.Errorf("into a topic that is not empty: %s", a.body)
	}
	tag := s.ask("GET", "/topics/a", "").header.Get("ETag")
	if a := s.ask("POST", "/topics/a", "2", "If-Match: "+tag); a.status != http.StatusCreated {
		t.Errorf("with the poll's ETag: %d %s", a.status, a.body)
	}
	if a := s.ask("POST", "/topics/a", "2", "If-Match: "+tag); a.code(t) != "precondition_failed" {
		t.Errorf("with an old one: %s", a.body)
	}
	newest := s.ask("HEAD", "/topics/a", "").header.Get("Tidings-Cursor")
	if a := s.ask("POST", "/topics/a?if_match="+newest, "3"); a.status != http.StatusCreated {
		t.Errorf("with a bare cursor: %d %s", a.status, a.body)
	}
}

func TestIdempotency(t *testing.T) {
	s := start(t, Options{PublishKeys: []string{"one", "two"}})
	publish := func(credential, topic, body string) answer {
		return s.ask("POST", "/topics/"+topic, body, "Authorization: Bearer "+credential, "Idempotency-Key: k")
	}
	first := publish("one", "a", "x")
	again := publish("one", "a", "x")
	if first.status != http.StatusCreated || again.status != http.StatusOK {
		t.Errorf("%d, then %d", first.status, again.status)
	}
	if want := strings.Replace(first.body, `"duplicate":false`, `"duplicate":true`, 1); again.body != want {
		t.Errorf("%s, want %s", again.body, want)
	}
	if a := publish("one", "a", "y"); a.code(t) != "idempotency_key_reused" || a.status != http.StatusUnprocessableEntity {
		t.Errorf("with another body: %s", a.body)
	}
	if a := publish("one", "b", "y"); a.status != http.StatusCreated {
		t.Errorf("in another topic: %s", a.body)
	}
	if a := publish("two", "a", "y"); a.status != http.StatusCreated {
		t.Errorf("by somebody else: %s", a.body)
	}
}

func TestDelete(t *testing.T) {
	s := start(t, Options{})
	s.ask("POST", "/topics/a", "1")
	a := s.ask("DELETE", "/topics/a", "")
	var receipt receiptBody
	a.decode(t, &receipt)
	if a.status != http.StatusOK || receipt.Seq != 2 || receipt.Prev != 1 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if p := s.poll("/topics/a"); len(p.Items) != 0 {
		t.Errorf("%+v is left", p.Items)
	}
	if a := s.ask("DELETE", "/topics/a/*", ""); a.code(t) != "invalid_topic" {
		t.Errorf("%s", a.body)
	}
	if a := s.ask("DELETE", "/topics/$a", ""); a.code(t) != "reserved_topic" {
		t.Errorf("%s", a.body)
	}
}

func TestDescribe(t *testing.T) {
	s := start(t, Options{})
	s.ask("POST", "/topics/a", "12345")
	s.ask("POST", "/topics/a", "678")
	a := s.ask("HEAD", "/topics/a", "")
	for name, want := range map[string]string{
		"Tidings-Cursor": s.Gateway().Epoch() + "-2", "Tidings-Count": "2", "Tidings-Bytes": "8", "Tidings-Followers": "0",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if a := s.ask("HEAD", "/topics/never", ""); a.status != http.StatusOK || a.header.Get("Tidings-Count") != "0" {
		t.Errorf("a topic without messages: %d %v", a.status, a.header)
	}
	if a := s.ask("HEAD", "/topics/a/*", ""); a.status != http.StatusBadRequest {
		t.Errorf("a pattern: %d", a.status)
	}
}
