package websocket

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tidings/gateway"
	"tidings/gateway/journal/memory"
	"tidings/transport"
	"tidings/transport/park"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a gateway behind a small server that admits everything.
type rig struct {
	*testing.T
	gateway *gateway.Gateway
	url     string // ws: or wss:
	tls     *tls.Config
	ping    time.Duration
	mute    bool // nothing may be sent up
}

func newRig(t *testing.T, secure bool, o gateway.Options) *rig {
	t.Helper()
	o.Journal = memory.New()
	g, err := gateway.New(o)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{T: t, gateway: g, ping: time.Minute}
	server := httptest.NewUnstartedServer(r)
	if secure {
		server.StartTLS()
		roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		r.tls = &tls.Config{RootCAs: roots, ServerName: "example.com", MinVersion: tls.VersionTLS13}
	} else {
		server.Start()
	}
	r.url = "ws" + strings.TrimPrefix(server.URL, "http")
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Errorf("close the gateway: %v", err)
		}
		server.Close()
	})
	return r
}

// ServeHTTP admits a follow: ?topic=…&since=…&wrap=1.
func (r *rig) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	query := q.URL.Query()
	f := &transport.Request{
		Gateway: r.gateway, Wrap: query.Get("wrap") == "1", Ping: r.ping, Offer: transport.Offer{Transports: []string{"websocket"}},
		Handshake: transport.HandshakeOf(q), Compress: query.Get("compress") == "1",
	}
	if !r.mute {
		f.Upstream = (*upstream)(r)
	}
	for _, topic := range query["topic"] {
		follow, err := parseFollow(topic, query.Get("since"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		f.Follows = append(f.Follows, follow)
	}
	var err error
	if f.Start, err = r.gateway.Start(f.Follows); err != nil {
		r.Error(err)
		return
	}
	w.Header().Set("Access-Control-Allow-Origin", "*")
	switch _, err := New(1000, 0).Serve(park.HTTP(w, q), f); {
	case errors.Is(err, ErrMethod):
		w.WriteHeader(http.StatusMethodNotAllowed)
	case errors.Is(err, ErrVersion):
		w.Header().Set("Sec-WebSocket-Version", "13")
		w.WriteHeader(http.StatusUpgradeRequired)
	case errors.Is(err, ErrUpgrade):
		w.WriteHeader(http.StatusUpgradeRequired)
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func parseFollow(topic, since string) (gateway.Follow, error) {
	pattern, err := gateway.ParsePattern(topic)
	if err != nil || since == "" {
		return gateway.Follow{Pattern: pattern}, err
	}
	from, err := gateway.ParseSince(since, time.Now())
	return gateway.Follow{Pattern: pattern, Since: from}, err
}

// upstream is what the server does for clients that send.
type upstream rig

func (u *upstream) Publish(item []byte) []byte {
	var draft struct{ Topic, Data string }
	if err := json.Unmarshal(item, &draft); err != nil {
		return []byte(`"error":{"code":"bad_request","status":400,"detail":"no item"}`)
	}
	receipt, err := u.gateway.Publish(context.Background(), gateway.Draft{Topic: draft.Topic, Data: []byte(draft.Data)})
	if err != nil {
		return fmt.Appendf(nil, `"error":{"code":"invalid_topic","status":400,"detail":%q}`, err)
	}
	return fmt.Appendf(nil, `"topic":%q,"seq":%d`, receipt.Topic, receipt.Cursor.Seq)
}

func (u *upstream) Token(token string) (transport.Upstream, *transport.Refusal) {
	if token != "good" {
		return nil, &transport.Refusal{Code: "unauthorized", Status: 401, Detail: "no such token"}
	}
	return u, nil
}

func (u *upstream) Admit(items []transport.FollowItem) (follows []gateway.Follow, refusal *transport.Refusal) {
	for _, item := range items {
		follow, err := parseFollow(item.Topic, item.Since)
		if err != nil || item.Since == "" { // a since that is missing is now, whatever the server would take it for
			return nil, &transport.Refusal{Code: "invalid_topic", Status: 400, Detail: fmt.Sprint(err)}
		}
		follows = append(follows, follow)
	}
	return follows, nil
}

func (r *rig) publish(topic, mediaType, data string) gateway.Cursor {
	r.Helper()
	receipt, err := r.gateway.Publish(r.Context(), gateway.Draft{Topic: topic, Type: mediaType, Data: []byte(data)})
	if err != nil {
		r.Fatal(err)
	}
	return receipt.Cursor
}

// client is a client of the rig.
type client struct {
	*rig
	*ClientConn
}

func (r *rig) dial(query string, protocols ...string) *client {
	r.Helper()
	d := Dialer{Protocols: protocols, TLS: r.tls}
	c, err := d.Dial(r.Context(), r.url+"/?"+query)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		if err := c.Close(1000, ""); err != nil {
			r.Logf("close: %v", err)
		}
	})
	return &client{r, c}
}

// envelopes connects with the protocol and takes the hello.
func (r *rig) envelopes(query string) *client {
	r.Helper()
	s := r.dial(query, "other", Protocol)
	if s.Protocol() != Protocol {
		r.Fatalf("the protocol is %q", s.Protocol())
	}
	s.expect(`{"hello":{"epoch":`)
	return s
}

// send writes a text.
func (s *client) send(text string) {
	s.Helper()
	if err := s.Write([]byte(text), true); err != nil {
		s.Fatal(err)
	}
}

// expect reads a text that begins with each of the prefixes, in turn.
func (s *client) expect(prefixes ...string) (last string) {
	s.Helper()
	for _, prefix := range prefixes {
		data, text, err := s.Read()
		if err != nil || !text || !strings.HasPrefix(string(data), prefix) {
			s.Fatalf("got %q, text %v, %v; want %q", data, text, err, prefix)
		}
		last = string(data)
	}
	return last
}

// expectClose reads the end.
func (s *client) expectClose(code uint16) (reason string) {
	s.Helper()
	data, _, err := s.Read()
	var end *CloseError
	if !errors.As(err, &end) || end.Code != code {
		s.Fatalf("got %q and %v, want an end with %d", data, err, code)
	}
	return end.Reason
}
