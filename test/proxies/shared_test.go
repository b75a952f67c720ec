package proxies

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"tidings/server"
)

// TestProxiesAskOnlyWhatIsNew polls until the gateway was asked some times. Nothing was published meanwhile, so that it has sent one
// body and then told the proxy that it is still good.
func TestProxiesAskOnlyWhatIsNew(t *testing.T) {
	t.Parallel()
	for _, s := range collapsing {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			g := newOrigin(t, server.Options{})
			url := "http://" + s.start(t, g.address) + "/topics/news"
			g.publish(t, said)
			for deadline := time.Now().Add(patience); g.asked.Load() < 3 && time.Now().Before(deadline); {
				if a := ask(t, http.MethodGet, url, ""); !strings.Contains(a.body, said) {
					t.Fatalf("%s %s", a.Status, a.body)
				}
				<-time.After(20 * time.Millisecond) // so as not to keep the machine busy
			}
			if asked, fresh := g.asked.Load(), g.fresh.Load(); asked < 3 || fresh != 1 {
				t.Errorf("asked %d times, of which %d were answered with a body", asked, fresh)
			}
		})
	}
}

// TestOneAsksForAll holds the request by which a proxy gets the answer anew. Whoever polls meanwhile adds none to it.
func TestOneAsksForAll(t *testing.T) {
	t.Parallel()
	for _, s := range collapsing {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			g := newOrigin(t, server.Options{})
			proxy := s.start(t, g.address)
			url := "http://" + proxy + "/topics/news"
			g.publish(t, said)
			ask(t, http.MethodGet, url, "")

			arrived, release := make(chan struct{}, pollers), make(chan struct{})
			g.before.Store(func() {
				arrived <- struct{}{}
				<-release
			})
			let := sync.OnceFunc(func() { close(release) })
			defer let()
			polls := make(chan string, pollers)
			poll := func() {
				a, err := try(t.Context(), http.MethodGet, url, "")
				polls <- fmt.Sprint(err) + a.body
			}
			begun := 0
			for again := time.NewTicker(20 * time.Millisecond); len(arrived) == 0; <-again.C {
				go poll()
				begun++
			}
			<-arrived
			for range 20 {
				go poll()
				begun++
			}
			if s.name == "nginx" {
				// All but one are answered with what there was. Varnish does so for a second, and has them wait after that.
				for range begun - 1 {
					select {
					case got := <-polls:
						if !strings.Contains(got, said) {
							t.Errorf("got %s", got)
						}
					case <-arrived:
						t.Fatal("the gateway is asked a second time")
					}
				}
				begun = 1
			}
			(&trial{t: t, proxy: proxy}).fence()
			if len(arrived) > 0 {
				t.Error("the gateway is asked a second time")
			}
			let()
			for range begun {
				if got := <-polls; !strings.Contains(got, said) {
					t.Errorf("got %s", got)
				}
			}
		})
	}
}

// TestSharedAnswersKeepApart asks for the same as different clients: none gets what is only good for another.
func TestSharedAnswersKeepApart(t *testing.T) {
	t.Parallel()
	const a, b = "https://a.example.org", "https://b.example.org"
	for _, s := range collapsing {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			g := newOrigin(t, server.Options{Origins: []string{a, b}})
			url := "http://" + s.start(t, g.address) + "/topics/news"
			g.publish(t, strings.Repeat(said, 200))
			for range 2 { // the second time they are shared
				for _, c := range []struct{ fields, want string }{
					{"Origin: " + a, a},
					{"Origin: " + b, b},
					{"Accept: text/html", ""},
				} {
					for _, encoding := range []string{"", "gzip", "br, gzip;q=0.5", "deflate"} {
						got := ask(t, http.MethodGet, url, "", c.fields, "Accept-Encoding: "+encoding)
						if allowed := got.Header.Get("Access-Control-Allow-Origin"); allowed != c.want {
							t.Errorf("%s: for the pages of %q", c.fields, allowed)
						}
						zipped := got.Header.Get("Content-Encoding") == "gzip"
						if zipped != strings.Contains(encoding, "gzip") || !strings.Contains(got.body, said) {
							t.Errorf("Accept-Encoding: %s: gzip is %v, %.100s", encoding, zipped, got.body)
						}
					}
				}
			}
			if asked := g.asked.Load(); asked > 12 {
				t.Errorf("the gateway was asked %d times", asked)
			}
			got := ask(t, http.MethodGet, url, "", "Origin: https://c.example.org")
			if got.StatusCode != http.StatusForbidden {
				t.Errorf("a page that is not allowed gets %s", got.Status)
			}
		})
	}
}

// TestOwnPollsReachTheGateway holds that what somebody asks for themselves is asked each time.
func TestOwnPollsReachTheGateway(t *testing.T) {
	t.Parallel()
	const accept = "Accept: */*"
	for _, s := range collapsing {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			g := newOrigin(t, server.Options{})
			url := "http://" + s.start(t, g.address) + "/topics"
			g.publish(t, said)
			for _, c := range []struct{ query, field string }{
				{"/news?since=all", accept},
				{"/news?session=a1", accept},
				{"?topic=news&since=all", accept},
				{"/news?limit=1&session=a1", accept},
				{"/news?wait=0", accept},
				{"/news?wait=55&since=all", accept},
				{"/news?transport=longpoll&since=all", accept},
				{"/news?what-is-not-known-yet", accept},
				{"?topic=news&transport=poll&session=a1", accept},
				{"?topic=news&transport=pollen", accept},
				{"/news", "Authorization: Bearer a1"},
			} {
				before := g.asked.Load()
				for range 2 {
					if a := ask(t, http.MethodGet, url+c.query, "", c.field); a.StatusCode == http.StatusOK && !strings.Contains(a.body, said) {
						t.Errorf("%s: %s", c.query, a.body)
					}
				}
				if asked := g.asked.Load() - before; asked != 2 {
					t.Errorf("%s, %s: %d of 2 requests reached the gateway", c.query, c.field, asked)
				}
			}
			// And what everybody asks for, once.
			for _, query := range []string{"/news", "?topic=news", "?topic=news&topic=weather/*", "?topic=news&transport=poll", "/news?limit=10&blind=1"} {
				before := g.asked.Load()
				for i := range 5 {
					ask(t, http.MethodGet, url+query, "", fmt.Sprintf("Accept: text/x-%d, */*", i), fmt.Sprintf("Cookie: visit=%d", i))
				}
				if asked := g.asked.Load() - before; asked > 2 { // a second may end in between
					t.Errorf("%s: %d requests reached the gateway", query, asked)
				}
			}
		})
	}
}
