package websocket

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"pgregory.net/rapid"

	"tidings/gateway"
	"tidings/gateway/journal"
)

// published makes a message.
func published(mediaType string, data []byte) *gateway.Message {
	return gateway.NewMessage("k3f9a2m1", 40, &journal.Record{Seq: 42, Topic: "weather", Type: mediaType, Data: data})
}

// packed deflates a payload as a client does, with Go's own writer at its best.
func packed(payload string) string {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	_, _ = io.WriteString(w, payload)
	_ = w.Flush()
	return strings.TrimSuffix(b.String(), flushed)
}

// rsv sets reserved bits of a frame.
func rsv(bits byte, frame []byte) []byte {
	frame[0] |= bits << 4
	return frame
}

func noise(n int) []byte {
	r := rand.New(rand.NewPCG(3, 4))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// TestDeflatedFormats: one frame, marked where it is deflated; it holds what the plain one holds; the same bytes as the plain
// one where it is not.
func TestDeflatedFormats(t *testing.T) {
	for _, pair := range []struct{ plain, deflated *gateway.Format }{{Raw, RawDeflated}, {Enveloped, EnvelopedDeflated}} {
		for _, c := range []struct {
			name      string
			mediaType string
			data      []byte
			want      bool
		}{
			{"empty", "text/plain", nil, false},
			{"small", "text/plain", []byte(strings.Repeat("rain ", 60)), false},
			{"text", "text/plain", []byte(strings.Repeat("rain ", 200)), true},
			{"long text", "text/plain", []byte(strings.Repeat("rain ", 50_000)), true},
			{"JSON", "application/json", []byte(`"` + strings.Repeat("rain ", 200) + `"`), true},
			{"bytes", "image/png", bytes.Repeat([]byte{0xff, 1}, 800), true},
			// In an envelope they are base64, of which a quarter can be saved.
			{"noise", "image/png", noise(20_000), pair.plain == Enveloped},
		} {
			m := published(c.mediaType, c.data)
			plain, got := m.Encoded(pair.plain), m.Encoded(pair.deflated)
			if !c.want {
				if &plain[0] != &got[0] || len(plain) != len(got) {
					t.Errorf("%s, %s: another frame than the plain one", pair.deflated.Name, c.name)
				}
				if appended := pair.deflated.Append([]byte("x"), m); string(appended) != "x"+string(plain) {
					t.Errorf("%s, %s: appended %q", pair.deflated.Name, c.name, appended)
				}
				continue
			}
			var h, p ws.Header
			size, err := parseHead(got, &h)
			plainSize, _ := parseHead(plain, &p)
			if err != nil || !h.Fin || h.Rsv != rsv1 || h.OpCode != p.OpCode || h.Masked || int(h.Length) != len(got)-size {
				t.Errorf("%s, %s: %+v, %v", pair.deflated.Name, c.name, h, err)
			}
			if len(got) >= len(plain) || cap(got) > len(got)+len(got)/4+64 {
				t.Errorf("%s, %s: %d bytes in %d, plain %d", pair.deflated.Name, c.name, len(got), cap(got), len(plain))
			}
			inflated, err := io.ReadAll(flate.NewReader(strings.NewReader(string(got[size:]) + inflatedTail)))
			if err != nil || !bytes.Equal(inflated, plain[plainSize:]) {
				t.Errorf("%s, %s: %d bytes came as %d, %v", pair.deflated.Name, c.name, len(plain)-plainSize, len(inflated), err)
			}
		}
	}
	marker := gateway.NewMessage("k3f9a2m1", 40, &journal.Record{Seq: 42, Topic: "weather", Kind: journal.Deletion})
	if got := marker.Encoded(RawDeflated); len(got) > 0 {
		t.Errorf("a marker is %q", got)
	}
}

func TestInflate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.OneOf(rapid.StringN(0, 3000, -1), rapid.Map(rapid.IntRange(0, 200_000), func(n int) string {
			return strings.Repeat("a", n)
		})).Draw(t, "payload")
		got, err := inflate([]byte(packed(want)), len(want))
		if err != nil || string(got) != want {
			t.Fatalf("%d bytes came as %d, %v", len(want), len(got), err)
		}
		if len(want) > 0 {
			if _, err = inflate([]byte(packed(want)), len(want)-1); codeOf(err) != 1009 {
				t.Fatalf("a byte too many: %v", err)
			}
		}
	})
	for _, c := range []struct {
		name    string
		payload string
		want    string
		code    uint16
	}{
		// The examples of RFC 7692 section 7.2.3.
		{"one block", "\xf2\x48\xcd\xc9\xc9\x07\x00", "Hello", 0},
		{"no compression", "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", "Hello", 0},
		{"a last block", "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "Hello", 0},
		{"two blocks", "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", "Hello", 0},
		{"nothing", "\x00", "", 0},

		{"a message after a last block", "\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x48\xcd\xc9\xc9\x07\x00", "HelloHello", 0},
		{"back before a last block", "\xf3\x48\xcd\xc9\xc9\x07\x00\x02\x13\x00\x00", "HelloHello", 0},
		{"last blocks without end", strings.Repeat("\x03\x00", 1000), "", 1007},
		{"a reserved block", "\x07", "", 1007},
		{"half a block", "\xf2\x48\xcd", "", 1007},
		{"half a stored block", "\x00\xff\x00\x00\xff\x48", "", 1007},
		{"a wrong length", "\x00\x05\x00\xfa\xfe\x48\x65\x6c\x6c\x6f\x00", "", 1007},
		{"back before the begin", "\x4b\x04\x12\x00", "", 1007},
		{"no bytes", "", "", 1007},
	} {
		got, err := inflate([]byte(c.payload), 100)
		if codeOf(err) != c.code || string(got) != c.want {
			t.Errorf("%s: %q, %v, want %q, %d", c.name, got, err, c.want, c.code)
		}
	}
}

