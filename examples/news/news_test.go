package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"tidings/client"
	gw "tidings/gateway"
	"tidings/server"
)

// way leads to a real gateway, and gets in the way of the first requests of a method: with a status each, or a cut for 0.
type way struct {
	to *server.Server

	mu              sync.Mutex
	script          map[string][]int
	idempotencyKeys []string // of the publishes
}

func (y *way) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	y.mu.Lock()
	status := http.StatusOK
	if s := y.script[r.Method]; len(s) > 0 {
		status, y.script[r.Method] = s[0], s[1:]
	}
	if r.Method == http.MethodPost {
		y.idempotencyKeys = append(y.idempotencyKeys, r.Header.Get("Idempotency-Key"))
	}
	y.mu.Unlock()
	switch status {
	case 0:
		panic(http.ErrAbortHandler)
	case http.StatusMisdirectedRequest:
		r.Host = "elsewhere.example" // the gateway itself refuses it
		fallthrough
	case http.StatusOK:
		y.to.ServeHTTP(w, r)
	default:
		w.WriteHeader(status)
	}
}

func gatewayAt(t *testing.T, o server.Options, script map[string][]int) (*way, string) {
	t.Helper()
	s, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	y := &way{to: s, script: script}
	web := httptest.NewServer(y)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		web.Close()
	})
	return y, web.URL
}

// published is what the gateway retains of a pattern, in the order of the log.
func published(t *testing.T, gateway, pattern string) (got []*client.Message) {
	t.Helper()
	c, err := client.New(gateway, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for event, err := range c.Follow(t.Context(), client.FollowOptions{Topics: []string{pattern}, Since: "all"}) {
		switch {
		case err != nil:
			t.Fatal(err)
		case event.Message != nil:
			got = append(got, event.Message)
		case event.Live != nil:
			return got
		}
	}
	return got
}

func TestRecordIsPlayedOnce(t *testing.T) {
	y, gateway := gatewayAt(t, server.Options{PublishKeys: []string{"k"}}, map[string][]int{"POST": {0, 503}})
	var stderr bytes.Buffer
	if code := start(t.Context(), []string{"--gateway", gateway + "/", "--once"}, "k", &stderr); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	if k := y.idempotencyKeys; k[0] != k[2] || k[2] == k[3] {
		t.Error("the Idempotency-Key is not one per item")
	}
	topics, keys := map[string]int{}, map[string]bool{}
	for _, m := range published(t, gateway, "news/*") {
		var it item
		if err := json.Unmarshal(m.Data, &it); err != nil {
			t.Fatal(err)
		}
		topics[m.Topic]++
		keys[m.Key] = true
		if it.Title == "" || it.Summary == "" || !strings.Contains(it.Link, ".example/") || time.Since(it.Published) > time.Minute {
			t.Errorf("published %+v", it)
		}
	}
	want := map[string]int{"news/field-notes": 8, "news/harbour-post": 8, "news/northern-courier": 8}
	if diff := cmp.Diff(want, topics); diff != "" || len(keys) != 24 {
		t.Errorf("topics %s, %d keys", diff, len(keys))
	}
}

func TestWatchPublishesNewItemsOnly(t *testing.T) {
	doc, err := os.ReadFile("data/harbour-post.xml")
	if err != nil {
		t.Fatal(err)
	}
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(doc) }))
	defer source.Close()
	y, gateway := gatewayAt(t, server.Options{}, map[string][]int{"GET": {503}})
	for _, key := range []string{"hp-402", "hp-408"} {
		if _, err := y.to.Gateway().Publish(t.Context(), gw.Draft{Topic: "news/harbour-post", Key: key}); err != nil {
			t.Fatal(err)
		}
	}
	if code := start(t.Context(), []string{"--gateway", gateway, "--once", "--url", source.URL, "--url", source.URL}, "", io.Discard); code != 0 {
		t.Fatal("exit code", code)
	}
	var keys []string
	for _, m := range published(t, gateway, "news/*") {
		keys = append(keys, m.Key)
	}
	if want := []string{"hp-402", "hp-408", "hp-407", "hp-406", "hp-405", "hp-404", "hp-403", "hp-401"}; !slices.Equal(keys, want) {
		t.Errorf("published %v, want %v", keys, want)
	}
}

func TestRefusalsEnd(t *testing.T) {
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `<rss><channel><title>A</title><item><title>b</title></item></channel></rss>`)
	}))
	defer source.Close()
	for name, script := range map[string]map[string][]int{"publish": {"POST": {421}}, "history": {"GET": {421}}} {
		_, gateway := gatewayAt(t, server.Options{}, script)
		var stderr bytes.Buffer
		if code := start(t.Context(), []string{"--gateway", gateway, "--url", source.URL}, "", &stderr); code != 1 || !strings.Contains(stderr.String(), "refused with 4") {
			t.Errorf("%s: exit code %d, %q", name, code, stderr.String())
		}
	}
}

