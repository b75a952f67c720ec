package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"tidings/gateway"
	"tidings/gateway/socket"
	"tidings/transport"
)

// socketFrames are what the golden file of frames is made of.
var socketFrames = []struct {
	name  string
	frame socket.Frame
}{
	{"text", socket.Frame{Seq: 7, Kind: socket.Text, Data: []byte("hello")}},
	{"text, empty", socket.Frame{Seq: 7, Kind: socket.Text}},
	{"text that goes on", socket.Frame{Seq: 7, Kind: socket.Text, More: true, Data: []byte("hel")}},
	{"text with escapes", socket.Frame{Seq: 7, Kind: socket.Text, Data: []byte("</script>&\u2028\u2029\"\\\x00\x1f\x7f\t\r\n日本\U0001F600")}},
	{"binary", socket.Frame{Seq: 8, Kind: socket.Binary, Data: []byte("\x89PNG\r\n\x1a\n\x00\xff")}},
	{"binary, empty", socket.Frame{Seq: 8, Kind: socket.Binary}},
	{"binary that goes on", socket.Frame{Seq: 8, Kind: socket.Binary, More: true, Data: []byte{1}}},
	{"close", socket.Frame{Seq: 9, Kind: socket.Close, Code: 1000, Reason: "done <here>"}},
	{"close without a reason", socket.Frame{Seq: 9, Kind: socket.Close, Code: 3000}},
	{"close without a code", socket.Frame{Seq: 9007199254740991, Kind: socket.Close, Code: 1005}},
}

func TestGoldenSocket(t *testing.T) {
	var g golden
	at := gateway.Cursor{Epoch: epoch, Seq: 42}
	offer := transport.Offer{Transports: []string{"websocket", "sse"}}
	hello := SocketHello{
		Cursor: at, Ack: 3, Transport: "sse", Protocol: "chat<2>", PingMS: 20000, AwayMS: 30000, Offer: offer, Node: "a.example",
	}
	g.section("hello", AppendSocketHello(nil, hello))
	g.section("hello, the least", AppendSocketHello(nil, SocketHello{Cursor: gateway.Cursor{Epoch: epoch}, Transport: "stream"}))
	for _, c := range socketFrames {
		g.section(c.name, AppendSocketFrame(nil, &c.frame))
	}
	g.section("failure", AppendSocketFailure(nil, 1002, "a text that is not UTF-8"))
	g.section("ack", AppendSocketAck(nil, 12))
	g.section("answer to a ping", AppendSocketPong(nil, []byte(`"a"`), 12))
	g.section("event", AppendSSEObject(nil, at, func(b []byte) []byte { return AppendSocketFrame(b, &socketFrames[0].frame) }))
	items := AppendSocketFrame(append(AppendSocketFrame(nil, &socketFrames[0].frame), ','), &socketFrames[4].frame)
	poll := SocketPoll{Cursor: at, Ack: 12, PollMS: 5000, Offer: offer}
	g.section("poll, empty", bytes.Join(poll.Parts(nil), nil))
	poll.Hello, poll.More = &hello, true
	g.section("poll", bytes.Join(poll.Parts(items), nil))
	g.check(t, "socket")
}

// TestSocketFramesAreRead: what is written in one direction is read in the other.
func TestSocketFramesAreRead(t *testing.T) {
	var r SocketReader
	for _, c := range socketFrames {
		up, err := r.Read(AppendSocketFrame(nil, &c.frame))
		if err != nil || !sameFrame(&up.Frame, &c.frame) || up.Acks || up.Ping {
			t.Errorf("%s: %+v, %v", c.name, up, err)
		}
	}
}

func sameFrame(a, b *socket.Frame) bool {
	return a.Seq == b.Seq && a.Kind == b.Kind && a.More == b.More && bytes.Equal(a.Data, b.Data) && a.Code == b.Code && a.Reason == b.Reason
}

func TestSocketRead(t *testing.T) {
	var r SocketReader
	for _, c := range []struct {
		object string
		want   SocketUp
	}{
		{`{}`, SocketUp{}},
		{`{"unknown":[1]}`, SocketUp{}},
		{`{"ack":{"seq":0}}`, SocketUp{Acks: true}},
		{` `, SocketUp{}},
		{`{"id":1,"ping":true}`, SocketUp{Ping: true, ID: []byte("1")}},
		{`{"id":"a","ping":true}`, SocketUp{Ping: true, ID: []byte(`"a"`)}},
		{`{"ping":true}`, SocketUp{Ping: true}},
		{`{"id":1}`, SocketUp{}},
		{`{"seq":1,"data":"a\u00e9\ud800","x":1}`, SocketUp{Frame: socket.Frame{Seq: 1, Kind: socket.Text, Data: []byte("aé\ufffd")}}},
		{`{ "data64" : "AQI=", "seq" : 2, "more" : false, "ack":{"seq":9} }`, SocketUp{
			Frame: socket.Frame{Seq: 2, Kind: socket.Binary, Data: []byte{1, 2}}, Acks: true, Ack: 9,
		}},
		{`{"seq":3,"close":{}}`, SocketUp{Frame: socket.Frame{Seq: 3, Kind: socket.Close, Code: 1005}}},
	} {
		up, err := r.Read([]byte(strings.TrimPrefix(c.object, " ")))
		if c.object == " " {
			if !errors.Is(err, ErrSocketObject) {
				t.Errorf("nothing is an object: %v", err)
			}
			continue
		}
		if err != nil || !sameFrame(&up.Frame, &c.want.Frame) || up.Ack != c.want.Ack || up.Acks != c.want.Acks || up.Ping != c.want.Ping ||
			!bytes.Equal(up.ID, c.want.ID) {
			t.Errorf("%s: %+v, %v", c.object, up, err)
		}
	}
}

