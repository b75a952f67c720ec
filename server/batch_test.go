package server

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

func marshal(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// outcomes are a batch's results in short: "201", "200", or an error's code.
func outcomes(t *testing.T, a answer) []string {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	var body struct {
		Results []struct {
			Status int
			Seq    uint64
			Error  struct {
				Code   string
				Status int
				Detail string
			}
		}
	}
	a.decode(t, &body)
	var out []string
	for _, r := range body.Results {
		switch {
		case r.Error.Code == "":
			out = append(out, fmt.Sprint(r.Status))
			if r.Seq == 0 {
				t.Errorf("a receipt without seq in %s", a.body)
			}
		default:
			out = append(out, r.Error.Code)
			if r.Error.Status < 400 || r.Error.Detail == "" {
				t.Errorf("an error without status or detail in %s", a.body)
			}
		}
	}
	return out
}

func TestBatchItems(t *testing.T) {
	tests := []struct {
		name, item, want string
	}{
		{"text", `{"topic":"a","data":"x"}`, "201"},
		{"object", `{"topic":"a","data":{"x":1}}`, "201"},
		{"null is JSON", `{"topic":"a","data":null}`, "201"},
		{"bytes", `{"topic":"a","data64":"/w==","type":"image/png"}`, "201"},
		{"string as JSON", `{"topic":"a","data":"x","type":"application/json"}`, "201"},
		{"everything", `{"topic":"a","data":"x","type":"text/html","event":"e","key":"k","ttl":60}`, "201"},
		{"TTL as text", `{"topic":"a","data":"x","ttl":"10m"}`, "201"},
		{"member that nobody knows", `{"topic":"a","data":"x","colour":"red"}`, "201"},
		{"no topic", `{"data":"x"}`, "invalid_topic"},
		{"pattern", `{"topic":"a/*","data":"x"}`, "invalid_topic"},
		{"reserved", `{"topic":"$a","data":"x"}`, "reserved_topic"},
		{"no data", `{"topic":"a"}`, "bad_request"},
		{"both data", `{"topic":"a","data":"x","data64":""}`, "bad_request"},
		{"bad base64", `{"topic":"a","data64":"/w"}`, "bad_request"},
		{"bad type", `{"topic":"a","data":"x","type":";;"}`, "invalid_type"},
		{"bytes that are no JSON", `{"topic":"a","data64":"ew==","type":"application/json"}`, "invalid_json"},
		{"bad TTL", `{"topic":"a","data":"x","ttl":-1}`, "invalid_ttl"},
		{"TTL with a point", `{"topic":"a","data":"x","ttl":1e3}`, "invalid_ttl"},
		{"TTL object", `{"topic":"a","data":"x","ttl":{}}`, "bad_request"},
		{"bad condition", `{"topic":"a","data":"x","if_match":"x"}`, "invalid_parameter"},
		{"condition that fails", `{"topic":"a","data":"x","if_match":"aaaaaaaa-1"}`, "precondition_failed"},
		{"event of ours", `{"topic":"a","data":"x","event":"tidings.x"}`, "invalid_event"},
		{"topic of another kind", `{"topic":1,"data":"x"}`, "bad_request"},
		{"no object", `[1]`, "bad_request"},
		{"number", `1`, "bad_request"},
		{"null", `null`, "invalid_topic"},
		{"too large", `{"topic":"a","data":"` + strings.Repeat("x", 1001) + `"}`, "too_large"},
	}
	s := start(t, Options{MessageBytes: 1000})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			good := `{"topic":"b","data":"y"}`
			want := "201 " + test.want + " 201"
			lines := s.ask("POST", "/topics", good+"\n"+test.item+"\n"+good, "Content-Type: application/x-ndjson")
			if got := strings.Join(outcomes(t, lines), " "); got != want {
				t.Errorf("as NDJSON: %s, want %s: %s", got, want, lines.body)
			}
			array := s.ask("POST", "/topics", "["+good+","+test.item+","+good+"]", "Content-Type: application/json")
			if got := strings.Join(outcomes(t, array), " "); got != want {
				t.Errorf("as an array: %s, want %s: %s", got, want, array.body)
			}
		})
	}
}