func TestParseFeed(t *testing.T) {
	at := time.Date(2026, 11, 20, 17, 5, 0, 0, time.UTC)
	tests := map[string]struct {
		in   string
		want []item
		err  string
	}{
		"rss": {
			in: `<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/"><channel><title>The Paper</title><item><media:title>no</media:title>
				<title>Tea &amp;amp; cake</title><link> https://a.example/1 </link><guid>g1</guid><pubDate>Fri, 20 Nov 2026 18:05:00 +0100</pubDate>
				<description><![CDATA[<p>One<br/>two&nbsp;&mdash; 1 < 2</p>]]></description></item><item><guid>no title</guid></item></channel></rss>`,
			want: []item{{"Tea & cake", "One two — 1 < 2", "https://a.example/1", "The Paper", at, "g1"}},
		},
		"atom": {
			in: `<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title type="text">The Paper</title><entry><title>A</title><id>tag:1</id>
				<link rel="self" href="https://a.example/self"/><link href="https://a.example/1"/><updated>2026-11-20T17:05:00Z</updated><content>Body</content></entry></feed>`,
			want: []item{{"A", "Body", "https://a.example/1", "The Paper", at, "tag:1"}},
		},
		"script link, no id, no date": {
			in:   `<rss><channel><title>P</title><item><title>A</title><link>javascript:alert(1)</link></item></channel></rss>`,
			want: []item{{"A", "", "", "P", time.Time{}, "A"}},
		},
		"latin1": {
			in:   "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><rss><channel><title>P</title><item><title>Caf\xe9</title></item></channel></rss>",
			want: []item{{"Café", "", "", "P", time.Time{}, "Café"}},
		},
		"other charset": {in: `<?xml version="1.0" encoding="koi8-r"?><rss/>`, err: "not supported"},
		"html":          {in: `<html><body></body></html>`, err: "neither RSS 2.0 nor Atom"},
		"no title":      {in: `<rss><channel></channel></rss>`, err: "no title"},
		"cut":           {in: `<rss><channel><title>P</title>`, err: "read feed"},
		"empty":         {in: ``, err: "read feed"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f, err := parseFeed(strings.NewReader(test.in))
			if err != nil {
				if test.err == "" || !strings.Contains(err.Error(), test.err) {
					t.Errorf("error %q, want %q", err, test.err)
				}
				return
			}
			if diff := cmp.Diff(test.want, f.items, cmp.AllowUnexported(item{})); diff != "" || test.err != "" {
				t.Errorf("want error %q, items %s", test.err, diff)
			}
		})
	}
}

// endless is a feed that never ends.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	e.read += len(p)
	return len(p), nil
}

func TestParseFeedReadsNoMoreThanItsLimit(t *testing.T) {
	var e endless
	if _, err := parseFeed(&e); !errors.Is(err, errTooLarge) {
		t.Errorf("error %v", err)
	}
	if e.read > 2*maxFeed {
		t.Errorf("read %d bytes", e.read)
	}
	many := "<rss><channel><title>P</title>" + strings.Repeat("<item><title>"+strings.Repeat("long ", 200)+"</title></item>", maxItems+1) + "</channel></rss>"
	f, err := parseFeed(strings.NewReader(many))
	if err != nil || len(f.items) != maxItems {
		t.Fatalf("%d items, %v", len(f.items), err)
	}
	if got := f.items[0].Title; utf8.RuneCountInString(got) > maxTitle || !strings.HasSuffix(got, "long…") {
		t.Errorf("title %q", got)
	}
}

func TestKeyFitsAHeader(t *testing.T) {
	for id, same := range map[string]bool{"https://a.example/1?b=c": true, "Café": false, "a\nb": false, strings.Repeat("x", 256): false} {
		if got := (item{id: id}).key(); (got == id) != same || len(got) > 255 {
			t.Errorf("key of %q is %q", id, got)
		}
	}
}

func TestTopic(t *testing.T) {
	for source, want := range map[string]string{
		"The Paper – World": "news/the-paper-world", "../$x": "news/x", "…": "news/" + digest("…"), "Café": "news/café",
	} {
		if got := topicOf(source); got != want {
			t.Errorf("topic of %q is %q, want %q", source, got, want)
		}
	}
}

func FuzzParseFeed(f *testing.F) {
	files, err := recorded.ReadDir("data")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := recorded.ReadFile("data/" + file.Name())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`<rss><channel><title>P</title><item><title>&lt;b&gt; 1 &lt; 2 <![CDATA[<]]></title><link>http://a</link></item></channel></rss>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		parsed, err := parseFeed(bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, it := range parsed.items {
			if it.Title == "" || utf8.RuneCountInString(it.Title) > maxTitle || utf8.RuneCountInString(it.Summary) > maxSummary || !utf8.ValidString(it.Title+it.Summary) {
				t.Errorf("item %+v", it)
			}
			if it.Link != "" && !isHTTP(it.Link) {
				t.Errorf("link %q", it.Link)
			}
			if k := it.key(); k == "" || len(k) > 255 {
				t.Errorf("key %q", k)
			}
			if _, err := json.Marshal(it); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestFlags(t *testing.T) {
	tests := map[string]struct {
		args []string
		code int
		want string
	}{
		"help":     {[]string{"-h"}, 0, "-gateway"},
		"unknown":  {[]string{"--nope"}, 2, "not defined"},
		"argument": {[]string{"bbc"}, 2, `unexpected argument "bbc"`},
		"gateway":  {[]string{"--gateway", "localhost:8080"}, 2, "http://"},
		"url":      {[]string{"--url", "file:///x"}, 2, "http://"},
		"negative": {[]string{"--every", "-2s"}, 2, "not positive"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var stderr bytes.Buffer
			if code := start(t.Context(), test.args, "", &stderr); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if !strings.Contains(stderr.String(), test.want) {
				t.Errorf("stderr %q does not say %q", stderr.String(), test.want)
			}
		})
	}
}
