package transport_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"tidings/gateway"
)

const pollTail = `"poll_ms":5000,"offer":{"transports":["sse","poll"]}}`

// item is an envelope of the topic a, tidied.
func item(seq, prev, data string) string {
	return `{"topic":"a","seq":` + seq + `,"prev":` + prev + `,"time":TIME,"data":"` + data + `"}`
}

func TestPoll(t *testing.T) {
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			h := open(t, gateway.Options{Default: gateway.Retention{Messages: 2}}, p.start)
			check := func(query, want string) {
				t.Helper()
				a := p.get(h, "transport=poll&topic=a"+query)
				if got := a.all(); got != want {
					t.Errorf("%s: %s\nwant %s", query, got, want)
				}
				for field, want := range map[string]string{
					"Content-Type": "application/json", "Cache-Control": "no-cache", "Vary": "Accept, Accept-Encoding, Origin",
					"X-Content-Type-Options": "nosniff",
				} {
					if have := a.Header[field]; len(have) != 1 || have[0] != want {
						t.Errorf("%s: %q, want %q", field, have, want)
					}
				}
				if a.StatusCode != http.StatusOK || a.ContentLength < 1 {
					t.Errorf("status %d, length %d", a.StatusCode, a.ContentLength)
				}
			}
			check("", `{"cursor":"EPOCH-0","items":[],"more":false,`+pollTail)
			first := h.publish("a", "one")
			check("", `{"cursor":"EPOCH-1","items":[`+item("1", "0", "one")+`],"more":false,`+pollTail)
			h.publish("a", "two")
			h.publish("a", "three")
			h.publish("a", "four")
			all := `{"gap":{"topic":"a","from":2,"to":2,"reason":"limit"}},` + item("3", "2", "three") + "," + item("4", "3", "four")
			check("&since="+first, `{"cursor":"EPOCH-4","items":[`+all+`],"more":false,`+pollTail)
			check("&since=last:2&limit=1", `{"cursor":"EPOCH-3","items":[`+item("3", "2", "three")+`],"more":true,`+pollTail)
			check("&since=latest", `{"cursor":"EPOCH-4","items":[`+item("4", "3", "four")+`],"more":false,`+pollTail)
			check("&since=now", `{"cursor":"EPOCH-4","items":[],"more":false,`+pollTail)
			if _, err := h.Delete(t.Context(), "a"); err != nil {
				t.Fatal(err)
			}
			check("&since=all", `{"cursor":"EPOCH-5","items":[],"more":false,`+pollTail)
		})
	}
}

func TestPollNotModified(t *testing.T) {
	h := open(t, gateway.Options{}, protocols[1].start)
	at := h.publish("a", "one")
	a := h.get("transport=poll&topic=a", nil)
	a.all()
	tag := a.Header.Get("ETag")
	if tag != `W/"`+at+`"` || a.Header.Get("Tidings-Cursor") != at {
		t.Errorf("fields %v of %s", a.Header, at)
	}
	h.publish("b", "elsewhere")
	known := http.Header{"If-None-Match": {tag}}
	a = h.get("transport=poll&topic=a", known)
	if body := a.all(); a.StatusCode != http.StatusNotModified || body != "" || a.Header.Get("ETag") != tag {
		t.Errorf("%d, %q, %v", a.StatusCode, body, a.Header)
	}
	h.publish("a", "two")
	a = h.get("transport=poll&topic=a", known)
	if body := a.all(); a.StatusCode != http.StatusOK || !strings.Contains(body, `"data":"two"`) || a.Header.Get("ETag") == tag {
		t.Errorf("%d, %q, %v", a.StatusCode, body, a.Header)
	}
	if a = h.get("transport=longpoll&wait=1m&topic=a", http.Header{"If-None-Match": {a.Header.Get("ETag")}}); a.StatusCode != http.StatusOK {
		t.Errorf("a long poll answers %d", a.StatusCode)
	}
}

func TestLongPoll(t *testing.T) {
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			h := open(t, gateway.Options{Default: gateway.Retention{Messages: 2}}, p.start)
			first := h.publish("a", "one")

			// Something is there: it answers at once, behind a gap if need be.
			a := p.get(h, "transport=longpoll&wait=1m&topic=a")
			if got, want := a.all(), `{"cursor":"EPOCH-1","items":[`+item("1", "0", "one")+`],"more":false,`+pollTail; got != want {
				t.Errorf("%s\nwant %s", got, want)
			}
			if a.Header.Get("Cache-Control") != "no-store" || a.ContentLength < 1 {
				t.Errorf("fields %v", a.Header)
			}

			// Nothing is there, and the wait is over.
			a = p.get(h, "transport=longpoll&wait=1ms&topic=a&since="+first)
			if got, want := a.all(), `{"cursor":"EPOCH-1","items":[],"more":false,`+pollTail; got != want {
				t.Errorf("%s\nwant %s", got, want)
			}

			// Nothing is there, and then something comes.
			got := make(chan string)
			ask := func(query string) { got <- p.get(h, "transport=longpoll&wait=1m&topic=a"+query).all() }
			go ask("&since=" + first)
			h.awaitFollowers("a", 1)
			h.publish("a", "two")
			if got, want := <-got, `{"cursor":"EPOCH-2","items":[`+item("2", "1", "two")+`],"more":false,`+pollTail; got != want {
				t.Errorf("%s\nwant %s", got, want)
			}
			h.awaitFollowers("a", 0)

			h.publish("a", "three")
			h.publish("a", "four")
			go ask("&since=" + first)
			want := `{"cursor":"EPOCH-4","items":[{"gap":{"topic":"a","from":2,"to":2,"reason":"limit"}},` + item("3", "2", "three") + "," +
				item("4", "3", "four") + `],"more":false,` + pollTail
			if got := <-got; got != want {
				t.Errorf("%s\nwant %s", got, want)
			}

			// The gateway stops: an answer like any other, with the position.
			go ask("&since=now")
			h.awaitFollowers("a", 1)
			if err := h.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			var last struct {
				Cursor string            `json:"cursor"`
				Items  []json.RawMessage `json:"items"`
				PollMS int               `json:"poll_ms"`
			}
			if text := <-got; json.Unmarshal([]byte(text), &last) != nil || last.Cursor != "EPOCH-4" || len(last.Items) > 0 || last.PollMS > 3000 {
				t.Errorf("%s", text)
			}
		})
	}
}

// TestLongPollClientLeaves: the gateway forgets followers whose clients have left.
func TestLongPollClientLeaves(t *testing.T) {
	h := open(t, gateway.Options{}, protocols[1].start)
	left := make(chan error)
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.server.URL+"/?transport=longpoll&wait=1m&topic=a", nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		resp, err := h.server.Client().Do(req)
		if err == nil {
			resp.Body.Close()
		}
		left <- err
	}()
	h.awaitFollowers("a", 1)
	leave()
	if <-left == nil {
		t.Error("it was answered")
	}
	h.awaitFollowers("a", 0)
}