func TestBatchPayloads(t *testing.T) {
	s := start(t, Options{})
	s.ask("POST", "/topics", `{"topic":"p","data":"text"}
{"topic":"p","data":{"a": 1}}
{"topic":"p","data":"say","type":"application/json"}
{"topic":"p","data":null}
{"topic":"p","data64":"/w==","type":"image/png","event":"e","key":"k"}
`, "Content-Type: application/x-ndjson")
	p := s.poll("/topics/p")
	if len(p.Items) != 5 {
		t.Fatalf("%+v", p)
	}
	for i, want := range []any{"text", map[string]any{"a": 1}, "say", nil, nil} {
		if !same(p.Items[i].Data, want) {
			t.Errorf("item %d is %v, want %v", i, p.Items[i].Data, want)
		}
	}
	if last := p.Items[4]; last.Data64 != "/w==" || last.Type != "image/png" || last.Event != "e" || last.Key != "k" {
		t.Errorf("%+v", last)
	}
}

func TestBatchRefusedWhole(t *testing.T) {
	good := `{"topic":"a","data":"x"}`
	tests := []struct {
		name, kind, body string
		status           int
		code             string
	}{
		{"cut array", "application/json", "[" + good + "," + good, 400, "invalid_batch"},
		{"junk after it", "application/json", "[" + good + "] x", 400, "invalid_batch"},
		{"object", "application/json", good, 400, "invalid_batch"},
		{"null", "application/json", "null", 400, "invalid_batch"},
		{"nothing", "application/json", "", 400, "invalid_batch"},
		{"text", "text/plain", good, 415, "unsupported_media_type"},
		{"no type", "", good, 415, "unsupported_media_type"},
		{"too large", "application/json", "[" + strings.Repeat(" ", 5000) + "]", 413, "too_large"},
	}
	s := start(t, Options{BatchBytes: 5000})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := s.ask("POST", "/topics", test.body, "Content-Type: "+test.kind)
			if code := a.code(t); a.status != test.status || code != test.code {
				t.Errorf("%s, want %d %s", a.body, test.status, test.code)
			}
		})
	}
	if n := s.Gateway().Stats().Published; n != 0 {
		t.Errorf("%d were stored", n)
	}
}

func TestBatchEmpty(t *testing.T) {
	s := start(t, Options{})
	for kind, body := range map[string]string{"application/json": "[]", "application/x-ndjson": "\n\n"} {
		if a := s.ask("POST", "/topics", body, "Content-Type: "+kind); a.body != `{"results":[]}`+"\n" {
			t.Errorf("%s: %s", kind, a.body)
		}
	}
}

func TestBatchIdempotency(t *testing.T) {
	s := start(t, Options{})
	body := `{"topic":"a","data":"1"}` + "\n\n" + `{"topic":"a","data":"2"}` + "\n" + `{"topic":"a","data":"3","idempotency_key":"own"}`
	send := func() string {
		return strings.Join(outcomes(t, s.ask("POST", "/topics", body, "Content-Type: application/x-ndjson", "Idempotency-Key: k")), " ")
	}
	if got := send(); got != "201 201 201" {
		t.Errorf("first %s", got)
	}
	if got := send(); got != "200 200 200" {
		t.Errorf("again %s", got)
	}
	// The keys are those that the page says: k/i, and an item's own.
	for key, data := range map[string]string{"k/0": "1", "k/1": "2", "own": "3"} {
		if a := s.ask("POST", "/topics/a", data, "Idempotency-Key: "+key); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", key, a.status, a.body)
		}
	}
}

