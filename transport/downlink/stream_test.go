package downlink

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httputil"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"tidings/gateway/socket"
	"tidings/transport"
	"tidings/transport/wire"
)

// serve has a link answer by a pipe.
func serve(t testing.TB, s *talk, terms Terms, chunked bool) *pipe {
	t.Helper()
	p := &pipe{room: -1}
	if status, err := s.attach(terms).Serve(&exchange{pipe: p, chunked: chunked}, welcome); status != 200 || err != nil {
		t.Fatal(status, err)
	}
	return p
}

// body returns what was written behind the head, whole and without chunks.
func body(t testing.TB, p *pipe, chunked bool) string {
	t.Helper()
	text, ok := strings.CutPrefix(p.text(), "head\n")
	if !ok {
		t.Fatalf("no head: %q", p.text())
	}
	if !chunked {
		return text
	}
	b, err := io.ReadAll(httputil.NewChunkedReader(strings.NewReader(text)))
	if p.finished && err != nil || !p.finished && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("finished: %t; %v in %q", p.finished, err, text)
	}
	return string(b)
}

const hello = `{"hello":{"epoch":"k3f9a2m1","cursor":"k3f9a2m1-4","ack":2,"transport":"%s","protocol":"chat",` +
	`"ping_ms":20000,"away_ms":30000,"offer":{"transports":["websocket","sse"]},"node":"a"}}`

func TestEventStream(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		s := &talk{}
		p := serve(t, s, Terms{Kind: transport.SSE, Offer: offer, Node: "a"}, chunked)
		s.send("a\nb")
		s.do(func() { s.pings++; s.ack = 3 })
		s.do(func() { s.ack = 5 }) // alone it is not worth saying
		s.do(func() { s.push(socket.Frame{Kind: socket.Close, Code: 1000}) })
		s.end(socket.End{Over: true})
		want := wire.SSEPrelude + "id: k3f9a2m1-4\ndata: " + fmt.Sprintf(hello, "sse") + "\n\n" +
			"id: k3f9a2m1-5\ndata: {\"seq\":5,\"data\":\"a\\nb\"}\n\n" +
			"id: k3f9a2m1-5\ndata: {\"ack\":{\"seq\":3}}\n\n" +
			"id: k3f9a2m1-5\ndata: {\"ping\":{\"cursor\":\"k3f9a2m1-5\"}}\n\n" +
			"id: k3f9a2m1-5\ndata: {\"ack\":{\"seq\":5}}\n\n" +
			"id: k3f9a2m1-6\ndata: {\"seq\":6,\"close\":{\"code\":1000}}\n\n"
		if got := body(t, p, chunked); got != want || !p.finished || s.left != 2 {
			t.Errorf("chunked: %t; %d frames, finished: %t, got:\n%s", chunked, s.left, p.finished, got)
		}
	}
}

func TestLines(t *testing.T) {
	for _, c := range []struct {
		name    string
		terms   Terms
		end     socket.End
		prelude string
		last    string
	}{
		{"over", Terms{}, socket.End{Over: true}, "", ""},
		{"for old browsers", Terms{Prelude: true}, socket.End{}, wire.NDJSONPrelude, ""},
		{"replaced", Terms{}, socket.End{Replaced: true}, "", `{"bye":{"code":4506,"reason":"replaced"}}` + "\n"},
		{"failed", Terms{}, socket.End{Code: 1002, Reason: "x"}, "", `{"close":{"code":1002,"reason":"x"}}` + "\n"},
	} {
		for _, chunked := range []bool{false, true} {
			s := &talk{}
			c.terms.Kind, c.terms.Offer, c.terms.Node = transport.Stream, offer, "a"
			p := serve(t, s, c.terms, chunked)
			s.send("a")
			s.end(c.end)
			want := c.prelude + fmt.Sprintf(hello, "stream") + "\n" + `{"seq":5,"data":"a"}` + "\n" + c.last
			if got := body(t, p, chunked); got != want || !p.finished {
				t.Errorf("%s, chunked: %t; finished: %t, got:\n%s", c.name, chunked, p.finished, got)
			}
		}
	}
}

// TestEndBeforeTheAnswer: a link that is ended before it is served says hello, and why.
func TestEndBeforeTheAnswer(t *testing.T) {
	s := &talk{}
	l := s.attach(Terms{Kind: transport.Stream, Tick: time.Hour, Offer: offer, Node: "a"})
	s.end(socket.End{Replaced: true})
	p := &pipe{room: -1}
	if _, err := l.Serve(&exchange{pipe: p}, welcome); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(hello, "stream") + "\n" + `{"bye":{"code":4506,"reason":"replaced"}}` + "\n"
	if got := body(t, p, false); got != want || !p.finished {
		t.Errorf("%s", got)
	}
}

// TestNoAnswer: where the answer cannot begin, the socket hears of it.
func TestNoAnswer(t *testing.T) {
	s := &talk{}
	broken := errors.New("broken")
	if _, err := s.attach(Terms{Kind: transport.SSE}).Serve(&exchange{err: broken}, welcome); !errors.Is(err, broken) || s.detached != 1 {
		t.Errorf("%v, %d", err, s.detached)
	}
}

