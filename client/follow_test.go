package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tidings/client"
	"tidings/gateway"
	"tidings/server"
	"tidings/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gatewayAt serves a real gateway over a handler that may get in the way.
func gatewayAt(t testing.TB, o server.Options, between func(http.Handler) http.Handler) (*server.Server, string) {
	t.Helper()
	s, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	handler := http.Handler(s)
	if between != nil {
		handler = between(handler)
	}
	web := httptest.NewServer(handler)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		web.Close()
	})
	return s, web.URL
}

// newClient makes a client whose idle connections end with the test.
func newClient(t testing.TB, url string, o client.Options) *client.Client {
	t.Helper()
	own := &http.Transport{}
	t.Cleanup(own.CloseIdleConnections)
	o.HTTPClient = &http.Client{Transport: own}
	c, err := client.New(url, o)
	if err != nil {
		t.Fatal(err)
	}
	client.Hurry(c)
	return c
}

func publish(t testing.TB, s *server.Server, topic string, n int) {
	t.Helper()
	for i := range n {
		if _, err := s.Gateway().Publish(t.Context(), gateway.Draft{Topic: topic, Data: fmt.Append(nil, i)}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFollow follows by each transport, through a way that cuts every stream after a few kilobytes: history, then what is
// published meanwhile, each message once and in order, without a gap.
func TestFollow(t *testing.T) {
	for _, kind := range transport.Kinds {
		t.Run(kind.String(), func(t *testing.T) {
			s, url := gatewayAt(t, server.Options{PollInterval: 1e8}, nil)
			after := 6 << 10
			if kind > transport.Stream {
				after = 64 << 10 // an answer has to get through whole
			}
			c := newClient(t, newRoad(t, url, func() (up, down int) { return 0, after }).url, client.Options{})
			const each = 150
			publish(t, s, "a/x", each)
			publish(t, s, "b", each)
			next := map[string]int{}
			got, breaks := 0, 0
			for e, err := range c.Follow(t.Context(), client.FollowOptions{
				Topics: []string{"a/*", "b"}, Since: "all", Transport: kind.String(),
			}) {
				switch {
				case err != nil:
					t.Fatal(err)
				case e.Gap != nil:
					t.Fatalf("gap %+v", e.Gap)
				case e.State != nil && e.State.Err != nil:
					breaks++
				case e.Message != nil:
					m := e.Message
					if string(m.Data) != fmt.Sprint(next[m.Topic]) {
						t.Fatalf("%s: %q came, %d is next", m.Topic, m.Data, next[m.Topic])
					}
					next[m.Topic]++
					if got++; got == 2*each {
						publish(t, s, "b", 1)
						next["b"] = 0
					}
				}
				if got > 2*each {
					break
				}
			}
			if breaks == 0 && kind <= transport.Stream {
				t.Error("nothing broke: the test shows nothing")
			}
		})
	}
}

// TestFollowRestart holds that another log is told as a gap, and read from its start.
func TestFollowRestart(t *testing.T) {
	for _, kind := range transport.Kinds {
		t.Run(kind.String(), func(t *testing.T) {
			s, url := gatewayAt(t, server.Options{PollInterval: 1e8}, nil)
			publish(t, s, "a", 3)
			c := newClient(t, url, client.Options{})
			var told []string
			for e, err := range c.Follow(t.Context(), client.FollowOptions{
				Topics: []string{"a"}, Since: "aaaaaaaaaaaa-900", Transport: kind.String(),
			}) {
				switch {
				case err != nil:
					t.Fatal(err)
				case e.Gap != nil:
					told = append(told, e.Gap.Reason)
				case e.Message != nil:
					told = append(told, string(e.Message.Data))
				}
				if len(told) == 4 {
					break
				}
			}
			if got := fmt.Sprint(told); got != "[restart 0 1 2]" {
				t.Errorf("told %s", got)
			}
		})
	}
}

// TestStepDown holds that the client finds the transport that gets through.
func TestStepDown(t *testing.T) {
	tests := []struct {
		name    string
		off     []transport.Kind
		between func(http.Handler) http.Handler
		want    string
	}{
		{name: "all well", want: "websocket"},
		{name: "switched off", off: []transport.Kind{transport.WebSocket, transport.SSE, transport.Stream}, want: "longpoll"},
		{
			name: "no upgrade gets through", want: "sse",
			between: func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Header.Get("Upgrade") != "" {
						http.Error(w, "no", http.StatusForbidden)
						return
					}
					next.ServeHTTP(w, r)
				})
			},
		},
		{
			name: "streams are held back", want: "longpoll",
			between: func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if k := r.URL.Query().Get("transport"); k == "websocket" || k == "sse" || k == "stream" {
						<-r.Context().Done()
						return
					}
					next.ServeHTTP(w, r)
				})
			},
		},
		{
			name: "streams die young", want: "longpoll",
			between: func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					switch r.URL.Query().Get("transport") {
					case "websocket", "sse", "stream":
						panic(http.ErrAbortHandler)
					}
					next.ServeHTTP(w, r)
				})
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, url := gatewayAt(t, server.Options{Off: test.off}, test.between)
			publish(t, s, "a", 1)
			last := ""
			for e, err := range newClient(t, url, client.Options{}).Follow(t.Context(), client.FollowOptions{Topics: []string{"a"}, Since: "all"}) {
				if err != nil {
					t.Fatal(err)
				}
				if e.State != nil {
					last = e.State.Transport
				}
				if e.Message != nil {
					break
				}
			}
			if last != test.want {
				t.Errorf("came by %s, want %s", last, test.want)
			}
		})
	}
}

