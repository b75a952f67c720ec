package server

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tidings/fallback"
	"tidings/gateway"
	"tidings/transport"
)

var update = flag.Bool("update", false, "write generated files again")

// TestErrorsPage holds docs/errors.md equal to the table of errors.
func TestErrorsPage(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(`# Errors

Every refusal is an answer of type ` + "`application/problem+json`" + ` (RFC 9457), such as

` + "```json\n" + string(transportOffExample().body()) + "```" + `

` + "`code`" + ` never changes its meaning; programs go by it. ` + "`type`" + ` is the same with ` + "`" + problemType + "`" + ` in front, and ` + "`detail`" + ` is for
people. The same codes stand in the errors of batch items and of a WebSocket's acks. What is answered 503 carries
` + "`Retry-After`" + `; a server-sent event stream that cannot begin just then is answered 200 with ` + "`retry:`" + ` and an end, since an
EventSource would never try again otherwise. Who cannot see a status is told with ` + "`200`" + `: by ` + "`blind=1`, JSONP and the iframe" + `. How streams end is told in [wire.md](wire.md#errors-and-closing).

This page is generated from the table in ` + "`server/problem.go`" + ` by ` + "`go generate ./server`" + `.

| Code | Status | | What to do |
|---|---|---|---|
`)
	for _, kind := range errorTable {
		fmt.Fprintf(&b, "| <a id=\"%s\"></a>`%s` | %d | %s | %s |\n", kind.code, kind.code, kind.status, kind.title, kind.help)
	}
	const page = "../docs/errors.md"
	if *update {
		if err := os.WriteFile(page, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, b.Bytes()) {
		t.Errorf("%s is not what the table says: run go generate ./server", filepath.Clean(page))
	}
}

func transportOffExample() *problem {
	return problemOf(&fallback.OffError{Kind: transport.WebSocket, Offer: &transport.Offer{Transports: []string{"sse", "stream", "longpoll", "poll"}}})
}

func TestErrorTable(t *testing.T) {
	seen := map[string]bool{}
	for _, kind := range errorTable {
		if seen[kind.code] {
			t.Errorf("%s is there twice", kind.code)
		}
		seen[kind.code] = true
		if !regexp.MustCompile(`^[a-z][a-z_]*$`).MatchString(kind.code) {
			t.Errorf("%q is no code", kind.code)
		}
		if http.StatusText(kind.status) == "" || kind.status < 400 {
			t.Errorf("%s has status %d", kind.code, kind.status)
		}
		if kind.title == "" || kind.help == "" || strings.HasSuffix(kind.title, ".") || !strings.HasSuffix(kind.help, ".") {
			t.Errorf("%s: %q, %q: a title without full stop, help with one", kind.code, kind.title, kind.help)
		}
	}
}

// TestProblemOf keeps errors of the core from becoming internal ones.
func TestProblemOf(t *testing.T) {
	tests := []struct {
		err  error
		code string
	}{
		{gateway.CheckTopic(""), "invalid_topic"},
		{gateway.CheckTopic("$x"), "reserved_topic"},
		{gateway.ErrType, "invalid_type"},
		{gateway.ErrJSON, "invalid_json"},
		{gateway.ErrEvent, "invalid_event"},
		{gateway.ErrKey, "invalid_key"},
		{gateway.ErrTTL, "invalid_ttl"},
		{gateway.ErrTooLarge, "too_large"},
		{gateway.ErrCondition, "precondition_failed"},
		{gateway.ErrIdempotency, "idempotency_key_reused"},
		{gateway.ErrDurability, "durability_unavailable"},
		{gateway.ErrBusy, "busy"},
		{gateway.ErrClosed, "draining"},
		{gateway.ErrTooManyTopics, "too_many_topics"},
		{fmt.Errorf("publish: %w", gateway.ErrBusy), "busy"},
		{&fallback.UnknownError{Name: "pigeon"}, "invalid_parameter"},
		{badTTL.of("x"), "invalid_ttl"},
		{errors.New("a secret of the engine"), "internal_error"},
	}
	for _, test := range tests {
		p := problemOf(test.err)
		if p.kind.code != test.code {
			t.Errorf("%v became %s, want %s", test.err, p.kind.code, test.code)
		}
		if p.kind == internalError && strings.Contains(string(p.body()), "secret") {
			t.Errorf("%s lets out what stays inside", p.body())
		}
	}
}

func TestProblemGolden(t *testing.T) {
	refused := unauthorized.of("the publish key is missing")
	late := busy.of("")
	wrong := methodNotAllowed.of("")
	wrong.allow = "GET, POST"
	tests := []struct {
		name    string
		problem *problem
		fields  string
		body    string
	}{
		{
			"transport_off", transportOffExample(), "",
			`{"type":"urn:tidings:error:transport_off","title":"This transport is switched off","status":406,"detail":"the transport websocket is switched off; there are: sse, stream, longpoll, poll","code":"transport_off","offer":{"transports":["sse","stream","longpoll","poll"]}}`,
		},
		{
			"unauthorized", refused, `WWW-Authenticate: Bearer realm="tidings"`,
			`{"type":"urn:tidings:error:unauthorized","title":"A publish key is needed","status":401,"detail":"the publish key is missing","code":"unauthorized"}`,
		},
		{
			"busy", late, "Retry-After: 1",
			`{"type":"urn:tidings:error:busy","title":"The fan-out is behind","status":503,"code":"busy"}`,
		},
		{
			"method", wrong, "Allow: GET, POST",
			`{"type":"urn:tidings:error:method_not_allowed","title":"The method is not allowed here","status":405,"code":"method_not_allowed"}`,
		},
		{
			"upgrade", upgradeRequired.of(""), "Upgrade: websocket",
			`{"type":"urn:tidings:error:upgrade_required","title":"This is a WebSocket","status":426,"code":"upgrade_required"}`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			test.problem.write(w)
			if w.Code != test.problem.kind.status || w.Body.String() != test.body+"\n" {
				t.Errorf("%d\n%s\nwant\n%s", w.Code, w.Body, test.body)
			}
			if name, value, _ := strings.Cut(test.fields, ": "); name != "" && w.Header().Get(name) != value {
				t.Errorf("%s is %q, want %q", name, w.Header().Get(name), value)
			}
		})
	}
}
