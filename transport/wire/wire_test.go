package wire

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"tidings/gateway"
	"tidings/gateway/journal"
	"tidings/transport"
)

var update = flag.Bool("update", false, "write the golden files again")

const epoch = "k3f9a2m1"

// formats are all of the package's formats.
var formats = []*gateway.Format{
	Envelope,
	SSERaw, SSERawChunked, SSEEnvelope, SSEEnvelopeChunked,
	NDJSON, NDJSONChunked,
	MultipartRaw, MultipartRawChunked, MultipartEnvelope, MultipartEnvelopeChunked,
	ReplaceRaw, ReplaceRawChunked,
	Script, ScriptChunked,
}

// message is what the golden files are made of.
type message struct {
	name   string
	record journal.Record
	prev   uint64
	latest bool
}

func (c message) make() *gateway.Message {
	r := c.record
	r.Seq, r.Time = 42, 1790000000000
	if r.Topic == "" {
		r.Topic = "weather/paris"
	}
	m := gateway.NewMessage(epoch, c.prev, &r)
	m.Latest = c.latest
	return m
}

const text = "text/plain; charset=utf-8"

var messages = []message{
	{name: "text", prev: 40, record: journal.Record{Type: text, Data: []byte("Rain from noon")}},
	{name: "text_members", prev: 40, latest: true, record: journal.Record{
		Type: text, Event: "rain", Key: "50% Zürich", Data: []byte("Rain"),
	}},
	{name: "text_empty", record: journal.Record{Type: text, Data: nil}},
	{name: "text_lines", record: journal.Record{Type: "text/markdown", Data: []byte("a\r\nb\rc\n\n d\n")}},
	{name: "text_escapes", record: journal.Record{
		Topic: "a <b>/\"c\"\u2028", Type: text, Data: []byte("</script>&\u2028\u2029\"\\\x00\x1f\x7f\t日本\U0001F600"),
	}},
	{name: "json", prev: 7, record: journal.Record{
		Type: "application/json", Data: []byte("{\n  \"a b\": [1, 2.50, \"<\\u003c \\\" \\\\\"],\r\n\t\"ü\u2028\": null\n}\n"),
	}},
	{name: "json_prototype", record: journal.Record{Type: "application/json", Data: []byte(`{"__proto__":1,"\u005f_proto__":"<\""}`)}},
	{name: "json_scalar", record: journal.Record{Type: "application/geo+json", Data: []byte(` "x y" `)}},
	{name: "json_invalid_utf8", record: journal.Record{Type: "application/json", Data: []byte("\"a\xff\xc3\"")}},
	{name: "bytes", prev: 40, record: journal.Record{
		Type: "image/png", Event: "radar", Key: "paris", Data: []byte("\x89PNG\r\n\x1a\n\x00\xff"),
	}},
	{name: "bytes_empty", record: journal.Record{Type: "application/octet-stream"}},
	{name: "bytes_text_type", record: journal.Record{Type: "text/plain", Data: []byte("caf\xe9")}},
	{name: "boundary_within", record: journal.Record{
		Type: text, Data: []byte("x\r\n--tidings\r\nTidings-Notice: bye\r\n\r\n{}"),
	}},
	{name: "line_breaks_where_none_may_be", record: journal.Record{
		Type: "text/plain;\r\nX: 1", Event: "a\ndata: b", Key: "c\r\nX: 2", Data: []byte("d"),
	}},
	{name: "deleted", prev: 40, record: journal.Record{Kind: journal.Deletion}},
}

func TestGoldenMessages(t *testing.T) {
	for _, c := range messages {
		t.Run(c.name, func(t *testing.T) {
			var g golden
			m := c.make()
			for _, f := range formats {
				g.section(f.Name, m.Encoded(f))
			}
			g.check(t, c.name)
		})
	}
}

func TestGoldenNotices(t *testing.T) {
	at := gateway.Cursor{Epoch: epoch, Seq: 42}
	hello := Hello{
		Epoch: epoch, Cursor: at, Transport: "sse", Session: "s1", PingMS: 20000,
		Offer: transport.Offer{Transports: []string{"websocket", "sse"}}, Node: "a.example",
	}
	notices := []gateway.Notice{
		{Kind: gateway.NoticeGap, Topic: "a/**", From: 3, To: 9, Reason: gateway.GapExpired, Cursor: at},
		{Kind: gateway.NoticeLive, Topic: "a<b", Cursor: at},
		{Kind: gateway.NoticeDeleted, Topic: "a", To: 9, Cursor: at},
		{Kind: gateway.NoticePing, Cursor: at},
	}
	bye := transport.Bye{Code: transport.Draining, Reason: "draining", RetryMS: 1234, Offer: &hello.Offer}
	final := transport.Bye{Code: transport.Kicked, Reason: "kicked"}

	styles := []struct {
		name   string
		hello  func([]byte, Hello) []byte
		notice func([]byte, gateway.Notice) []byte
		bye    func([]byte, transport.Bye, gateway.Cursor) []byte
	}{
		{"object", AppendHello, AppendNotice, func(dst []byte, b transport.Bye, _ gateway.Cursor) []byte { return AppendBye(dst, b) }},
		{"sse.raw", AppendSSERawHello, AppendSSERawNotice, AppendSSERawBye},
		{"sse.envelope", AppendSSEHello, AppendSSENotice, AppendSSEBye},
		{"multipart", AppendMultipartHello, AppendMultipartNotice, func(dst []byte, b transport.Bye, _ gateway.Cursor) []byte {
			return AppendMultipartBye(dst, b)
		}},
		{"script", AppendScriptHello, AppendScriptNotice, func(dst []byte, b transport.Bye, _ gateway.Cursor) []byte {
			return AppendScriptBye(dst, b)
		}},
	}
	for _, s := range styles {
		var g golden
		g.section("hello", s.hello(nil, hello))
		g.section("hello, the least", s.hello(nil, Hello{Epoch: epoch, Cursor: at, Transport: "stream"}))
		for _, n := range notices {
			g.section(noticeNames[n.Kind], s.notice(nil, n))
		}
		g.section("bye", s.bye(nil, bye, at))
		g.section("bye, for good", s.bye(nil, final, at))
		g.check(t, "notices_"+s.name)
	}
}