func TestFollowRefused(t *testing.T) {
	_, url := gatewayAt(t, server.Options{Off: []transport.Kind{transport.SSE}}, nil)
	tests := []struct {
		name string
		o    client.FollowOptions
		code string // of the gateway's refusal; empty if the client refuses
	}{
		{name: "nothing", o: client.FollowOptions{}},
		{name: "no topic", o: client.FollowOptions{Topics: []string{"a//b"}}},
		{name: "no since", o: client.FollowOptions{Topics: []string{"a"}, Since: "soon"}},
		{name: "no transport", o: client.FollowOptions{Topics: []string{"a"}, Transport: "pigeon"}},
		{name: "a transport that is off", o: client.FollowOptions{Topics: []string{"a"}, Transport: "sse"}, code: "transport_off"},
		{name: "too many topics", o: client.FollowOptions{Topics: many(101)}, code: "too_many_topics"},
		{name: "too many topics in a body", o: client.FollowOptions{Topics: many(1001), Transport: "poll"}, code: "too_many_topics"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for e, err := range newClient(t, url, client.Options{}).Follow(t.Context(), test.o) {
				var refused *client.Error
				if err == nil || errors.As(err, &refused) != (test.code != "") || (refused != nil && refused.Code != test.code) {
					t.Fatalf("%+v, %v", e, err)
				}
			}
		})
	}
}

func many(n int) (topics []string) {
	for i := range n {
		topics = append(topics, fmt.Sprintf("topic/%d", i))
	}
	return topics
}

// TestFollowEnds holds that a follow ends with its context, with why it ended, and leaves nothing behind.
func TestFollowEnds(t *testing.T) {
	why := errors.New("enough")
	for _, kind := range transport.Kinds {
		_, url := gatewayAt(t, server.Options{}, nil)
		ctx, cancel := context.WithCancelCause(t.Context())
		var last error
		for e, err := range newClient(t, url, client.Options{}).Follow(ctx, client.FollowOptions{Topics: []string{"a"}, Transport: kind.String()}) {
			if e.State != nil && e.State.Connected {
				cancel(why)
			}
			last = err
		}
		cancel(nil)
		if !errors.Is(last, why) {
			t.Errorf("%s ended with %v", kind, last)
		}
	}
}

// TestLongList follows more than a URL holds.
func TestLongList(t *testing.T) {
	s, url := gatewayAt(t, server.Options{FollowTopics: 2000, PollInterval: 1e8}, nil)
	publish(t, s, "topic/777", 1)
	for _, kind := range []string{"sse", "stream", "longpoll", "poll"} {
		for e, err := range newClient(t, url, client.Options{}).Follow(t.Context(), client.FollowOptions{
			Topics: many(1000), Since: "all", Transport: kind,
		}) {
			if err != nil {
				t.Fatal(kind, err)
			}
			if e.Message != nil {
				break
			}
		}
	}
}

func TestPublish(t *testing.T) {
	var tries atomic.Int32
	s, url := gatewayAt(t, server.Options{PublishKeys: []string{"secret"}}, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch tries.Add(1) {
			case 1:
				w.WriteHeader(http.StatusServiceUnavailable)
			case 2: // stored, but the answer gets lost
				next.ServeHTTP(httptest.NewRecorder(), r)
				panic(http.ErrAbortHandler)
			default:
				next.ServeHTTP(w, r)
			}
		})
	})
	c := newClient(t, url, client.Options{Key: "secret"})
	var waited []error
	receipt, err := c.Publish(t.Context(), "a/é b", []byte(`{"x": 1}`), client.PublishOptions{
		Type: "application/json", Event: "e", Key: "k", TTL: 9e10, Durability: "memory", IfEmpty: true,
		Waiting: func(err error, _ time.Duration) { waited = append(waited, err) },
	})
	var busy *client.Error
	// The second failure net/http may mend by itself: the connection was in use before, and the request has an idempotency key.
	if len(waited) == 0 || !errors.As(waited[0], &busy) || busy.Status != http.StatusServiceUnavailable {
		t.Errorf("waited because of %v", waited)
	}
	if err != nil || !receipt.Duplicate || receipt.Topic != "a/é b" || tries.Load() != 3 {
		t.Fatalf("%+v after %d attempts, %v", receipt, tries.Load(), err)
	}
	info, err := s.Gateway().Topic("a/é b")
	if err != nil || info.Messages != 1 {
		t.Errorf("%+v, %v", info, err)
	}
	if _, err := c.Publish(t.Context(), "a/é b", []byte("2"), client.PublishOptions{IfLast: receipt.Cursor}); err != nil {
		t.Error(err)
	}
	var refused *client.Error
	if _, err := c.Publish(t.Context(), "a/é b", []byte("3"), client.PublishOptions{IfLast: receipt.Cursor}); !errors.As(err, &refused) ||
		refused.Status != http.StatusPreconditionFailed {
		t.Errorf("published on an old cursor: %v", err)
	}
	if _, err := newClient(t, url, client.Options{}).Publish(t.Context(), "a", nil, client.PublishOptions{}); !errors.As(err, &refused) ||
		refused.Code != "unauthorized" {
		t.Errorf("published without a key: %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	c := newClient(t, "http://"+ln.Addr().String(), client.Options{})
	if _, err := c.Publish(t.Context(), "a", nil, client.PublishOptions{Attempts: 2}); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("%v", err)
	}
	for _, url := range []string{"", "push.example.org", "ftp://x", "http://", ":"} {
		if _, err := client.New(url, client.Options{}); err == nil {
			t.Errorf("%q was taken for a gateway", url)
		}
	}
}
