package websocket

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"tidings/gateway"
	"tidings/transport/park"
)

// fakeConn takes so many bytes.
type fakeConn struct {
	room  int
	last  []byte
	taken int
}

func (c *fakeConn) Write(parts [][]byte) (int, error) {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	n = min(n, c.room)
	c.taken += n
	return n, nil
}

func (c *fakeConn) Finish(parts [][]byte) { c.last = slices.Concat(parts...) }
func (c *fakeConn) Close()                {}
func (c *fakeConn) Serve(park.Handler)    {}
func (c *fakeConn) Resume()               {}

func onTerms(f *gateway.Format) *terms {
	t := &terms{Terms: gateway.Terms{Format: f, Live: f == Enveloped}}
	t.Of = t
	return t
}

func TestPeerWriteAllocatesNothing(t *testing.T) {
	p := &peer{conn: &fakeConn{room: 1 << 30}, Follower: onTerms(Raw).Follower()}
	b := &gateway.Batch{Parts: [][]byte{[]byte("one"), []byte("two")}, Bytes: 6}
	if n := testing.AllocsPerRun(100, func() {
		if n, err := p.Write(b); n != 6 || err != nil {
			t.Errorf("took %d, %v", n, err)
		}
	}); n != 0 {
		t.Errorf("a write allocates %v times", n)
	}
}

// TestPeerEnds sees what comes last in every state that a peer can be in.
func TestPeerEnds(t *testing.T) {
	at := gateway.Cursor{Epoch: "abcdefgh", Seq: 7}
	farewell := appendClose(nil, 1001, "")
	for _, c := range []struct {
		name     string
		format   *gateway.Format
		farewell bool
		rest     string
		reason   gateway.Reason
		want     string
	}{
		{"slow", Raw, false, "rest", gateway.ReasonSlow, "rest" + string(appendClose(nil, 4002, "slow"))},
		{"gap", Raw, false, "", gateway.ReasonGap, string(appendClose(nil, 4005, "abcdefgh-7"))},
		{"before the head", Raw, false, "HEAD", gateway.ReasonDraining, "HEAD" + string(appendClose(nil, 4001, "draining"))},
		{"finished", Raw, false, "", gateway.ReasonFinished, string(appendClose(nil, 1000, ""))},
		{"kicked", Enveloped, false, "", gateway.ReasonKicked, string(appendClose(appendFrame(nil, opText, []byte(`{"bye":{"code":4507,"reason":"kicked"}}`)), 4507, "kicked"))},
		{"client left too", Enveloped, true, "rest", gateway.ReasonKicked, "rest" + string(farewell)},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := &fakeConn{room: 1}
			p := &peer{conn: conn, Follower: onTerms(c.format).Follower()}
			if c.farewell {
				p.talk.Store(&talk{farewell: farewell})
			}
			p.Close(c.reason, at, []byte(c.rest))
			if string(conn.last) != c.want {
				t.Errorf("got %q, want %q", conn.last, c.want)
			}
		})
	}
}

// TestPeerLeaves answers a client's close in its turn, and writes nothing behind it.
func TestPeerLeaves(t *testing.T) {
	conn := &fakeConn{room: 4}
	p := &peer{conn: conn, Follower: onTerms(Raw).Follower()}
	if n, err := p.Write(&gateway.Batch{Parts: [][]byte{[]byte("one"), []byte("two")}}); n != 4 || err != nil {
		t.Fatal(n, err)
	}
	farewell := []byte("bye")
	p.talk.Store(&talk{farewell: farewell})
	if n, err := p.Write(&gateway.Batch{Parts: [][]byte{[]byte("wo")}}); n != 2 || err != nil || conn.last != nil {
		t.Fatal(n, err, conn.last)
	}
	if _, err := p.Write(&gateway.Batch{Parts: [][]byte{[]byte("pong"), farewell, []byte("three")}}); !errors.Is(err, errLeft) {
		t.Errorf("got %v", err)
	}
	if string(conn.last) != "pongbye" {
		t.Errorf("got %q", conn.last)
	}
}

func TestFormats(t *testing.T) {
	text := &gateway.Message{Topic: "a", Body: gateway.BodyText, Seq: 3, Prev: 1, Data: []byte("x")}
	octets := &gateway.Message{Topic: "a", Type: "image/png", Body: gateway.BodyBytes, Seq: 4, Prev: 3, Data: []byte{0xff}}
	marker := &gateway.Message{Topic: "a", Seq: 5, Deleted: true}
	for _, c := range []struct {
		format *gateway.Format
		m      *gateway.Message
		want   string
	}{
		{Raw, text, "<\x81\x01x"},
		{Raw, octets, "<\x82\x01\xff"},
		{Raw, marker, "<"},
		{Enveloped, text, "<\x81\x32" + `{"topic":"a","seq":3,"prev":1,"time":0,"data":"x"}`},
		{Enveloped, marker, "<\x81\x20" + `{"deleted":{"topic":"a","to":5}}`},
	} {
		if got := string(c.format.Append([]byte("<"), c.m)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.format.Name, got, c.want)
		}
	}
}

func TestCloseBody(t *testing.T) {
	for _, c := range []struct {
		reason string
		want   int
	}{
		{"", 0}, {"a", 1}, {strings.Repeat("a", 123), 123}, {strings.Repeat("a", 200), 123}, {strings.Repeat("é", 100), 122},
	} {
		if got := closeBody(1000, c.reason); len(got) != c.want+2 || checkClose(got) != nil {
			t.Errorf("%.10s: %d bytes", c.reason, len(got)-2)
		}
	}
}

func BenchmarkFrame(b *testing.B) {
	m := &gateway.Message{Topic: "weather", Type: "text/plain", Body: gateway.BodyText, Seq: 1, Data: []byte(strings.Repeat("x", 200))}
	for _, f := range []*gateway.Format{Raw, Enveloped} {
		b.Run(f.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.Append(nil, m)
			}
		})
	}
}