func codeOf(err error) uint16 {
	if closing, ok := errors.AsType[*CloseError](err); ok {
		return closing.Code
	}
	return 0
}

// TestInflateBomb: what a small payload would come to is not held, and the limit is where it ends.
func TestInflateBomb(t *testing.T) {
	bomb := []byte(packed(strings.Repeat("a", 64<<20)))
	limit := 1 << 20
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := inflate(bomb, limit); codeOf(err) != 1009 {
				b.Fatal(err)
			}
		}
	})
	if got := result.AllocedBytesPerOp(); got > 4*int64(limit) {
		t.Errorf("%d bytes of memory for a limit of %d", got, limit)
	}
}

func FuzzInflate(f *testing.F) {
	f.Add([]byte("\xf2\x48\xcd\xc9\xc9\x07\x00"))
	f.Add([]byte("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"))
	f.Add([]byte(packed(strings.Repeat("rain ", 300))))
	f.Fuzz(func(t *testing.T, payload []byte) {
		const limit = 1000
		before := bytes.Clone(payload)
		got, err := inflate(payload, limit)
		if len(got) > limit || cap(got) > 2*limit || (err != nil && codeOf(err) == 0) {
			t.Fatalf("%d bytes in %d, %v", len(got), cap(got), err)
		}
		if !bytes.Equal(before, payload) {
			t.Fatal("the payload was changed")
		}
		// Go's own reader says the same of a payload without a last block.
		want, err2 := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(slices.Concat(payload, []byte(inflatedTail)))), limit+1))
		if err == nil && err2 == nil && !bytes.HasPrefix(got, want) {
			t.Fatalf("%q, want %q", got, want)
		}
	})
}

// deflating feeds pieces to a server's parser on a connection with permessage-deflate.
func deflating(limit int, pieces ...[]byte) (events []string) {
	f := messages{frames: frames{state: ws.StateServerSide, limit: limit, deflates: true}, hear: func(op ws.OpCode, payload []byte) error {
		events = append(events, fmt.Sprintf("%x %q", op, payload))
		return nil
	}}
	for _, piece := range pieces {
		if err := f.feed(bytes.Clone(piece)); err != nil {
			events = append(events, fmt.Sprintf("close %d", codeOf(err)))
		}
	}
	return events
}

