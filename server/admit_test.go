package server

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestOriginIsTold: who looks for why a page cannot connect finds it in the log; a page that tries again and again does not fill it.
func TestOriginIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s, err := New(Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		knock := func(r right, origin string) {
			t.Helper()
			if _, refused := s.admit(&entry{right: r, host: "localhost", origin: origin, loopback: true}); refused == nil || refused.kind != forbiddenOrigin {
				t.Errorf("%s: %v", origin, refused)
			}
		}
		knock(toFollow, "https://first.example")
		knock(toTalk, "null")
		knock(toTalk, "https://second.example")
		time.Sleep(originTime)
		knock(toTalk, "https://third.example")
		for origin, want := range map[string]bool{"https://first.example": false, "null": true, "https://second.example": false, "https://third.example": true} {
			if strings.Contains(log.String(), "origin="+origin+"\n") != want {
				t.Errorf("%s: %s", origin, log.String())
			}
		}
	})
}