func TestBatchMinimal(t *testing.T) {
	s := start(t, Options{})
	a := s.ask("POST", "/topics", `[{"topic":"a","data":"1"},{"topic":"$a","data":"1"},{"topic":"a","data":"2"}]`,
		"Content-Type: application/json", "Prefer: respond-async, return=minimal")
	var got struct {
		Published, Failed int
		Failures          []struct {
			Index int
			Error struct{ Code string }
		}
	}
	a.decode(t, &got)
	if got.Published != 2 || got.Failed != 1 || len(got.Failures) != 1 || got.Failures[0].Index != 1 || got.Failures[0].Error.Code != "reserved_topic" {
		t.Errorf("%s", a.body)
	}
	a = s.ask("POST", "/topics", strings.Repeat("1\n", mostFailures+500), "Content-Type: application/x-ndjson", "Prefer: return=minimal")
	got.Failures = nil
	a.decode(t, &got)
	if got.Failed != mostFailures+500 || len(got.Failures) != mostFailures {
		t.Errorf("%d failures, %d listed", got.Failed, len(got.Failures))
	}
}

// TestBatchAsItArrives publishes a line and sees it stored before the next is sent.
func TestBatchAsItArrives(t *testing.T) {
	s := start(t, Options{})
	r, w := io.Pipe()
	done := make(chan answer)
	go func() {
		resp := s.open("POST", "/topics", r, "Content-Type: application/x-ndjson")
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		done <- answer{resp.StatusCode, resp.Header, string(b)}
	}()
	for i := range 3 {
		fmt.Fprintf(w, `{"topic":"a","data":"%d"}`+"\n", i)
		// A held poll answers as soon as the line is stored.
		if p := s.poll(fmt.Sprintf("/topics/a?wait=20&since=%s-%d", s.Gateway().Epoch(), i)); len(p.Items) != 1 {
			t.Fatalf("line %d: %+v", i, p)
		}
	}
	w.Close()
	if got := strings.Join(outcomes(t, <-done), " "); got != "201 201 201" {
		t.Errorf("%s", got)
	}
}

// TestBatchCut leaves the connection in the middle of a line: the line is not stored, though it is JSON as it stands.
func TestBatchCut(t *testing.T) {
	s := start(t, Options{})
	c := s.dial("POST /topics HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nContent-Length: 1000\r\n\r\n" +
		`{"topic":"a","data":"1"}` + "\n" + `{"topic":"a","data":"2"}`)
	s.poll("/topics/a?wait=20&since=all") // the first line is stored
	c.Close()
	if a := s.ask("POST", "/topics/a", "3"); a.status != http.StatusCreated {
		t.Fatal(a.body)
	}
	for _, m := range s.poll("/topics/a").Items {
		if m.Data == "2" {
			t.Error("half a request was stored")
		}
	}
}

// TestBatchLong sends more results than an answer is held back for, and a line that is too long to be looked at.
func TestBatchLong(t *testing.T) {
	s := start(t, Options{MessageBytes: 1000})
	const n = 12_000
	var b strings.Builder
	for range n {
		b.WriteString(`{"topic":"a","data":"x"}` + "\n")
	}
	b.WriteString(`{"topic":"a","data":"` + strings.Repeat("y", s.itemBytes()) + `"}` + "\n" + `{"topic":"a","data":"x"}`)
	got := outcomes(t, s.ask("POST", "/topics", b.String(), "Content-Type: application/x-ndjson"))
	if len(got) != n+2 || got[0] != "201" || got[n-1] != "201" || got[n] != "too_large" || got[n+1] != "201" {
		t.Errorf("%d results, the last are %v", len(got), got[max(0, len(got)-3):])
	}
}

func FuzzItem(f *testing.F) {
	for _, seed := range []string{
		`{"topic":"a","data":"x"}`, `{"topic":"a","data":null,"ttl":"1h"}`, `{"topic":"a","data64":"AA=="}`, `{"data":{},"type":"text/plain"}`,
		`{"topic":"a","data":"x","ttl":1e400}`, `null`, `{"topic":"a","data":"\ud800"}`, `{"topic":"a","if_match":"\"aaaaaaaa-1\""}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var i item
		if json.Unmarshal(raw, &i) != nil {
			return
		}
		d, err := i.draft()
		if err != nil {
			if p := problemOf(err); p.kind == internalError {
				t.Errorf("%q: %v has no place in the table", raw, err)
			}
			return
		}
		if d.TTL < 0 || d.Topic == "" || len(d.IdempotencyKey) > maxIdempotencyKey {
			t.Errorf("%q became %+v", raw, d)
		}
	})
}