func TestGoldenPoll(t *testing.T) {
	at := gateway.Cursor{Epoch: epoch, Seq: 42}
	gap := AppendGap(nil, gateway.Notice{Topic: "a", From: 1, To: 41, Reason: gateway.GapLimit})
	item := messages[0].make().Encoded(Envelope)
	var g golden
	for _, c := range []struct {
		name string
		poll Poll
	}{
		{"empty", Poll{Cursor: at, PollMS: 5000}},
		{"one", Poll{Cursor: at, PollMS: 5000, Items: [][]byte{item}}},
		{"with a prototype", Poll{Cursor: at, PollMS: 5000, Items: [][]byte{item, []byte(`{"__proto__":"\u003c"}`)}}},
		{"several", Poll{
			Cursor: at, PollMS: 500, More: true, Items: [][]byte{gap, item, item},
			Offer: transport.Offer{Transports: []string{"websocket", "sse"}},
		}},
	} {
		parts, size := c.poll.Parts()
		all := bytes.Join(parts, nil)
		if len(all) != size {
			t.Errorf("%s: size %d, have %d bytes", c.name, size, len(all))
		}
		g.section(c.name, all)
		parts, size = Call("a.b", parts)
		if all = bytes.Join(parts, nil); len(all) != size {
			t.Errorf("%s, called: size %d, have %d bytes", c.name, size, len(all))
		}
		g.section(c.name+", called", all)
	}
	g.check(t, "poll")
}

// golden collects bytes under names and compares them with a file. CR and LF are written as ␍ and ␊, what cannot be read
// as \xNN; a line feed also breaks the line.
type golden struct{ strings.Builder }

func (g *golden) section(name string, b []byte) {
	fmt.Fprintf(&g.Builder, "== %s\n", name)
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		switch {
		case r == '\n':
			g.WriteString("␊\n")
		case r == '\r':
			g.WriteString("␍")
		case r == utf8.RuneError && size == 1 || r < ' ' || r >= 0x7f && r < 0xa0:
			fmt.Fprintf(&g.Builder, `\x%02x`, b[0])
		case r == '\u2028', r == '\u2029':
			fmt.Fprintf(&g.Builder, "<U+%04X>", r)
		default:
			g.WriteRune(r)
		}
		b = b[size:]
	}
	if !strings.HasSuffix(g.String(), "\n") {
		g.WriteByte('\n')
	}
}

func (g *golden) check(t *testing.T, name string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(g.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := g.String(); got != string(want) {
		t.Errorf("%s differs; got:\n%s", path, got)
	}
}

// TestSharedBytes: a format appends to what is there, and gives the same bytes wherever it begins.
func TestSharedBytes(t *testing.T) {
	for _, c := range messages {
		m := c.make()
		for _, f := range formats {
			want := m.Encoded(f)
			got := f.Append([]byte("before"), m)
			if !bytes.Equal(got, append([]byte("before"), want...)) {
				t.Errorf("%s, %s: appended to something it is %q, else %q", c.name, f.Name, got, want)
			}
			if spare := cap(want) - len(want); spare > 32+len(want)/4 {
				t.Errorf("%s, %s: %d bytes kept for %d", c.name, f.Name, cap(want), len(want))
			}
		}
	}
}

func TestCloseChunk(t *testing.T) {
	for _, c := range []struct{ before, unit, want string }{
		{"", "", ""},
		{"head", "", "head"},
		{"", "x", "1\r\nx\r\n"},
		{"head", "0123456789abcdef", "head10\r\n0123456789abcdef\r\n"},
	} {
		if got := CloseChunk([]byte(c.before+c.unit), len(c.before)); string(got) != c.want {
			t.Errorf("chunk of %q after %q: %q, want %q", c.unit, c.before, got, c.want)
		}
	}
}

func BenchmarkFormats(b *testing.B) {
	for _, f := range formats {
		for _, c := range []message{
			{name: "text", record: journal.Record{Type: text, Data: bytes.Repeat([]byte("Rain from noon. "), 16)}},
			{name: "json", record: journal.Record{Type: "application/json", Data: []byte(`{"temperature": 21.5, "wind": [3, 4]}`)}},
			{name: "bytes", record: journal.Record{Type: "image/png", Data: bytes.Repeat([]byte{0xff, 'x'}, 4096)}},
		} {
			b.Run(f.Name+"/"+c.name, func(b *testing.B) {
				m := c.make()
				m.Encoded(Envelope) // the others wrap it
				b.ReportAllocs()
				for b.Loop() {
					f.Append(nil, m)
				}
			})
		}
	}
}

// TestSSEPrelude: two kilobytes, and nothing that an EventSource would dispatch.
func TestSSEPrelude(t *testing.T) {
	comment, retry, _ := strings.Cut(SSEPrelude, "\n")
	if len(comment)+1 != 2048 || strings.Trim(comment, " ") != ":" || retry != "retry: 2000\n" {
		t.Errorf("%d bytes, then %q", len(comment)+1, retry)
	}
}
