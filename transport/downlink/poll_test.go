package downlink

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tidings/gateway/socket"
	"tidings/transport"
	"tidings/transport/park"
)

// ask serves a poll and returns its body when it is answered; empty if it never is.
func ask(ctx context.Context, l Link) string {
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody)
	_, _ = l.Serve(park.HTTP(w, r), welcome)
	return w.Body.String()
}

func pollBody(cursor, items string, more bool, pollMS int, ack int, rest string) string {
	return fmt.Sprintf(`{"cursor":"k3f9a2m1-%s","items":[%s],"more":%t,"poll_ms":%d,"ack":{"seq":%d},"offer":{"transports":["websocket","sse"]}%s}`,
		cursor, items, more, pollMS, ack, rest)
}

func TestPoll(t *testing.T) {
	for _, wait := range []time.Duration{0, time.Hour} {
		terms := Terms{Kind: transport.Poll, Wait: wait, PollMS: 5000, Offer: offer, Node: "a"}
		if wait > 0 {
			terms.Kind = transport.LongPoll
		}
		s := &talk{}
		l := s.attach(terms)
		s.send("before it is served")
		s.do(func() { s.ack = 7 })
		want := pollBody("5", `{"seq":5,"data":"before it is served"}`, false, 5000, 7, ","+fmt.Sprintf(hello, terms.Kind)[1:])
		want = strings.TrimSuffix(want, "}}") + "}"
		if got := ask(t.Context(), l); got != want || s.left != 1 || s.link != nil || s.detached != 0 {
			t.Errorf("%s: %d frames have left, detached: %d, got:\n%s\nwant:\n%s", terms.Kind, s.left, s.detached, got, want)
		}
	}
}

func TestPollOfNothing(t *testing.T) {
	s := &talk{}
	l := s.attach(Terms{Kind: transport.Poll, PollMS: 5000, Offer: offer, Resume: true})
	s.do(func() { s.ack = 7; s.pings++ })
	if got, want := ask(t.Context(), l), pollBody("4", "", false, 5000, 7, ""); got != want || s.detached != 1 {
		t.Errorf("%d, %s", s.detached, got)
	}
	if _, done := l.Carry(socket.Load{Frames: []socket.Frame{{Seq: 5, Kind: socket.Text}}}); !done {
		t.Error("an answered poll carries on")
	}
}

// TestPollTakesWhatFits: an answer has as many frames as fit, says that there are more, and one where even that is too large.
func TestPollTakesWhatFits(t *testing.T) {
	s := &talk{}
	l := s.attach(Terms{Kind: transport.Poll, Resume: true})
	s.do(func() {
		for range 30 {
			s.push(socket.Frame{Kind: socket.Binary, Data: make([]byte, 64<<10)})
		}
	})
	var answer struct {
		Cursor string
		More   bool
		Items  []struct{ Seq int }
	}
	body := ask(t.Context(), l)
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	if n := len(answer.Items); n != 11 || !answer.More || answer.Cursor != "k3f9a2m1-15" || s.left != n || len(body) > answerBytes+1000 {
		t.Errorf("%d items up to %s, more: %t, %d bytes, %d have left", n, answer.Cursor, answer.More, len(body), s.left)
	}
}

// TestHeldPoll: a poll waits for what comes first.
func TestHeldPoll(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(s *talk, leave func())
		want    string // empty: no answer
		after   time.Duration
		detach  int
	}{
		"a frame": {func(s *talk, _ func()) {
			s.do(func() { s.ack = 3; s.pings++ }) // that is nothing to be answered with
			s.send("a")
		}, pollBody("5", `{"seq":5,"data":"a"}`, false, 5000, 3, ""), time.Second, 0},
		"nothing":  {func(*talk, func()) {}, pollBody("4", "", false, 5000, 2, ""), 25 * time.Second, 1},
		"an ack":   {func(s *talk, _ func()) { s.do(func() { s.ack = 3 }) }, pollBody("4", "", false, 5000, 3, ""), 25 * time.Second, 1},
		"replaced": {func(s *talk, _ func()) { s.end(socket.End{Replaced: true}) }, pollBody("4", "", false, 500, 2, ""), time.Second, 0},
		"over":     {func(s *talk, _ func()) { s.end(socket.End{Over: true}) }, pollBody("4", "", false, 5000, 2, ""), time.Second, 0},
		"failed": {
			func(s *talk, _ func()) { s.end(socket.End{Code: 1002}) }, pollBody("4", `{"close":{"code":1002}}`, false, 5000, 2, ""),
			time.Second, 0,
		},
		"left": {func(_ *talk, leave func()) { leave() }, "", time.Second, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &talk{}
			l := s.attach(Terms{Kind: transport.LongPoll, Wait: 25 * time.Second, PollMS: 5000, Offer: offer, Resume: true})
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			began := time.Now()
			answered := make(chan string)
			go func() { answered <- ask(ctx, l) }()
			time.Sleep(time.Second)
			c.happens(s, leave)
			got := <-answered
			synctest.Wait()
			if got != c.want || time.Since(began) != c.after || s.detached != c.detach {
				t.Errorf("%s: after %s, detached: %d, got:\n%s", name, time.Since(began), s.detached, got)
			}
			s.send("late") // is nobody's
			if s.left > 1 {
				t.Errorf("%s: %d frames have left", name, s.left)
			}
		})
	}
}

// TestEndBeforeThePollIsServed: it is answered at once, with where it is.
func TestEndBeforeThePollIsServed(t *testing.T) {
	s := &talk{}
	l := s.attach(Terms{Kind: transport.LongPoll, Wait: time.Hour, PollMS: 5000, Offer: offer, Resume: true})
	s.end(socket.End{Replaced: true})
	if got := ask(t.Context(), l); got != pollBody("4", "", false, 500, 2, "") {
		t.Error(got)
	}
}