// TestTick: a client that asks for it hears a ping so long after hello, and one only; also if its connection is full by then.
func TestTick(t *testing.T) {
	for _, full := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := &talk{}
			p := serve(t, s, Terms{Kind: transport.Stream, Tick: 100 * time.Millisecond}, false)
			at := len(p.text())
			if full {
				p.give(3)
				s.send("abc")
			}
			time.Sleep(99 * time.Millisecond)
			synctest.Wait()
			if got := p.text()[at:]; strings.Contains(got, "ping") {
				t.Errorf("too early: %q", got)
			}
			time.Sleep(time.Second)
			synctest.Wait()
			want := `{"ping":{"cursor":"k3f9a2m1-4"}}` + "\n"
			if full {
				p.give(-1)
				p.handler.Ready()
				want = `{"seq":5,"data":"abc"}` + "\n" + `{"ping":{"cursor":"k3f9a2m1-5"}}` + "\n"
			}
			synctest.Wait()
			if got := p.text()[at:]; got != want {
				t.Errorf("full: %t; %q", full, got)
			}
		})
	}
}

// TestGone: the socket hears when the client has left, and nothing is written any more.
func TestGone(t *testing.T) {
	s := &talk{}
	p := serve(t, s, Terms{Kind: transport.SSE, Tick: time.Hour}, true)
	if !p.handler.Data([]byte("what is sent up a stream means nothing")) {
		t.Error("the stream is not read from any more")
	}
	link := s.link
	p.handler.Gone()
	n := len(p.text())
	if frames, _ := link.Carry(socket.Load{Frames: []socket.Frame{{Seq: 5, Kind: socket.Text}}}); s.detached != 1 || frames != 0 || len(p.text()) != n {
		t.Errorf("%d times, %d frames", s.detached, frames)
	}
}

// TestStreamLosesNothing: wherever the connection is full, the client gets what was sent, each frame once and in order, and the
// socket hears of those that have left whole, no more and no less.
func TestStreamLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]transport.Kind{transport.SSE, transport.Stream}).Draw(t, "kind")
		chunked := rapid.Bool().Draw(t, "chunked")
		s := &talk{}
		p := &pipe{room: rapid.IntRange(0, 3000).Draw(t, "room at first")}
		if _, err := s.attach(Terms{Kind: kind}).Serve(&exchange{pipe: p, chunked: chunked}, welcome); err != nil {
			t.Fatal(err)
		}
		link := s.link.(*streamed)
		var sent []socket.Frame
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0, 1, 2:
				s.do(func() {
					for range rapid.IntRange(1, 4).Draw(t, "frames") {
						f := socket.Frame{Kind: socket.Binary, More: rapid.Bool().Draw(t, "more")}
						f.Data = bytes.Repeat([]byte{byte(len(sent))}, rapid.SampledFrom([]int{0, 1, 100, 40_000}).Draw(t, "size"))
						s.push(f)
						sent = append(sent, s.frames[len(s.frames)-1])
					}
				})
			case 3:
				p.give(rapid.IntRange(0, 50_000).Draw(t, "room"))
				s.Ready(link)
				link.flush()
			case 4:
				s.do(func() { s.ack++; s.pings++ })
			case 5:
				link.ping()
			}
			whole, _ := read(t, p, chunked)
			if len(whole) != s.left {
				t.Fatalf("%d frames have left, the socket was told of %d", len(whole), s.left)
			}
		}
		p.give(-1)
		s.Ready(link)
		s.end(socket.End{Over: true})
		whole, rest := read(t, p, chunked)
		if rest != "" {
			t.Fatalf("ends within a unit: %q", rest)
		}
		if !slices.EqualFunc(whole, sent, func(got, want socket.Frame) bool {
			return got.Seq == want.Seq && got.More == want.More && bytes.Equal(got.Data, want.Data)
		}) {
			t.Fatalf("%d frames of %d, or others", len(whole), len(sent))
		}
	})
}

// read reads the frames that have arrived whole, and what is left behind the last whole unit.
func read(t *rapid.T, p *pipe, chunked bool) (frames []socket.Frame, rest string) {
	text := strings.TrimPrefix(p.text(), "head\n")
	if len(text) == len(p.text()) {
		return nil, text // the head is not complete
	}
	if chunked {
		text, rest = chunks(t, text)
	}
	var reader wire.SocketReader
	for {
		line, more, ok := strings.Cut(text, "\n")
		if !ok {
			return frames, text + rest
		}
		object, isData := strings.CutPrefix(line, "data: ")
		if isData {
			if !strings.HasPrefix(more, "\n") {
				return frames, text + rest
			}
		} else {
			object = line
		}
		text = more
		if !strings.HasPrefix(object, `{"seq"`) {
			if strings.HasPrefix(object, "{") && !json.Valid([]byte(object)) {
				t.Fatalf("no object: %q", object)
			}
			continue
		}
		up, err := reader.Read([]byte(object))
		if err != nil {
			t.Fatalf("%.100s: %v", object, err)
		}
		up.Frame.Data = bytes.Clone(up.Frame.Data)
		frames = append(frames, up.Frame)
	}
}

// chunks returns what the whole chunks of a body hold, and what is left behind them.
func chunks(t *rapid.T, body string) (text, rest string) {
	for {
		head, rest, ok := strings.Cut(body, "\r\n")
		n, err := strconv.ParseInt(head, 16, 32)
		if !ok || len(rest) < int(n)+2 {
			return text, body
		}
		if err != nil || rest[n:n+2] != "\r\n" {
			t.Fatalf("no chunk: %.100q", body)
		}
		text += rest[:n]
		if body = rest[n+2:]; n == 0 {
			return text, body
		}
	}
}
