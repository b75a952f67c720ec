package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tidings/gateway/socket"
	"tidings/transport"
)

// ending serves sockets at /end that do something first, and tells how each ended for its handler.
func ending(t *testing.T, s *site, do func(*Socket), options ...socket.Options) <-chan *socket.CloseError {
	t.Helper()
	ended := make(chan *socket.CloseError, 1)
	err := s.Socket("/end", func(to *Socket) {
		context.AfterFunc(to.Context(), func() {
			end, _ := errors.AsType[*socket.CloseError](context.Cause(to.Context()))
			ended <- end
		})
		do(to)
	}, options...)
	if err != nil {
		t.Fatal(err)
	}
	return ended
}

// inBubble runs a test with a site in memory, whose time is the bubble's.
func inBubble(t *testing.T, o Options, test func(t *testing.T, s *site)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := startInMemory(t, o)
		t.Cleanup(s.sockets.Close)
		test(t, s)
	})
}

// TestSocketCloses: on every transport, whoever closes, both hear code and reason.
func TestSocketCloses(t *testing.T) {
	for _, kind := range []string{"sse", "stream", "poll", "longpoll"} {
		t.Run(kind+"/the client", func(t *testing.T) {
			s := socketSite(t, Options{}, nil)
			ended := ending(t, s, func(to *Socket) { _, _ = to.Receive() })
			d := s.dialog("/end")
			last := d.closing(kind, func() { d.post(d.frame(socket.Frame{Kind: socket.Close, Code: 3456, Reason: "enough <&>"})) })
			if last.Code != 3456 {
				t.Errorf("the client hears %+v", last)
			}
			if end := <-ended; end.Code != 3456 || end.Reason != "enough <&>" || !end.Clean {
				t.Errorf("the handler hears %+v", end)
			}
		})
		t.Run(kind+"/the handler", func(t *testing.T) {
			s := socketSite(t, Options{}, nil)
			ended := ending(t, s, func(to *Socket) { _ = to.Close(3456, "enough") })
			d := s.dialog("/end")
			last := d.closing(kind, func() {})
			if last.Code != 3456 || last.Reason != "enough" {
				t.Errorf("the client hears %+v", last)
			}
			if ack := d.post(d.frame(socket.Frame{Kind: socket.Close, Code: 3456})); ack != 1 {
				t.Errorf("the answer is taken up to %d", ack)
			}
			if end := <-ended; end.Code != 3456 || !end.Clean {
				t.Errorf("the handler hears %+v", end)
			}
			// It is over, but its id is kept: who has not heard of that asks again.
			if ack := d.post(d.frame(socket.Frame{Kind: socket.Close, Code: 3456})); ack != 1 {
				t.Errorf("the answer is taken up to %d", ack)
			}
		})
	}
}

// closing opens a link, does something, and returns the close frame that comes.
func (d *dialog) closing(kind string, do func()) (end struct {
	Code   uint16
	Reason string
},
) {
	d.t.Helper()
	if kind == "sse" || kind == "stream" {
		h := d.listen(kind)
		do()
		for {
			if o := h.heard(); o.Close != nil {
				return *o.Close
			}
		}
	}
	items := d.poll("&transport=" + kind + "&wait=0.01").Items
	do()
	for {
		for _, o := range items {
			if o.Close != nil {
				return *o.Close
			}
		}
		items = d.poll("&transport=" + kind + "&wait=5").Items
	}
}

// TestSocketStreamEnds: a stream whose client knows that both have closed has nothing left to say.
func TestSocketStreamEnds(t *testing.T) {
	s := socketSite(t, Options{}, nil)
	d := s.dialog("/echo")
	h := d.listen("sse")
	d.post(d.frame(socket.Frame{Kind: socket.Close, Code: 1005}))
	if o := h.heard(); o.Close.Code != 1005 {
		t.Error(o.text)
	}
	d.ask("POST", d.url(""), `{"ack":{"seq":1}}`)
	if o, ok := h.next(); ok && o.Ack == nil {
		t.Error(o.text)
	}
}

