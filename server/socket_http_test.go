package server

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"tidings/gateway/socket"
)

// TestSocketByHTTP: on every transport a socket says back what it is told, text and bytes, whole and in pieces.
func TestSocketByHTTP(t *testing.T) {
	send := func(d *dialog) []string {
		return []string{
			d.text("hello, wörld\n"), d.frame(socket.Frame{Kind: socket.Binary, Data: []byte{0, 1, 255}}), d.text(""),
			d.frame(socket.Frame{Kind: socket.Text, More: true, Data: []byte("two ")}), d.text("pieces"),
		}
	}
	check := func(t *testing.T, got []said) {
		t.Helper()
		if len(got) != 4 || *got[0].Data != "hello, wörld\n" || !bytes.Equal(got[1].Data64, []byte{0, 1, 255}) || *got[2].Data != "" ||
			*got[3].Data != "two pieces" {
			t.Errorf("%+v", got)
		}
	}
	inMemory := startInMemory(t, Options{})
	if err := inMemory.Socket("/echo", echoes); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*site{"by connections": socketSite(t, Options{}, nil), "by handlers": inMemory} {
		for _, kind := range []string{"sse", "stream"} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				d := s.dialog("/echo?a=1")
				h := d.listen(kind)
				if ack := d.post(send(d)...); ack != 5 {
					t.Errorf("%d frames were taken", ack)
				}
				check(t, []said{h.heard(), h.heard(), h.heard(), h.heard()})
				h.leave()
			})
		}
		for _, kind := range []string{"poll", "longpoll"} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				d := s.dialog("/echo?a=1")
				var got []said
				p := d.poll("&transport="+kind+"&wait=10", send(d)...)
				if p.Hello == nil || p.Hello.Transport != kind || p.Ack.Seq != 5 {
					t.Error(p.text)
				}
				got = append(got, p.Items...)
				for len(got) < 4 {
					p = d.poll("&transport=" + kind + "&wait=10")
					if p.Hello != nil {
						t.Errorf("said hello twice: %s", p.text)
					}
					got = append(got, p.Items...)
				}
				check(t, got)
			})
		}
	}
}

// TestSocketHello: what a client and a handler are told at the begin.
func TestSocketHello(t *testing.T) {
	requests := make(chan *SocketRequest, 1)
	s := socketSite(t, Options{Node: "a"}, map[string]socket.Handler{"/hello": func(to *Socket) {
		requests <- to.Request()
		<-to.Context().Done()
	}}, socket.Options{Protocols: []string{"b", "c"}})
	d := s.dialog("/hello?tidings=the-application&q=%41")
	h := d.begin("sse&protocols=a,b&ping=5000", "Sec-Fetch-Site: same-origin", "X-Of-The-Page: 1")
	o, _ := h.next()
	want := fmt.Sprintf(`{"hello":{"epoch":"%[1]s","cursor":"%[1]s-0","ack":0,"transport":"sse","protocol":"b","ping_ms":5000,"away_ms":30000,`+
		`"offer":{"transports":["websocket","sse","stream","longpoll","poll"]},"node":"a"}}`, o.Hello.Epoch)
	if o.text != want {
		t.Errorf("got  %s\nwant %s", o.text, want)
	}
	if got := h.resp.Header; got.Get("Content-Type") != "text/event-stream" || got.Get("X-Accel-Buffering") != "no" {
		t.Errorf("%v", got)
	}
	r := <-requests
	if r.Path != "/hello" || r.Query != "tidings=the-application&q=%41" || !slices.Equal(r.Protocols, []string{"a", "b"}) || r.Header.Get("X-Of-The-Page") != "1" {
		t.Errorf("%+v", r)
	}
}

// TestSocketMoves: a conversation goes on over another transport, with what was under way both ways.
func TestSocketMoves(t *testing.T) {
	push := make(chan string)
	received := make(chan string, 10)
	s := socketSite(t, Options{}, map[string]socket.Handler{"/talk": func(to *Socket) {
		go func() {
			for text := range push {
				_ = to.Send(socket.Text, []byte(text))
			}
		}()
		for {
			m, err := to.Receive()
			if err != nil {
				return
			}
			received <- string(m.Data)
		}
	}})
	defer close(push)
	d := s.dialog("/talk")
	h := d.listen("sse")
	push <- "1"
	if got := h.heard(); *got.Data != "1" {
		t.Error(got.text)
	}
	d.post(d.text("a"))
	h.leave()
	push <- "2" // nobody is there
	push <- "3"
	lost := []string{d.text("b"), d.text("c")} // and the answer to this is lost
	d.ask("POST", d.url(""), lost[0])
	h = d.listen("stream")
	if got := []said{h.heard(), h.heard()}; *got[0].Data != "2" || *got[1].Data != "3" {
		t.Errorf("%+v", got)
	}
	d.has-- // 3 never came
	p := d.poll("&transport=longpoll", append(lost, d.text("d"))...)
	if len(p.Items) != 1 || *p.Items[0].Data != "3" || p.Ack.Seq != 4 {
		t.Error(p.text)
	}
	if got := []string{<-received, <-received, <-received, <-received}; !slices.Equal(got, []string{"a", "b", "c", "d"}) {
		t.Errorf("received %q", got)
	}
	push <- "4" // goes by both: the stream was not left
	if got := h.heard(); *got.Data != "4" {
		t.Error(got.text)
	}
	for one := range s.Sockets("/talk") {
		if one.Buffered() != 1+1 { // 3 and 4 are not acknowledged
			t.Errorf("%d bytes are buffered", one.Buffered())
		}
	}
	d.ask("POST", d.url(""), `{"ack":{"seq":4}}`)
	for one := range s.Sockets("/talk") {
		if one.Buffered() != 0 {
			t.Errorf("%d bytes are buffered", one.Buffered())
		}
	}
}

