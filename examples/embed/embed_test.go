package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tidings/gateway"
	"tidings/server"
)

func TestHandler(t *testing.T) {
	push, err := server.New(server.Options{NoBoard: true})
	if err != nil {
		t.Fatal(err)
	}
	defer push.Close()
	if _, err := push.Gateway().Publish(t.Context(), gateway.Draft{Topic: "clock", Data: []byte("12:00:00")}); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(handler(push))
	defer web.Close()
	for path, want := range map[string]string{
		"/": "/push/tidings.js", "/push/tidings.js": "tidings", "/push/topics/clock": `"data":"12:00:00"`, "/push/": `"code":"not_found"`,
	} {
		resp, err := web.Client().Get(web.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if !strings.Contains(string(body), want) {
			t.Errorf("%s: %d without %s: %.200s", path, resp.StatusCode, want, body)
		}
	}
	resp, err := web.Client().Post(web.URL+"/push/topics/clock", "text/plain", strings.NewReader("noon"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Errorf("publishing over HTTP: %d", resp.StatusCode)
	}
}

func TestRunStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(ctx, "127.0.0.1:0"); err != nil {
		t.Error(err)
	}
}