// TestSocketFails: a client that breaks the rules is told so at once, and there is nothing to come back to.
func TestSocketFails(t *testing.T) {
	s := socketSite(t, Options{}, nil, socket.Options{MessageBytes: 10})
	ended := ending(t, s, func(to *Socket) { _, _ = to.Receive() }, socket.Options{MessageBytes: 10})
	d := s.dialog("/end")
	h := d.listen("stream")
	d.ask("POST", d.url(""), d.text("more than ten bytes"))
	if last := h.ends(); last.Close == nil || last.Close.Code != 1009 || last.Seq != 0 {
		t.Error(last.text)
	}
	if end := <-ended; end.Code != 1009 || end.Clean {
		t.Errorf("the handler hears %+v", end)
	}
	if a := d.ask("GET", d.url("&transport=poll"), ""); a.code(t) != "socket_gone" || a.status != http.StatusNotFound {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestSocketGone: what is not there any more is not made again for who has heard of it.
func TestSocketGone(t *testing.T) {
	s := socketSite(t, Options{}, nil)
	d := s.dialog("/echo")
	d.poll("")
	other := *d
	other.epoch = "k3f9a2m1"
	unknown := s.dialog("/echo")
	unknown.epoch = d.epoch
	ahead := *d
	ahead.has = 7
	for name, d := range map[string]*dialog{"another epoch": &other, "unknown": unknown, "ahead of what there is": &ahead} {
		for _, kind := range []string{"stream", "poll", "longpoll"} {
			if a := d.ask("GET", d.url("&transport="+kind), ""); a.code(t) != "socket_gone" {
				t.Errorf("%s, %s: %d %s", name, kind, a.status, a.body)
			}
		}
		if last := d.begin("sse").ends(); last.Bye == nil || last.Bye.Code != int(transport.Gone) || last.Bye.Reason != "gone" || last.Bye.RetryMS != 0 {
			t.Errorf("%s: %s", name, last.text)
		}
	}
	if a := unknown.ask("POST", unknown.url(""), unknown.text("a")); a.code(t) != "socket_gone" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestSocketAbsence: a client may be away for so long, counted from the last answer; then its socket is over.
func TestSocketAbsence(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *site) {
		ended := ending(t, s, func(*Socket) {}, socket.Options{Absence: 30 * time.Second})
		if err := s.Socket("/stays", func(to *Socket) { <-to.Context().Done() }); err != nil {
			t.Fatal(err)
		}
		d := s.dialog("/stays")
		h := d.listen("sse")
		time.Sleep(time.Hour) // while there is a link nothing ends
		h.leave()
		for range 3 {
			time.Sleep(28 * time.Second)
			d.poll("&wait=3")
		}
		time.Sleep(32 * time.Second)
		if a := d.ask("GET", d.url(""), ""); a.code(t) != "socket_gone" {
			t.Errorf("%d %s", a.status, a.body)
		}
		d = s.dialog("/end")
		d.post() // opens it, and never asks for a link
		select {
		case <-ended:
			t.Error("a handler runs without a link")
		case <-time.After(time.Minute):
		}
		if a := d.ask("GET", d.url(""), ""); a.status != http.StatusOK {
			t.Errorf("%d %s", a.status, a.body)
		}
		if end := <-ended; end.Code != 1006 || end.Clean {
			t.Errorf("the handler hears %+v", end)
		}
	})
}

// TestSocketReplaced: a newer link takes over; the one before it goes on beside it for 10 s, or until there is a third.
func TestSocketReplaced(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *site) {
		if err := s.Socket("/echo", echoes); err != nil {
			t.Fatal(err)
		}
		d := s.dialog("/echo")
		first := d.listen("sse")
		second := d.listen("stream")
		third := d.listen("sse")
		if last := first.ends(); last.Bye == nil || last.Bye.Code != int(transport.Replaced) {
			t.Error(last.text)
		}
		d.post(d.text("a")) // goes by both
		has := d.has
		if got := second.heard(); *got.Data != "a" {
			t.Error(got.text)
		}
		d.has = has
		if got := third.heard(); *got.Data != "a" {
			t.Error(got.text)
		}
		began := time.Now()
		if last := second.ends(); last.Bye == nil || last.Bye.Code != int(transport.Replaced) || time.Since(began) < 8*time.Second {
			t.Errorf("after %s: %s", time.Since(began), last.text)
		}
		// What was asked for before comes too late where there are two already.
		d.listen("stream")
		d.n = 0
		for _, kind := range []string{"sse", "stream"} {
			if last := d.begin(kind).ends(); last.Bye == nil || last.Bye.Code != int(transport.Replaced) {
				t.Errorf("%s: %s", kind, last.text)
			}
		}
		d.n = 0
		if a := d.ask("GET", d.url("&transport=longpoll"), ""); a.body != `{"bye":{"code":4506,"reason":"replaced"}}` {
			t.Error(a.body)
		}
		// A request without a number is the newest.
		url := strings.Replace(d.url("&transport=poll"), fmt.Sprintf("&n=%d", d.n), "", 1)
		if a := d.ask("POST", url, d.text("b")); a.status != http.StatusOK || !strings.HasPrefix(a.body, `{"cursor"`) {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}

// TestSocketNewerPoll: a newer poll ends the one that is held, which is answered as ever.
func TestSocketNewerPoll(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *site) {
		if err := s.Socket("/echo", echoes); err != nil {
			t.Fatal(err)
		}
		d := s.dialog("/echo")
		d.poll("")
		url := d.url("&wait=50")
		began := time.Now()
		held := make(chan answer)
		go func() { held <- d.ask("GET", url, "") }()
		time.Sleep(time.Second)
		newer := d.url("&wait=5")
		go func() { held <- d.ask("GET", newer, "") }()
		if a := <-held; !strings.Contains(a.body, `"items":[],"more":false,"poll_ms":500,`) || time.Since(began) != time.Second {
			t.Errorf("after %s: %s", time.Since(began), a.body)
		}
		if a := <-held; !strings.Contains(a.body, `"items":[],"more":false,"poll_ms":5000,`) || time.Since(began) != 6*time.Second {
			t.Errorf("after %s: %s", time.Since(began), a.body)
		}
	})
}

