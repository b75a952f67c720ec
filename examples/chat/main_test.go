package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tidings/client"
	"tidings/transport"
)

// TestTalk: Ada by WebSocket and Bob by long polls hear each other, come and go.
func TestTalk(t *testing.T) {
	gateway, err := open()
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(gateway)
	defer web.Close()
	defer web.CloseClientConnections()
	defer gateway.Close()

	enter := func(name string, by transport.Kind) *client.Socket {
		s, err := client.Dial(t.Context(), web.URL+"/chat?name="+name, client.DialOptions{Transports: []transport.Kind{by}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	hears := func(s *client.Socket, want string) {
		t.Helper()
		if m, err := s.Receive(); err != nil || string(m.Data) != want {
			t.Fatalf("heard %q, %v; want %q", m.Data, err, want)
		}
	}
	say := func(s *client.Socket, text string) {
		t.Helper()
		if err := s.Send(client.Text, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}

	ada := enter("Ada", transport.WebSocket)
	hears(ada, "Ada came in")
	bob := enter("Bob", transport.LongPoll)
	hears(ada, "Bob came in")
	hears(bob, "Bob came in")
	say(ada, "hello")
	hears(ada, "Ada: hello")
	hears(bob, "Ada: hello")
	say(bob, "<b>hello</b>")
	hears(ada, "Bob: <b>hello</b>")
	hears(bob, "Bob: <b>hello</b>")
	if err := bob.Close(1000, ""); err != nil {
		t.Fatal(err)
	}
	hears(ada, "Bob left")
	if err := ada.Close(1000, ""); err != nil {
		t.Fatal(err)
	}
	<-ada.Context().Done()
	<-bob.Context().Done()

	resp, err := web.Client().Get(web.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK || !strings.Contains(string(body), "tidings.Socket") {
		t.Errorf("the page is %d %s", resp.StatusCode, body)
	}
}

func TestRunStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(ctx, "127.0.0.1:0"); err != nil {
		t.Error(err)
	}
}