func TestSocketReadRefuses(t *testing.T) {
	var r SocketReader
	frame := func(size int) string { return `{"seq":1,"data":"` + strings.Repeat("x", size) + `"}` }
	for object, want := range map[string]error{
		`null`:                                                  ErrSocketObject,
		`[]`:                                                    ErrSocketObject,
		`{"seq":1,"data":"a"`:                                   ErrSocketObject,
		`{"seq":1}`:                                             ErrSocketObject,
		`{"seq":0,"data":""}`:                                   ErrSocketObject,
		`{"seq":-1,"data":""}`:                                  ErrSocketObject,
		`{"seq":1.5,"data":""}`:                                 ErrSocketObject,
		`{"seq":01,"data":""}`:                                  ErrSocketObject,
		`{"seq":9007199254740992,"data":""}`:                    ErrSocketObject,
		`{"seq":1,"data":1}`:                                    ErrSocketObject,
		`{"seq":1,"data":"","data64":""}`:                       ErrSocketObject,
		`{"seq":1,"data":"","close":{}}`:                        ErrSocketObject,
		`{"seq":1,"close":{},"more":true}`:                      ErrSocketObject,
		`{"seq":1,"close":{"code":1006}}`:                       ErrSocketObject,
		`{"seq":1,"close":{"code":999}}`:                        ErrSocketObject,
		`{"seq":1,"close":{"code":5000}}`:                       ErrSocketObject,
		`{"seq":1,"close":{"reason":"x"}}`:                      ErrSocketObject,
		`{"seq":1,"data64":"AQI"}`:                              ErrSocketObject,
		`{"seq":1,"data64":"AQ\nI="}`:                           ErrSocketObject,
		"{\"seq\":1,\"data64\":\"AQ\nI=\"}":                     ErrSocketObject,
		"{\"seq\":1,\"data\":\"a\nb\"}":                         ErrSocketObject,
		"{\"seq\":1,\"data\":\"\xff\"}":                         ErrSocketText,
		`{"ack":{}}`:                                            ErrSocketObject,
		`{"ack":{"seq":-1}}`:                                    ErrSocketObject,
		`{"ping":true,"id":{}}`:                                 ErrSocketObject,
		`{"ping":true,"id":"` + strings.Repeat("x", 127) + `"}`: ErrSocketObject,
		frame(SocketFrameBytes + 1):                             ErrSocketFrame,
		`{"seq":1,"close":{"code":1000,"reason":"` + strings.Repeat("é", 62) + `"}}`: ErrSocketObject,
	} {
		if up, err := r.Read([]byte(object)); !errors.Is(err, want) {
			t.Errorf("%.80s: %+v, %v", object, up, err)
		}
	}
	binary := socket.Frame{Seq: 1, Kind: socket.Binary, Data: make([]byte, SocketFrameBytes)}
	if _, err := r.Read(AppendSocketFrame(nil, &binary)); err != nil {
		t.Error(err)
	}
	for range 4 {
		binary.Data = append(binary.Data, 0)
		if _, err := r.Read(AppendSocketFrame(nil, &binary)); !errors.Is(err, ErrSocketFrame) {
			t.Errorf("%d bytes: %v", len(binary.Data), err)
		}
	}
	if up, err := r.Read([]byte(frame(SocketFrameBytes))); err != nil || len(up.Frame.Data) != SocketFrameBytes {
		t.Errorf("%d bytes, %v", len(up.Frame.Data), err)
	}
}

// TestSocketLineHoldsAFrame: however a frame is escaped, it is no longer than a line may be.
func TestSocketLineHoldsAFrame(t *testing.T) {
	f := socket.Frame{Seq: 1<<53 - 1, Kind: socket.Text, More: true, Data: make([]byte, SocketFrameBytes)}
	if n := len(AppendSocketFrame(nil, &f)); n > SocketLineBytes {
		t.Errorf("%d bytes", n)
	}
}

// FuzzSocketRead: what is read in the short way means what encoding/json would read, nothing reads as a frame that has none, and what was
// read is written and read again as the same.
func FuzzSocketRead(f *testing.F) {
	for _, c := range socketFrames {
		f.Add(AppendSocketFrame(nil, &c.frame))
	}
	f.Add([]byte(`{"id":"a","ping":true,"ack":{"seq":12}}`))
	f.Add([]byte(`{"seq":7,"data":"\u2028\ud83d\ude00","more":true}`))
	f.Fuzz(func(t *testing.T, object []byte) {
		if !utf8.Valid(object) {
			return
		}
		var r, other SocketReader
		if quick, ok := r.quick(object); ok {
			slow, err := other.slow(object)
			if err != nil || !sameFrame(&quick.Frame, &slow.Frame) || slow.Acks || slow.Ping {
				t.Fatalf("%q: %+v in the short way, else %+v, %v", object, quick, slow, err)
			}
		}
		up, err := r.Read(object)
		if err != nil {
			if json.Valid(object) && errors.Is(err, ErrSocketText) {
				t.Fatalf("%q: %v", object, err)
			}
			return
		}
		if up.Frame.Seq == 0 {
			return
		}
		kept := up.Frame
		kept.Data = bytes.Clone(kept.Data)
		line := AppendSocketFrame(nil, &kept)
		if bytes.ContainsAny(line, "\n\r<\u2028\u2029") {
			t.Fatalf("%q holds what it must not", line)
		}
		again, err := r.Read(line)
		if err != nil || !sameFrame(&again.Frame, &kept) {
			t.Fatalf("%q: read again %+v, %v", object, again, err)
		}
	})
}