// TestSocketSlowHandler: where its handler does not receive, a client's request waits, and then takes what has found room.
func TestSocketSlowHandler(t *testing.T) {
	for _, more := range []string{"", "&transport=longpoll&wait=50"} {
		inBubble(t, Options{}, func(t *testing.T, s *site) {
			receive := make(chan bool)
			err := s.Socket("/slow", func(to *Socket) {
				for range receive {
					if _, err := to.Receive(); err != nil {
						return
					}
				}
				<-to.Context().Done()
			}, socket.Options{ReceiveBytes: 1000})
			if err != nil {
				t.Fatal(err)
			}
			d := s.dialog("/slow")
			d.poll("")
			lines := make([]string, 20)
			for i := range lines {
				lines[i] = d.text(strings.Repeat("x", 500))
			}
			began := time.Now()
			if ack := d.post(lines[:2]...); ack != 2 || time.Since(began) != 0 {
				t.Errorf("%d are taken, after %s: nothing was to be waited for", ack, time.Since(began))
			}
			d.post(lines[:2]...) // again: what is taken needs no room
			if ack := d.post(`{"ack":{"seq":0}}`); ack != 2 || time.Since(began) != 0 {
				t.Errorf("%d are taken, after %s: nothing was to be waited for", ack, time.Since(began))
			}
			var sent int
			if more == "" {
				sent = int(d.post(lines...))
			} else {
				p := d.poll(more, lines...)
				sent = int(p.Ack.Seq)
			}
			if sent != 2 || time.Since(began) != roomTime {
				t.Errorf("%s: %d of %d are taken, after %s", more, sent, len(lines), time.Since(began))
			}
			go func() {
				for range 19 {
					receive <- true
				}
				close(receive)
			}()
			if ack := d.post(lines[sent:]...); ack != 20 {
				t.Errorf("%s: %d of %d are taken", more, ack, len(lines))
			}
		})
	}
}

// TestSocketPings: a stream is pinged as often as it was asked for.
func TestSocketPings(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *site) {
		if err := s.Socket("/echo", echoes); err != nil {
			t.Fatal(err)
		}
		d := s.dialog("/echo")
		began := time.Now()
		h := d.listen("stream&ping=3000&tick=200")
		for i := range 4 {
			o, ok := h.next()
			if !ok || o.Ping == nil || o.Ping.Cursor != d.epoch+"-0" {
				t.Fatal(o.text)
			}
			at := time.Since(began)
			if i == 0 && at != 200*time.Millisecond || i > 0 && (at < time.Duration(i)*3*time.Second || at > time.Duration(i)*3*time.Second+2*time.Second) {
				t.Errorf("ping %d comes after %s", i, at)
			}
		}
		h.leave()
	})
}

// TestSocketDrain: a gateway that stops closes its sockets with 1001, and waits for their clients.
func TestSocketDrain(t *testing.T) {
	s := startSocket(t, Options{}, "/echo", echoes)
	d := s.dialog("/echo")
	h := d.listen("sse")
	drained := make(chan error, 1)
	go func() { drained <- s.Drain(t.Context()) }()
	if o := h.heard(); o.Close == nil || o.Close.Code != 1001 {
		t.Error(o.text)
	}
	if last := s.dialog("/echo").begin("sse").ends(); last.Bye == nil || last.Bye.Code != int(transport.Draining) || last.Bye.RetryMS == 0 {
		t.Error(last.text)
	}
	if a := s.ask("GET", s.dialog("/echo").url("&transport=poll"), ""); a.code(t) != "draining" {
		t.Error(a.body)
	}
	// Who was there may still say its part, by whatever transport.
	d.poll("&transport=poll", d.frame(socket.Frame{Kind: socket.Close, Code: 1001}), `{"ack":{"seq":1}}`)
	if err := <-drained; err != nil {
		t.Error(err)
	}
}
