package proxies

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"tidings/gateway"
	"tidings/server"
)

// site is a gateway that stands behind a proxy.
type site struct {
	*server.Server
	t       *testing.T
	address string
	stop    func() // drains it, says goodbye to all followers, and returns when they have been told
}

func newSite(t *testing.T) *site {
	t.Helper()
	s, err := server.New(server.Options{NoBoard: true, NoMetrics: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ln) }()
	g := &site{Server: s, t: t, address: ln.Addr().String()}
	g.stop = sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-served, s.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(g.stop)
	return g
}

// publish publishes without HTTP.
func (g *site) publish(topic, data string) {
	g.t.Helper()
	if _, err := g.Gateway().Publish(g.t.Context(), gateway.Draft{Topic: topic, Data: []byte(data)}); err != nil {
		g.t.Fatal(err)
	}
}

// followers tells how many follow a topic.
func (g *site) followers(topic string) string {
	resp := ask(g.t, http.MethodHead, "http://"+g.address+"/topics/"+topic, "")
	return resp.Header.Get("Tidings-Followers")
}

// has tells whether a message is in a topic.
func (g *site) has(topic, data string) bool {
	return strings.Contains(ask(g.t, http.MethodGet, "http://"+g.address+"/topics/"+topic, "").body, data)
}

// answer is an answer that was read to its end.
type answer struct {
	*http.Response
	body string
}

// ask sends a request on a connection of its own.
func ask(t *testing.T, method, url, body string, fields ...string) answer {
	t.Helper()
	a, err := try(t.Context(), method, url, body, fields...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func try(ctx context.Context, method, url, body string, fields ...string) (answer, error) {
	resp, err := open(ctx, method, url, strings.NewReader(body), fields...)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := plain(resp)
	if err != nil {
		return answer{}, err
	}
	all, err := io.ReadAll(text)
	return answer{resp, string(all)}, err
}

// plain is the body without the gzip that it may be in.
func plain(resp *http.Response) (io.Reader, error) {
	if resp.Header.Get("Content-Encoding") == "gzip" {
		return gzip.NewReader(resp.Body)
	}
	return resp.Body, nil
}

// alone has a connection for each request.
var alone = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}

// open sends a request, whose fields are "Name: value", and returns when the head of the answer is there.
func open(ctx context.Context, method, url string, body io.Reader, fields ...string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, err
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		req.Header.Add(name, value)
	}
	return alone.Do(req)
}
