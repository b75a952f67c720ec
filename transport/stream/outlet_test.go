package stream

import (
	"compress/gzip"
	"io"
	"net/http/httputil"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tidings/gateway"
	"tidings/transport"
	"tidings/transport/park"
	"tidings/transport/wire"
)

// fakeConn takes as many bytes as it has room for.
type fakeConn struct {
	room     int
	taken    []byte
	finished bool
}

var _ park.Conn = (*fakeConn)(nil)

func (c *fakeConn) Write(parts [][]byte) (int, error) {
	if c.finished {
		return 0, park.ErrClosed
	}
	n := min(c.room, len(slices.Concat(parts...)))
	c.taken = append(c.taken, slices.Concat(parts...)[:n]...)
	c.room -= n
	return n, nil
}

func (c *fakeConn) Finish(parts [][]byte) {
	c.taken = append(c.taken, slices.Concat(parts...)...)
	c.finished = true
}

func (c *fakeConn) Close()             { c.finished = true }
func (c *fakeConn) Resume()            {}
func (c *fakeConn) Serve(park.Handler) {}

var framings = []*Framing{ndjson, mixedRaw, mixedEnvelope, replaceRaw, replaceEnvelope, iframe}

// ways are how a stream may be sent.
var ways = []struct{ chunked, gzip bool }{{false, false}, {true, false}, {false, true}, {true, true}}

const head = "HTTP/1.1 200 OK\r\n\r\n"

// open makes a peer on a fake connection.
func open(framing *Framing, chunked, gzip bool) (gateway.Peer, *outlet, *fakeConn) {
	c := &fakeConn{room: 1 << 20}
	f := &transport.Request{Start: &gateway.Start{}, Offer: transport.Offer{Transports: []string{"sse"}}, Compress: gzip, Origin: "https://a.example"}
	answer := park.Answer{Conn: c, Chunked: chunked}
	if chunked {
		answer.Head = [][]byte{[]byte(head)}
	}
	o, p := newPeer(answer, f, Frame(framing, 0))
	return p, o, c
}

// body undoes the chunks and the gzip of what a connection took. Both must end as they should.
func body(t *testing.T, c *fakeConn, chunked, gzipped bool) string {
	t.Helper()
	b := string(c.taken)
	if chunked {
		rest, ok := strings.CutPrefix(b, head)
		if !ok {
			t.Fatalf("no head in %q", c.taken)
		}
		whole, err := io.ReadAll(httputil.NewChunkedReader(strings.NewReader(rest)))
		if err != nil {
			t.Fatalf("%v in %q", err, rest)
		}
		b = string(whole)
	}
	if gzipped {
		r, err := gzip.NewReader(strings.NewReader(b))
		if err != nil {
			t.Fatalf("%v in %q", err, b)
		}
		whole, err := io.ReadAll(r)
		if err != nil {
			t.Fatalf("%v in %q", err, b)
		}
		b = string(whole)
	}
	return b
}

// TestOutlet lets each framing say everything that it can: the same with chunk heads and without, in gzip and in plain.
func TestOutlet(t *testing.T) {
	part := func(name, object string) string {
		return "Content-Type: application/json\r\nTidings-Notice: " + name + "\r\nContent-Length: N\r\n\r\n" + object + "\r\n--tidings\r\n"
	}
	const (
		hello = `{"hello":{"epoch":"","cursor":"-0","transport":"stream","ping_ms":0,"offer":{"transports":["sse"]}}}`
		gap   = `{"gap":{"topic":"a","from":1,"to":2,"reason":"expired"}}`
		ping  = `{"ping":{"cursor":"k3f9a2m1-7"}}`
		bye   = `{"bye":{"code":4001,"reason":"draining","retry_ms":N,"offer":{"transports":["sse"]}}}`
	)
	lines := strings.Join([]string{hello, gap, ping, bye}, "\n") + "\n"
	parts := "--tidings\r\n" + part("hello", hello) + part("gap", gap) + part("ping", ping) +
		strings.TrimSuffix(part("bye", bye), "\r\n") + "--\r\n"
	scripts := wire.ScriptPrelude + string(wire.AppendScriptOrigin(nil, "https://a.example"))
	for _, object := range []string{hello, gap, ping, bye} {
		scripts += "<script>p(" + object + ")</script>\n"
	}
	want := map[*Framing]string{
		ndjson: lines, mixedRaw: parts, mixedEnvelope: parts,
		replaceRaw: "--tidings\r\n", replaceEnvelope: parts, iframe: scripts,
	}
	numbers := regexp.MustCompile(`(Content-Length: |retry_ms":)[0-9]+`)
	for _, framing := range framings {
		for _, way := range ways {
			o, _, c := open(framing, way.chunked, way.gzip)
			unit := []byte("before")
			for _, n := range []gateway.Notice{
				{Kind: gateway.NoticeGap, Topic: "a", From: 1, To: 2, Reason: gateway.GapExpired},
				{Kind: gateway.NoticePing, Cursor: gateway.Cursor{Epoch: "k3f9a2m1", Seq: 7}},
			} {
				var err error
				if unit, err = o.AppendNotice(unit, n); err != nil {
					t.Fatal(err)
				}
			}
			write(t, o, greeting(o), unit[len("before"):])
			o.Close(gateway.ReasonDraining, gateway.Cursor{Epoch: "k3f9a2m1", Seq: 7}, nil)
			got := numbers.ReplaceAllString(body(t, c, way.chunked, way.gzip), "${1}N")
			if got != want[framing] {
				t.Errorf("%s, %+v:\n%q, want\n%q", framing.Format.Name, way, got, want[framing])
			}
			if !c.finished {
				t.Errorf("%s, %+v: not finished", framing.Format.Name, way)
			}
		}
	}
}

