package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tidings/bench"
)

// TestTheYardsticksDeliver holds that what the gateway is compared with does what it is compared for.
func TestTheYardsticksDeliver(t *testing.T) {
	door := newDoor(3)
	web := httptest.NewServer(handler(door))
	t.Cleanup(web.Close)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		if err := door.serve(ln); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}()
	for transport, path := range map[string]string{"websocket": "/ws", "sse": "/sse", "stream": "/stream", "longpoll": "/longpoll"} {
		o := bench.Options{Plain: true, Transport: transport, PublishURL: web.URL + "/publish"}
		v := bench.Volume{Rate: 50, Size: 64, For: 200 * time.Millisecond}
		if transport == "websocket" || transport == "sse" {
			o.URL = web.URL + path
			if r, err := (bench.Fanout{Options: o, Followers: 5, Volume: v}).Run(t.Context()); err != nil || r.Delivered != 50 {
				t.Errorf("loop, %s: %+v, %v", transport, r, err)
			}
		}
		o.URL = "http://" + ln.Addr().String() + path
		if r, err := (bench.Storm{Options: o, Clients: 20, Missed: 3, Volume: v}).Run(t.Context()); err != nil || r.Delivered != 80 {
			t.Errorf("accept loop, %s: %+v, %v", transport, r, err)
		}
	}
}

func TestHandlersOfBodies(t *testing.T) {
	web := httptest.NewServer(handler(newDoor(1)))
	defer web.Close()
	for path, want := range map[string]struct {
		status int
		body   []byte
	}{"/discard": {http.StatusNoContent, nil}, "/receipt": {http.StatusCreated, receipt}} {
		resp, err := http.Post(web.URL+path, "text/plain", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != want.status || !bytes.Equal(body, want.body) {
			t.Errorf("%s: %d %q, %v", path, resp.StatusCode, body, err)
		}
		resp.Body.Close()
	}
}

func TestEcho(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		if err := serveEcho(ln); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}()
	for _, size := range []int{64, 1000, 1 << 20} {
		r, err := bench.Echo{
			Options: bench.Options{URL: "ws://" + ln.Addr().String()}, Connections: 3, Size: size, For: 50 * time.Millisecond,
		}.Run(t.Context())
		if err != nil || r.RoundTrips == 0 {
			t.Errorf("%d bytes: %+v, %v", size, r, err)
		}
	}
}
