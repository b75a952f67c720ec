package proxies

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// ownSetups are those of configs.
var ownSetups = []setup{{"nginx", ourNginx}, {"HAProxy", ourHAProxy}, {"Varnish", ourVarnish}}

// TestProxiesSayWhoAsks holds that the gateway hears the client's address, and not what the client says of it.
func TestProxiesSayWhoAsks(t *testing.T) {
	t.Parallel()
	for _, s := range ownSetups {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			heard := make(chan []string, 1)
			web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				heard <- append(r.Header.Values("X-Forwarded-For"), r.Host)
			}))
			defer web.Close()
			proxy := s.start(t, web.Listener.Addr().String())
			ask(t, http.MethodGet, "http://"+proxy+"/livez", "", "X-Forwarded-For: 192.0.2.1")
			if got, want := <-heard, []string{"127.0.0.1", proxy}; !slices.Equal(got, want) {
				t.Errorf("the gateway hears of %q, want %q", got, want)
			}
		})
	}
}

// TestProxiesSendAPublishOnce has a gateway end the connection instead of an answer: it may have stored what was sent.
func TestProxiesSendAPublishOnce(t *testing.T) {
	t.Parallel()
	for _, s := range ownSetups {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			var published atomic.Int64
			web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					published.Add(1)
					panic(http.ErrAbortHandler)
				}
			}))
			defer web.Close()
			proxy := s.start(t, web.Listener.Addr().String())
			// A connection to the gateway is there already: proxies are quicker to try again on those.
			ask(t, http.MethodGet, "http://"+proxy+"/livez", "")
			a := ask(t, http.MethodPost, "http://"+proxy+"/topics/news", said)
			if a.StatusCode < 500 || published.Load() != 1 {
				t.Errorf("%s: the gateway got it %d times", a.Status, published.Load())
			}
		})
	}
}

// TestProxiesKeepHead holds that HEAD is asked for what only HEAD tells.
func TestProxiesKeepHead(t *testing.T) {
	t.Parallel()
	for _, s := range ownSetups {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			site := newSite(t)
			site.publish("news", said)
			a := ask(t, http.MethodHead, "http://"+s.start(t, site.address)+"/topics/news", "")
			if a.Header.Get("Tidings-Count") != "1" {
				t.Errorf("%s %v", a.Status, a.Header)
			}
		})
	}
}

// TestProxiesLetGo has followers leave: the gateway gets to know. Varnish notices only when it writes, so there it is one who asked
// for a heartbeat every second.
func TestProxiesLetGo(t *testing.T) {
	t.Parallel()
	for _, s := range ownSetups {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			site := newSite(t)
			x := &trial{t: t, site: site, proxy: s.start(t, site.address)}
			url := "http://" + x.proxy + "/topics/news?since=now&"
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			var left sync.WaitGroup
			begun := 0
			follow := func(query, accept string) {
				begun++
				left.Go(func() {
					if a, err := try(ctx, http.MethodGet, url+query, "", "Accept: "+accept); err == nil {
						t.Errorf("%s ended: %s %s", query, a.Status, a.body)
					}
				})
			}
			follow("ping=1000", "text/event-stream")
			follow("ping=1000", "application/x-ndjson")
			if s.name != "Varnish" {
				follow("", "text/event-stream")
				follow("", "application/x-ndjson")
				follow("wait=55", "*/*")
			}
			x.until(func() bool { return site.followers("news") == strconv.Itoa(begun) })
			leave()
			left.Wait()
			x.until(func() bool { return site.followers("news") == "0" })
			if n := site.followers("news"); n != "0" {
				t.Errorf("of %d followers that have left, the gateway still has %s", begun, n)
			}
		})
	}
}

// TestProxiesPassLargeBatches sends nearly as much as the gateway takes by default.
func TestProxiesPassLargeBatches(t *testing.T) {
	t.Parallel()
	item := `{"topic":"news","data":"` + strings.Repeat("x", 1<<19) + `"}`
	batch := "[" + item + strings.Repeat(","+item, 30) + "]"
	for _, s := range ownSetups {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			proxy := s.start(t, newSite(t).address)
			a := ask(t, http.MethodPost, "http://"+proxy+"/topics", batch, "Content-Type: application/json")
			if a.StatusCode != http.StatusOK || strings.Count(a.body, `"status":201`) != 31 {
				t.Errorf("%s %.300s", a.Status, a.body)
			}
		})
	}
}

// TestProxiesOutwaitSilence reads the time-outs in configs: a poll may be silent for 55 s, and a stream for 20 s.
func TestProxiesOutwaitSilence(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string][]string{
		"nginx.conf":  {"proxy_read_timeout", "proxy_send_timeout"},
		"haproxy.cfg": {"timeout client", "timeout server", "timeout tunnel"},
		"varnish.vcl": {".first_byte_timeout =", ".between_bytes_timeout ="},
	} {
		text := ours(t, name)
		for _, setting := range settings {
			m := regexp.MustCompile(`(?m)^\s*` + regexp.QuoteMeta(setting) + `\s+(\d+)s;?$`).FindStringSubmatch(text)
			if m == nil {
				t.Errorf("configs/%s does not set %s", name, setting)
			} else if seconds, err := strconv.Atoi(m[1]); err != nil || seconds < 60 {
				t.Errorf("configs/%s: %s", name, m[0])
			}
		}
	}
}
