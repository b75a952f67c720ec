package server_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"tidings/server"
)

const (
	label = "0123456789abcdefABCDEF"
	links = "Sec-WebSocket-Protocol: tidings.socket.v1, chat\r\n"
)

// linkConn is a client of a socket that can move, by one WebSocket.
type linkConn struct {
	*rawConn
	hello struct {
		Epoch, Cursor, Transport, Protocol string
		Ack                                uint64
		PingMS                             int `json:"ping_ms"`
		AwayMS                             int `json:"away_ms"`
	}
	acked uint64 // up to where the gateway has what was sent
}

// dialLink opens a link, with our part of the query, and takes its hello.
func dialLink(t *testing.T, address, ours, fields string) *linkConn {
	t.Helper()
	c := &linkConn{rawConn: openRaw(t, address, "/echo?room=7&"+ours, links+fields)}
	var first struct{ Hello any }
	first.Hello = &c.hello
	if e := <-c.events; e.kind != "text" || json.Unmarshal([]byte(e.payload), &first) != nil || c.hello.Epoch == "" {
		t.Fatalf("the link began with %v", e)
	}
	return c
}

func (c *linkConn) cursor(seq int) string { return fmt.Sprintf("%s-%d", c.hello.Epoch, seq) }

// next is what comes next, and is no ack.
func (c *linkConn) next() event {
	c.Helper()
	for e := range c.events {
		var o struct{ Ack *struct{ Seq uint64 } }
		if e.kind == "text" && strings.HasPrefix(e.payload, `{"ack":{"seq":`) && json.Unmarshal([]byte(e.payload), &o) == nil {
			if o.Ack.Seq <= c.acked && c.acked > 0 {
				c.Errorf("acknowledged %d after %d", o.Ack.Seq, c.acked)
			}
			c.acked = o.Ack.Seq
			continue
		}
		return e
	}
	return event{"end", ""}
}

func (c *linkConn) expectNext(want ...event) {
	c.Helper()
	for _, w := range want {
		if got := c.next(); got != w {
			c.Fatalf("got %v, want %v", got, w)
		}
	}
}

// end ends the socket by a close frame of that number, in both directions.
func (c *linkConn) end(seq int) {
	c.Helper()
	c.say(text(fmt.Sprintf(`{"seq":%d,"close":{"code":1000}}`, seq)))
	var o struct {
		Seq   uint64
		Close *struct{ Code int }
	}
	for o.Close == nil {
		e := c.next()
		if e.kind == "end" || e.kind == "broken" {
			c.Fatalf("got %v, want a close", e)
		}
		_ = json.Unmarshal([]byte(e.payload), &o) // other frames are none
	}
	c.say(text(fmt.Sprintf(`{"ack":{"seq":%d}}`, o.Seq)))
	c.expectNext(event{"close", "1000"}, event{"end", ""})
}

func (c *linkConn) say(f ...frame) { c.write(joined(f)) }

// TestLinkedSocket goes through all that is said on a WebSocket that carries a socket which can move.
func TestLinkedSocket(t *testing.T) {
	address := conformingServer(t)
	c := dialLink(t, address, "tidings="+label+"&n=1&ping=5000", "Sec-WebSocket-Extensions: permessage-deflate\r\n")
	h := c.hello
	if c.protocol != "tidings.socket.v1" || h.Protocol != "chat" || h.Cursor != h.Epoch+"-0" || h.Ack != 0 || h.Transport != "websocket" ||
		h.PingMS != 5000 || h.AwayMS != 30_000 {
		t.Fatalf("%q, %+v", c.protocol, h)
	}
	c.say(text("=héllo"), octets("\x00\xff"), text("="), octets("\x00"))
	c.expectNext(event{"text", "=héllo"}, event{"binary", "\x00\xff"}, event{"text", "="}, event{"binary", "\x00"})
	c.say(text("+one, "), text("+two, "), text("=three"), octets("\x01a"), octets("\x00b"))
	c.expectNext(event{"text", "=one, two, three"}, event{"binary", "\x00ab"})
	c.say(text(`{"seq":10,"data":"as an object"}`), text("=and not"), text(`{"seq":12,"data64":"AQI="}`), text(`{"nobody":"knows this"}`))
	c.expectNext(event{"text", "=as an object"}, event{"text", "=and not"}, event{"binary", "\x00\x01\x02"})
	long := strings.Repeat("rain ", 20_000) // more than a frame
	c.write(c.message(1, "+"+long[:60_000], 0))
	c.write(c.message(1, "="+long[60_000:], 1000))
	first := c.next()
	c.expectNext(event{"text", "=" + long[1<<16:]})
	if first != (event{"text", "+" + long[:1<<16]}) {
		t.Errorf("a long message came as %v", first)
	}
	c.say(ping("a"), text(`{"id":7,"ping":true}`), text(`{"id":"x","ping":true}`))
	c.expectNext(event{"pong", "a"}, event{"text", `{"ack":{"id":7,"seq":14}}`}, event{"text", `{"ack":{"id":"x","seq":14}}`})
	c.say(text(`{"ack":{"seq":9}}`), text(`{"seq":15,"close":{"code":4001,"reason":"done"}}`))
	c.expectNext(event{"text", `{"seq":12,"close":{"code":4001,"reason":"done"}}`})
	c.say(text(`{"ack":{"seq":12}}`))
	c.expectNext(event{"close", "1000"}, event{"end", ""})
	if c.acked != 15 {
		t.Errorf("acknowledged up to %d", c.acked)
	}
	if c.packed == 0 {
		t.Error("nothing came deflated")
	}
}