// TestSocketTakesOnce: what is sent again is not taken again, and what is behind a hole is not taken at all.
func TestSocketTakesOnce(t *testing.T) {
	received := make(chan string, 10)
	s := socketSite(t, Options{}, map[string]socket.Handler{"/once": func(to *Socket) {
		for {
			m, err := to.Receive()
			if err != nil {
				return
			}
			received <- string(m.Data)
		}
	}})
	d := s.dialog("/once")
	lines := make([]string, 5)
	for i := range lines {
		lines[i] = d.text(fmt.Sprint(i + 1))
	}
	d.listen("stream")
	if ack := d.post(lines[1], lines[0]); ack != 0 { // at the hole the request ends
		t.Errorf("%d were taken behind a hole", ack)
	}
	for _, c := range []struct {
		from, to int
		ack      uint64
	}{{2, 3, 0}, {0, 2, 2}, {0, 2, 2}, {3, 5, 2}, {1, 4, 4}, {0, 5, 5}, {0, 5, 5}, {0, 0, 5}} {
		if ack := d.post(lines[c.from:c.to]...); ack != c.ack {
			t.Errorf("%d to %d: %d were taken, want %d", c.from, c.to, ack, c.ack)
		}
	}
	for i := range lines {
		if got := <-received; got != fmt.Sprint(i+1) {
			t.Errorf("%q is the message %d", got, i+1)
		}
	}
}

// TestSocketPostOpens: what is sent before there is a link waits for it.
func TestSocketPostOpens(t *testing.T) {
	s := socketSite(t, Options{}, nil)
	d := s.dialog("/echo")
	if ack := d.post(d.text("early")); ack != 1 {
		t.Errorf("%d were taken", ack)
	}
	h := d.listen("sse")
	if got := h.heard(); *got.Data != "early" {
		t.Error(got.text)
	}
	// A stream may bring what is sent, too.
	d2 := s.dialog("/echo")
	h = d2.beginBy("POST", "&transport=stream", strings.NewReader(d2.text("with it")))
	o, _ := h.next()
	d2.hear(&o)
	if got := h.heard(); *got.Data != "with it" || o.Hello.Ack != 0 {
		t.Error(o.text, got.text)
	}
}

// TestSocketBody: what is no line of the wire is refused, and what came before it is taken.
func TestSocketBody(t *testing.T) {
	s := socketSite(t, Options{}, nil)
	for name, c := range map[string]struct {
		line string
		code string
	}{
		"no object":       {"[]\n", "bad_request"},
		"no JSON":         {"{\n", "bad_request"},
		"no UTF-8":        {"{\"seq\":2,\"data\":\"\xff\"}\n", "bad_request"},
		"a frame too big": {`{"seq":2,"data":"` + strings.Repeat("x", 64<<10+1) + "\"}\n", "too_large"},
		"a line too long": {`{"seq":2,"data":"x"}` + strings.Repeat(" ", 512<<10) + "\n", "too_large"},
	} {
		for _, more := range []string{"", "&transport=poll"} {
			d := s.dialog("/echo")
			d.listen("sse")
			if a := d.ask("POST", d.url(more), d.text("first")+"\n\r\n"+c.line+`{"seq":2,"data":"behind it"}`); a.code(t) != c.code {
				t.Errorf("%s%s: %d %s", name, more, a.status, a.body)
			}
			if ack := d.post("{}\n", `{"unknown":{}}`); ack != 1 {
				t.Errorf("%s%s: %d are taken", name, more, ack)
			}
		}
	}
	d := s.dialog("/echo")
	if a := d.ask("POST", d.url(""), "x", "Content-Encoding: gzip"); a.code(t) != "unsupported_media_type" {
		t.Error(a.body)
	}
	if ack := d.post(strings.TrimSuffix(d.text("without a line feed"), "\n")); ack != 1 {
		t.Errorf("%d are taken", ack)
	}
}

// TestSocketOverHTTP10: a stream has its bytes bare there, up to the end of the connection.
func TestSocketOverHTTP10(t *testing.T) {
	s := socketSite(t, Options{}, nil)
	d := s.dialog("/echo")
	nc, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	fmt.Fprintf(nc, "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", d.url("&transport=stream"))
	lines := bufio.NewReader(nc)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "Transfer-Encoding") {
			t.Error(line)
		}
		if line == "\r\n" {
			break
		}
	}
	if line, err := lines.ReadString('\n'); err != nil || !strings.HasPrefix(line, `{"hello":`) {
		t.Error(line, err)
	}
	d.post(d.text("a"))
	for line := ""; line != `{"seq":1,"data":"a"}`+"\n"; {
		if line, err = lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	d.post(d.frame(socket.Frame{Kind: socket.Close, Code: 1000}))
	d.ask("POST", d.url(""), `{"ack":{"seq":2}}`)
	rest, err := io.ReadAll(lines)
	if want := `{"seq":2,"close":{"code":1000}}` + "\n"; err != nil || !strings.HasSuffix(string(rest), want) {
		t.Errorf("%q, %v", rest, err)
	}
}