func greeting(o gateway.Peer) []byte { return slices.Concat(o.Greeting(nil, gateway.Cursor{})...) }

func write(t *testing.T, o gateway.Peer, parts ...[]byte) int {
	t.Helper()
	n, err := o.Write(&gateway.Batch{Parts: parts, Bytes: len(slices.Concat(parts...))})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestOutletFormat: the chunk heads are in the format, or nowhere.
func TestOutletFormat(t *testing.T) {
	for _, framing := range framings {
		_, plain, _ := open(framing, false, false)
		_, chunked, _ := open(framing, true, false)
		if plain.Terms().Format != framing.Format || chunked.Terms().Format != framing.Chunked {
			t.Errorf("%s: the formats are %s and %s", framing.Format.Name, plain.Terms().Format.Name, chunked.Terms().Format.Name)
		}
	}
}

// TestOutletEnds: whatever the connection has taken when a stream ends, what it gets in the end is whole.
func TestOutletEnds(t *testing.T) {
	for _, gzip := range []bool{false, true} {
		for room := range 300 {
			o, _, c := open(ndjson, true, gzip)
			c.room = room
			begin := greeting(o)
			n := write(t, o, begin)
			o.Close(gateway.ReasonSlow, gateway.Cursor{}, begin[n:])
			lines := strings.Split(strings.TrimSuffix(body(t, c, true, gzip), "\n"), "\n")
			if len(lines) != 2 || !strings.HasPrefix(lines[0], `{"hello":`) || !strings.HasPrefix(lines[1], `{"bye":{"code":4002,`) {
				t.Fatalf("room for %d: %q", room, lines)
			}
		}
	}
}

// TestOutletReasons: clients that should come back hear when, and those that are done hear nothing.
func TestOutletReasons(t *testing.T) {
	for _, reason := range gateway.Reasons {
		o, _, c := open(ndjson, false, false)
		write(t, o, greeting(o))
		c.taken = nil
		o.Close(reason, gateway.Cursor{}, nil)
		code, told := transport.CodeOf(reason)
		if said := len(c.taken) > 0; said != told {
			t.Errorf("%s: it said %q", reason, c.taken)
		}
		if again := strings.Contains(string(c.taken), "retry_ms"); again != (told && code.Again()) {
			t.Errorf("%s: it said %q", reason, c.taken)
		}
	}
}

func TestFramingOf(t *testing.T) {
	streams := New(0).(*streaming)
	for _, c := range []struct {
		mediaType string
		wrap      bool
		want      *Framing
	}{
		{"", false, ndjson},
		{NDJSON, true, ndjson},
		{Mixed, false, mixedRaw},
		{Mixed, true, mixedEnvelope},
		{Replace, false, replaceRaw},
		{Replace, true, replaceEnvelope},
		{HTML, true, iframe},
		{HTML, false, iframe},
	} {
		if got := streams.framing(c.mediaType, c.wrap); got.Framing != c.want {
			t.Errorf("%q, wrap %v: %s", c.mediaType, c.wrap, got.MediaType)
		}
	}
}
