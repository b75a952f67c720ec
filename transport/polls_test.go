package transport_test

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
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

// TestPollsInGzip: answers of every size say in gzip what they say in plain, and are in gzip where that makes them smaller.
func TestPollsInGzip(t *testing.T) {
	for _, p := range protocols {
		for _, c := range []struct {
			name        string
			sizes       []int
			poll, waits bool // whether a poll, and one that waits, is answered in gzip
		}{
			{"nothing", nil, false, false},
			{"small", []int{100}, false, false},
			{"several", []int{100, 2000, 100, 900}, true, true},
			{"many small", slices.Repeat([]int{100}, 60), true, true},
			{"large", []int{3000, 90_000, 10}, true, false},
			{"large of small", slices.Repeat([]int{300}, 300), false, false},
		} {
			t.Run(p.name+"/"+c.name, func(t *testing.T) {
				h := open(t, gateway.Options{}, p.start)
				for i, n := range c.sizes {
					h.publish("a", strings.Repeat(strconv.Itoa(i)+" and ", n)[:n])
				}
				for kind, want := range map[string]bool{"poll": c.poll, "longpoll&wait=1ms": c.waits} {
					plain, packed := p.get(h, "transport="+kind+"&topic=a"), p.get(h, "transport="+kind+"&topic=a&compress")
					if got, want := packed.all(), plain.all(); got != want {
						t.Errorf("%s: %.300s, want %.300s", kind, got, want)
					}
					// net/http takes gzip off, and with it what says so.
					if got := packed.Uncompressed || packed.Header.Get("Content-Encoding") == "gzip"; got != want {
						t.Errorf("%s: gzip is %v", kind, got)
					}
					if plain.Uncompressed || plain.Header.Get("Content-Encoding") != "" {
						t.Errorf("%s: gzip, and nobody asked", kind)
					}
				}
			})
		}
	}
}

// TestPollsShareGzip: who gets the same gets the same bytes, and what has changed is made anew.
func TestPollsShareGzip(t *testing.T) {
	h := open(t, gateway.Options{}, protocols[1].start)
	for i := range 3 {
		at := h.publish("a", strings.Repeat(strconv.Itoa(i), 2000))
		for range 2 {
			for _, kind := range []string{"poll", "longpoll&wait=1m"} {
				a := h.get("transport="+kind+"&topic=a&compress", nil)
				var got struct {
					Cursor string            `json:"cursor"`
					Items  []json.RawMessage `json:"items"`
				}
				if err := json.NewDecoder(a.body).Decode(&got); err != nil || !a.Uncompressed || got.Cursor != at || len(got.Items) != i+1 {
					t.Errorf("%s %d: %v, gzip %v, %d items up to %s", kind, i, err, a.Uncompressed, len(got.Items), got.Cursor)
				}
			}
		}
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

// TestPollsByScript: JSONP is the same answer in the page's own words, held or not, whole or early.
func TestPollsByScript(t *testing.T) {
	early := regexp.MustCompile(`"poll_ms":([0-46-9][0-9]*|5[0-9]{1,2})\b`) // not the 5000 of all others
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			h := open(t, gateway.Options{}, p.start)
			h.publish("a", "one")
			take := func(a *answer, want string) {
				t.Helper()
				if got := early.ReplaceAllString(a.all(), `"poll_ms":SOON`); got != want {
					t.Errorf("%s, want %s", got, want)
				}
				for field, want := range map[string]string{
					"Content-Type": "text/javascript; charset=utf-8", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
				} {
					if have := a.Header[field]; len(have) != 1 || have[0] != want {
						t.Errorf("%s: %q, want %q", field, have, want)
					}
				}
				if a.StatusCode != http.StatusOK || a.ContentLength < 1 || a.Header["Etag"] != nil {
					t.Errorf("status %d, length %d, %v", a.StatusCode, a.ContentLength, a.Header)
				}
			}
			one := `({"cursor":"EPOCH-1","items":[` + item("1", "0", "one") + `],"more":false,` + pollTail + ");"
			take(p.get(h, "transport=poll&topic=a&callback=f"), "/**/f"+one)
			for _, callback := range []string{"f", "g.h", "f"} {
				take(p.get(h, "transport=longpoll&wait=1m&topic=a&callback="+callback), "/**/"+callback+one)
			}
			if got := p.get(h, "transport=longpoll&wait=1m&topic=a").all(); got != one[1:len(one)-2] {
				t.Errorf("%s", got)
			}
			h.publish("large", strings.Repeat("one ", 1000))
			for _, kind := range []string{"poll", "longpoll&wait=1m"} { // in gzip it does not come
				a := p.get(h, "transport="+kind+"&topic=large&compress&callback=f")
				if body := a.all(); !strings.HasPrefix(body, "/**/f({") || a.Header["Content-Encoding"] != nil || a.Uncompressed {
					t.Errorf("%s: %v %s", kind, a.Header, body)
				}
			}
			held := make(chan *answer)
			go func() { held <- p.get(h, "transport=longpoll&wait=1m&topic=b&since=now&callback=f") }()
			h.awaitFollowers("b", 1)
			if err := h.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			take(<-held, `/**/f({"cursor":"EPOCH-2","items":[],"more":false,"poll_ms":SOON,"offer":{"transports":["sse","poll"]}});`)
		})
	}
}