// TestLinkedResumes: a socket goes on by another WebSocket, and nothing is lost or doubled by that, in either direction.
func TestLinkedResumes(t *testing.T) {
	address := conformingServer(t)
	c := dialLink(t, address, "tidings="+label+"&n=1", "")
	for i := range 5 {
		c.say(text(fmt.Sprintf("=%d", i)))
		c.expectNext(event{"text", fmt.Sprintf("=%d", i)})
	}
	c.net.Close()
	// It has received four of them, and does not know that the fifth of its own has arrived.
	again := dialLink(t, address, "tidings="+label+"&n=2&since="+c.cursor(4), "")
	if again.hello.Epoch != c.hello.Epoch || again.hello.Cursor != c.cursor(4) || again.hello.Ack != 5 || again.hello.Protocol != "chat" {
		t.Fatalf("%+v", again.hello)
	}
	again.say(text(`{"seq":5,"data":"4"}`), text("=5"), text(`{"ack":{"seq":5}}`))
	again.expectNext(event{"text", "=4"}, event{"text", "=5"})
	again.say(closing(1000, "")) // of the link
	again.expectNext(event{"close", "1000"}, event{"end", ""})
	third := dialLink(t, address, "tidings="+label+"&n=3&since="+c.cursor(5), "")
	third.expectNext(event{"text", "=5"})
	third.say(text("=6"))
	third.expectNext(event{"text", "=6"})
	third.end(8)
}

// TestLinkedBeside: a newer link takes over and the older goes on beside it, until there is a third.
func TestLinkedBeside(t *testing.T) {
	address := conformingServer(t)
	one := dialLink(t, address, "tidings="+label+"&n=1", "")
	two := dialLink(t, address, "tidings="+label+"&n=2&since="+one.cursor(0), "")
	two.say(text("=a"))
	one.expectNext(event{"text", "=a"})
	two.expectNext(event{"text", "=a"})
	one.say(text(`{"seq":1,"data":"a"}`), text("=b")) // the first it has from before
	one.expectNext(event{"text", "=b"})
	two.expectNext(event{"text", "=b"})
	// The client has both by the first. What the second still lacks has its number all the same.
	late := dialLink(t, address, "tidings="+label+"&n=3&since="+one.cursor(2), "")
	one.expectNext(event{"text", `{"bye":{"code":4506,"reason":"replaced"}}`}, event{"close", "4506"}, event{"end", ""})
	late.say(text("=c"))
	late.expectNext(event{"text", "=c"})
	two.expectNext(event{"text", "=c"})
	// A link that was asked for before both is none.
	early := openRaw(t, address, "/echo?tidings="+label+"&n=1&since="+one.cursor(2), links)
	early.expect(event{"text", `{"bye":{"code":4506,"reason":"replaced"}}`})
	early.expect(event{"close", "4506"})
	early.expectEnd()
	late.end(4)
}

// TestLinkedRefusals: what is refused is said where a page sees it.
func TestLinkedRefusals(t *testing.T) {
	refusing := server.SocketOptions{Sockets: 1, Accept: func(r *server.SocketRequest) (string, error) {
		if r.Query == "no" {
			return "", errors.New("no")
		}
		return "", nil
	}}
	address := servingSockets(t, server.Options{}, refusing, echoing)
	there := dialLink(t, address, "tidings="+label+"&n=1", "")
	defer there.end(1)
	for name, c := range map[string]struct{ query, fields, bye string }{
		"gone":          {"tidings=" + label + "x&since=abcdefgh-4", "", `4508,"reason":"gone"`},
		"another epoch": {"tidings=" + label + "&since=abcdefgh-0", "", `4508,"reason":"gone"`},
		"the handler":   {"no&tidings=" + label + "x", "", `4503,"reason":"forbidden"`},
		"another page":  {"tidings=" + label, "Origin: https://evil.example\r\n", `4503,"reason":"forbidden"`},
		"too many":      {"tidings=" + label + "x", "", `4504,"reason":"limit"`},
		"a short label": {"tidings=short", "", `4500,"reason":"bad_request"`},
		"no cursor":     {"tidings=" + label + "&since=4", "", `4500,"reason":"bad_request"`},
	} {
		t.Run(name, func(t *testing.T) {
			c0 := openRaw(t, address, "/echo?"+c.query, links+c.fields)
			e := <-c0.events
			if want := `{"bye":{"code":` + c.bye; e.kind != "text" || !strings.HasPrefix(e.payload, want) {
				t.Errorf("got %v, want %s", e, want)
			}
			c0.expect(event{"close", c.bye[:4]})
			c0.expectEnd()
		})
	}
	_, response := askRaw(t, address, handshake("/echo?tidings="+label, "Sec-WebSocket-Protocol: chat\r\n"))
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("without the subprotocol: %s", response.Status)
	}
}