// TestFramesDeflated holds the rules of RFC 7692 section 6.
func TestFramesDeflated(t *testing.T) {
	hello := packed("Hello")
	text := rsv(rsv1, masked(opText, true, hello))
	long := strings.Repeat("rain ", 2000)
	split := func(payload string) []byte {
		return slices.Concat(rsv(rsv1, masked(opText, false, payload[:3])), masked(opPing, true, "p"), masked(ws.OpContinuation, true, payload[3:]))
	}
	for _, c := range []struct {
		name string
		in   []byte
		want []string
	}{
		{"deflated", text, []string{`1 "Hello"`}},
		{"plain", masked(opText, true, "Hello"), []string{`1 "Hello"`}},
		{"one by one", slices.Concat(text, masked(opText, true, "Hello"), text), []string{`1 "Hello"`, `1 "Hello"`, `1 "Hello"`}},
		{"binary", rsv(rsv1, masked(opBinary, true, packed("\xff"))), []string{`2 "\xff"`}},
		{"fragments", split(hello), []string{`9 "p"`, `1 "Hello"`}},
		{"plain fragments after deflated", slices.Concat(text, masked(opText, false, "a"), masked(ws.OpContinuation, true, "b")), []string{`1 "Hello"`, `1 "ab"`}},
		{"long", rsv(rsv1, masked(opText, true, packed(long))), []string{fmt.Sprintf("1 %q", long)}},
		{"too long", rsv(rsv1, masked(opText, true, packed(long+"x"))), []string{"close 1009"}},
		{"too long before", rsv(rsv1, masked(opText, true, string(make([]byte, 20_000)))), []string{"close 1009"}},
		{"stored, as long as it may be", rsv(rsv1, masked(opBinary, true, "\x00\x10\x27\xef\xd8"+long+"\x00")), []string{fmt.Sprintf("2 %q", long)}},
		{"no deflate", rsv(rsv1, masked(opText, true, "\x07")), []string{"close 1007"}},
		{"no UTF-8", rsv(rsv1, masked(opText, true, packed("\xff"))), []string{"close 1007"}},
		{"a ping", rsv(rsv1, masked(opPing, true, "")), []string{"close 1002"}},
		{"a close", rsv(rsv1, masked(opClose, true, "")), []string{"close 1002"}},
		{"a continuation", slices.Concat(rsv(rsv1, masked(opText, false, hello)), rsv(rsv1, masked(ws.OpContinuation, true, ""))), []string{"close 1002"}},
		{"a message within", slices.Concat(masked(opText, false, "a"), text), []string{"close 1002"}},
		{"RSV2", rsv(2, masked(opText, true, hello)), []string{"close 1002"}},
		{"RSV3", rsv(1, masked(opText, true, hello)), []string{"close 1002"}},
		{"RSV1 and RSV2", rsv(6, masked(opText, true, hello)), []string{"close 1002"}},
		{"not masked", rsv(rsv1, appendFrame(nil, opText, []byte(hello))), []string{"close 1002"}},
		{"a reserved opcode", rsv(rsv1, masked(3, true, "")), []string{"close 1002"}},
	} {
		for _, pieces := range [][][]byte{{c.in}, singles(c.in)} {
			if got := deflating(len(long), pieces...); !slices.Equal(got, c.want) {
				t.Errorf("%s, in %d pieces: %.200q, want %.200q", c.name, len(pieces), got, c.want)
			}
		}
	}
	if got := parsed(100, text); len(got) != 1 || !strings.HasPrefix(got[0], "close 1002") {
		t.Errorf("RSV1 that was not agreed on: %q", got)
	}
}

func BenchmarkDeflated(b *testing.B) {
	for _, n := range []int{128, 512, 1024, 4096, 65536} {
		var text strings.Builder
		for i := 0; text.Len() < n; i++ {
			fmt.Fprintf(&text, `"wind_%d":%d.%d,`, i*7919%31, i*104729%100, i*1299709%10)
		}
		m := published("text/plain", []byte(text.String()))
		for _, f := range []*gateway.Format{Enveloped, EnvelopedDeflated} {
			b.Run(fmt.Sprintf("%s/%d", f.Name, n), func(b *testing.B) {
				m.Encoded(Enveloped) // small ones are shared
				b.ReportAllocs()
				var size int
				for b.Loop() {
					size = len(f.Append(nil, m))
				}
				b.ReportMetric(float64(size), "bytes")
			})
		}
	}
}

func BenchmarkInflate(b *testing.B) {
	for _, n := range []int{100, 1000, 100_000} {
		payload := []byte(packed(strings.Repeat("rain ", n/5)))
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := inflate(payload, 1<<20); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