// TestLinkedMistakes: what no client may send ends the link, and not the socket.
func TestLinkedMistakes(t *testing.T) {
	address := conformingServer(t)
	epoch := dialLink(t, address, "tidings="+label+"&n=1", "").hello.Epoch
	n := 1
	for name, c := range map[string]struct {
		sent frame
		code string
		bye  bool
	}{
		"no mark":          {text(""), "4500", true},
		"another mark":     {text("x"), "4500", true},
		"octets as text":   {text("\x00"), "4500", true},
		"text as octets":   {octets("=a"), "4500", true},
		"another octet":    {octets("\x02"), "4500", true},
		"no octet":         {octets(""), "4500", true},
		"no object":        {text("{"), "4500", true},
		"a hole":           {text(`{"seq":7,"data":""}`), "4500", true},
		"too much":         {octets("\x00" + times("x", 64<<10+1)), "4500", true},
		"far too much":     {octets("\x00" + times("x", 512<<10)), "1009", false},
		"no UTF-8":         {text("=\xff"), "1007", false},
		"not masked":       {frame{op: 1, payload: "=a", bare: true}, "1002", false},
		"a reserved bit":   {frame{op: 1, payload: "=a", rsv: 1}, "1002", false},
		"a closing octet":  {frame{op: 8, payload: "x"}, "1002", false},
		"an unknown frame": {frame{op: 3}, "1002", false},
	} {
		t.Run(name, func(t *testing.T) {
			n++
			l := dialLink(t, address, fmt.Sprintf("tidings=%s&n=%d&since=%s-0", label, n, epoch), "")
			l.say(c.sent)
			if c.bye {
				l.expectNext(event{"text", `{"bye":{"code":4500,"reason":"bad_request"}}`})
			}
			l.expectNext(event{"close", c.code}, event{"end", ""})
		})
	}
	l := dialLink(t, address, fmt.Sprintf("tidings=%s&n=%d&since=%s-0", label, n+1, epoch), "")
	l.say(text("=still here"))
	l.expectNext(event{"text", "=still here"})
	l.end(2)
}

// TestLinkedTooBig: a message over the bound ends the socket, and says so.
func TestLinkedTooBig(t *testing.T) {
	address := servingSockets(t, server.Options{}, server.SocketOptions{MessageBytes: 100}, echoing)
	l := dialLink(t, address, "tidings="+label, "")
	l.say(octets("\x01"+times("x", 100)), octets("\x00x"))
	if e := l.next(); !strings.HasPrefix(e.payload, `{"close":{"code":1009,"reason":"`) {
		t.Errorf("got %v", e)
	}
	l.expectNext(event{"close", "1009"}, event{"end", ""})
}

// TestLinkedAcksGetThrough: a handler that is behind, and waits for its client to acknowledge what it sends, hears of that though the client's acks
// stand behind what it is sending itself.
func TestLinkedAcksGetThrough(t *testing.T) {
	const each, messages = 64 << 10, 64
	address := servingSockets(t, server.Options{}, server.SocketOptions{BufferBytes: each, ReceiveBytes: each}, echoing)
	l := dialLink(t, address, "tidings="+label, "")
	body := times("x", each-1)
	sent, got := 0, 0
	for got < messages {
		// As the wire has it, 256 KiB at most are on their way, and the acks follow them.
		for sent < messages && (sent-int(l.acked))*each < 256<<10 {
			l.say(octets("\x00" + body))
			sent++
		}
		e, ok := <-l.events
		switch {
		case !ok:
			t.Fatal("the link has ended")
		case e.kind == "binary":
			if e.payload != "\x00"+body {
				t.Fatalf("message %d is %v", got, e)
			}
			got++
			l.say(text(fmt.Sprintf(`{"ack":{"seq":%d}}`, got)))
		case strings.HasPrefix(e.payload, `{"ack":`):
			var o struct{ Ack struct{ Seq uint64 } }
			if err := json.Unmarshal([]byte(e.payload), &o); err != nil {
				t.Fatal(err)
			}
			l.acked = o.Ack.Seq
		}
	}
	l.end(messages + 1)
}
