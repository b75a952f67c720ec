package websocket

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"pgregory.net/rapid"
)

// masked is a frame as a client sends it.
func masked(op ws.OpCode, fin bool, payload string) []byte {
	f := ws.NewFrame(op, fin, []byte(payload))
	return ws.MustCompileFrame(ws.MaskFrameWith(f, [4]byte{0xa1, 0x5e, 0x70, 0x0b}))
}

// parsed feeds pieces to a server's parser and describes what it says.
func parsed(limit int, pieces ...[]byte) (events []string) {
	f := messages{frames: frames{state: ws.StateServerSide, limit: limit}, hear: func(op ws.OpCode, payload []byte) error {
		events = append(events, fmt.Sprintf("%x %q", op, payload))
		return nil
	}}
	for _, piece := range pieces {
		if err := f.feed(bytes.Clone(piece)); err != nil {
			var closing *CloseError
			if !errors.As(err, &closing) {
				panic(err)
			}
			events = append(events, fmt.Sprintf("close %d %s", closing.Code, closing.Reason))
		}
	}
	if len(f.message) > limit || len(f.control) > 125 || f.had > len(f.head) {
		panic("more is kept than allowed")
	}
	return events
}

func singles(b []byte) [][]byte { return slices.Collect(slices.Chunk(b, 1)) }

func TestFrames(t *testing.T) {
	join := func(parts ...[]byte) []byte { return slices.Concat(parts...) }
	raw := func(b ...byte) []byte { return b }
	closing := func(code uint16, reason string) []byte {
		return masked(opClose, true, string(binary.BigEndian.AppendUint16(nil, code))+reason)
	}
	long := strings.Repeat("x", 70_000)
	cases := []struct {
		name string
		in   []byte
		want []string // an event "close 1002" stands for any reason
	}{
		{"nothing", nil, nil},
		{"half a head", raw(0x81), nil},
		{"text", masked(opText, true, "héllo"), []string{`1 "héllo"`}},
		{"binary", masked(opBinary, true, "\xff"), []string{`2 "\xff"`}},
		{"empty", masked(opText, true, ""), []string{`1 ""`}},
		{"126 bytes", masked(opText, true, long[:126]), []string{fmt.Sprintf("1 %q", long[:126])}},
		{"70,000 bytes", masked(opText, true, long), []string{fmt.Sprintf("1 %q", long)}},
		{"two", join(masked(opText, true, "a"), masked(opBinary, true, "b")), []string{`1 "a"`, `2 "b"`}},
		{"ping and pong", join(masked(opPing, true, "a"), masked(opPong, true, "")), []string{`9 "a"`, `a ""`}},
		{"two pings", join(masked(opPing, true, "abc"), masked(opPing, true, "de")), []string{`9 "abc"`, `9 "de"`}},
		{"fragments", join(masked(opText, false, "\xc3"), masked(ws.OpContinuation, false, ""), masked(ws.OpContinuation, true, "\xa9")), []string{`1 "é"`}},
		{"empty fragments", join(masked(opText, false, ""), masked(ws.OpContinuation, true, "")), []string{`1 ""`}},
		{"ping between fragments", join(masked(opText, false, "a"), masked(opPing, true, "p"), masked(ws.OpContinuation, true, "b")), []string{`9 "p"`, `1 "ab"`}},
		{"close", join(closing(1000, "bye"), masked(opText, true, "after")), []string{`8 "\x03\xe8bye"`}},
		{"close of ours", closing(4001, ""), []string{`8 "\x0f\xa1"`}},
		{"close without a code", masked(opClose, true, ""), []string{`8 ""`}},
		{"close between fragments", join(masked(opText, false, "a"), masked(opClose, true, "")), []string{`8 ""`}},

		{"not masked", raw(0x81, 1, 'a'), []string{"close 1002"}},
		{"reserved bit", raw(0xc1, 0x80, 0, 0, 0, 0), []string{"close 1002"}},
		{"reserved opcode", raw(0x83, 0x80, 0, 0, 0, 0), []string{"close 1002"}},
		{"reserved control", raw(0x8b, 0x80, 0, 0, 0, 0), []string{"close 1002"}},
		{"long control", masked(opPing, true, long[:126]), []string{"close 1002"}},
		{"control in fragments", masked(opPing, false, "a"), []string{"close 1002"}},
		{"continuation of nothing", masked(ws.OpContinuation, true, "a"), []string{"close 1002"}},
		{"message within a message", join(masked(opText, false, "a"), masked(opText, true, "b")), []string{"close 1002"}},
		{"length in too many bytes", raw(0x81, 0xfe, 0, 125, 0, 0, 0, 0), []string{"close 1002"}},
		{"length in far too many bytes", raw(0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0), []string{"close 1002"}},
		{"length below zero", raw(0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), []string{"close 1002"}},
		{"length of everything", raw(0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0), []string{"close 1009"}},
		{"too long", masked(opBinary, true, long+long), []string{"close 1009"}},
		{"too long together", join(masked(opBinary, false, long), masked(ws.OpContinuation, true, long)), []string{"close 1009"}},
		{"no UTF-8", masked(opText, true, "\xc3("), []string{"close 1007"}},
		{"half a character", masked(opText, true, "a\xc3"), []string{"close 1007"}},
		{"half a code", masked(opClose, true, "\x03"), []string{"close 1002"}},
		{"code 999", closing(999, ""), []string{"close 1002"}},
		{"code 1005", closing(1005, ""), []string{"close 1002"}},
		{"code 1006", closing(1006, ""), []string{"close 1002"}},
		{"code 1015", closing(1015, ""), []string{"close 1002"}},
		{"code 2999", closing(2999, ""), []string{"close 1002"}},
		{"code 5000", closing(5000, ""), []string{"close 1002"}},
		{"reason no UTF-8", closing(1000, "\xff"), []string{"close 1007"}},
		{"nothing after an error", join(raw(0xf1, 0x80, 0, 0, 0, 0), masked(opText, true, "a")), []string{"close 1002"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, pieces := range [][][]byte{{c.in}, singles(c.in)} {
				got := parsed(100_000, pieces...)
				for i, event := range got {
					if strings.HasPrefix(event, "close ") {
						got[i] = event[:len("close 1002")]
					}
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("in %d pieces: got %.200q, want %.200q", len(pieces), got, c.want)
				}
			}
		})
	}
}

// TestFramesMemory sees that nothing is allocated by a length that was only announced, nor for messages that come whole.
func TestFramesMemory(t *testing.T) {
	f := messages{frames: frames{state: ws.StateServerSide, limit: 1 << 30}, hear: func(ws.OpCode, []byte) error { return nil }}
	head := []byte{0x82, 0xff, 0, 0, 0, 0, 0x3f, 0, 0, 0, 1, 2, 3, 4}
	if err := f.feed(slices.Concat(head, []byte("few"))); err != nil || cap(f.message) > 64 {
		t.Errorf("%v, %d bytes are held for three", err, cap(f.message))
	}

	f = messages{frames: frames{state: ws.StateServerSide, limit: 1 << 20}, hear: f.hear}
	whole, in := masked(opText, true, "some text that is not short"), make([]byte, 64)
	if n := testing.AllocsPerRun(100, func() {
		in = append(in[:0], whole...)
		_ = f.feed(in)
	}); n != 0 {
		t.Errorf("a message that comes whole allocates %v times", n)
	}
}

// TestFramesInPieces: however the bytes of any frames, right or wrong, are cut, the parser says the same.
func TestFramesInPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var in []byte
		for range rapid.IntRange(0, 8).Draw(t, "frames") {
			op := rapid.SampledFrom([]ws.OpCode{0, 0, 1, 1, 2, 8, 9, 10, 3}).Draw(t, "op")
			fin := rapid.Bool().Draw(t, "fin")
			payload := rapid.OneOf(rapid.String(), rapid.StringN(120, 140, 300)).Draw(t, "payload")
			in = append(in, masked(op, fin, payload)...)
		}
		if rapid.Bool().Draw(t, "spoilt") && len(in) > 0 {
			in[rapid.IntRange(0, len(in)-1).Draw(t, "at")] ^= rapid.Byte().Draw(t, "by")
		}
		whole := parsed(400, in)
		var pieces [][]byte
		for rest := in; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		if got := parsed(400, pieces...); !slices.Equal(got, whole) {
			t.Fatalf("whole: %q, in pieces: %q", whole, got)
		}
	})
}

func FuzzFrames(f *testing.F) {
	f.Add(masked(opText, true, "text"), uint8(1))
	f.Add(slices.Concat(masked(opText, false, "a"), masked(opPing, true, ""), masked(ws.OpContinuation, true, "b")), uint8(3))
	f.Add(masked(opClose, true, "\x03\xe8bye"), uint8(2))
	f.Add([]byte{0x82, 0xff, 0, 0, 0, 0, 0x3f, 0, 0, 0, 1, 2, 3, 4, 5}, uint8(7))
	f.Fuzz(func(t *testing.T, in []byte, piece uint8) {
		whole := parsed(1000, in)
		if got := parsed(1000, slices.Collect(slices.Chunk(in, int(piece)+1))...); !slices.Equal(got, whole) {
			t.Errorf("whole: %q, in pieces: %q", whole, got)
		}
	})
}

func BenchmarkFrames(b *testing.B) {
	for _, size := range []int{32, 1 << 10, 64 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			f := messages{frames: frames{state: ws.StateServerSide, limit: 1 << 20}, hear: func(ws.OpCode, []byte) error { return nil }}
			frame := masked(opBinary, true, strings.Repeat("x", size))
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				if err := f.feed(frame); err != nil { // unmasking twice is unmasking not at all; binary takes either
					b.Fatal(err)
				}
			}
		})
	}
}

// overheard notes what a parser tells, and joins the pieces of a message.
type overheard struct {
	events []string
	joined []byte
	within bool
}

func (o *overheard) hearPiece(p piece) error {
	if p.first == o.within || (len(p.data) == 0 && !p.last) {
		panic("a piece in the wrong place")
	}
	o.joined, o.within = append(o.joined, p.data...), !p.last
	if p.last {
		o.events = append(o.events, fmt.Sprintf("%x %q", p.kind, o.joined))
		o.joined = nil
	}
	return nil
}

func (o *overheard) hearControl(op ws.OpCode, payload []byte) error {
	o.events = append(o.events, fmt.Sprintf("%x %q", op, payload))
	return nil
}

// TestPieces: pieces come as they arrive, whatever frames they are in, and are the messages.
func TestPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var in []byte
		for range rapid.IntRange(0, 8).Draw(t, "frames") {
			op := rapid.SampledFrom([]ws.OpCode{0, 0, 1, 1, 2, 8, 9}).Draw(t, "op")
			payload := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"\xe2", "\x82", "\xac", ""})).Draw(t, "payload")
			in = append(in, masked(op, op > 7 || rapid.Bool().Draw(t, "fin"), payload)...)
		}
		want := parsed(400, in)
		var o overheard
		f := frames{state: ws.StateServerSide, limit: 400}
		for rest := bytes.Clone(in); len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			if err := f.feed(rest[:n], &o); err != nil {
				closing, _ := errors.AsType[*CloseError](err)
				o.events = append(o.events, fmt.Sprintf("close %d %s", closing.Code, closing.Reason))
			}
			rest = rest[n:]
		}
		if !slices.Equal(o.events, want) {
			t.Fatalf("in pieces: %q, whole: %q", o.events, want)
		}
	})
}

// TestPieceAtOnce: nothing waits for the end of a frame, and a text fails with the first byte that cannot be.
func TestPieceAtOnce(t *testing.T) {
	var o overheard
	f := frames{state: ws.StateServerSide, limit: -1}
	head := []byte{0x81, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0} // masked with nothing
	for _, piece := range []string{string(head), "half ", "\xe2\x82"} {
		if err := f.feed([]byte(piece), &o); err != nil {
			t.Fatal(err)
		}
	}
	if string(o.joined) != "half \xe2\x82" {
		t.Errorf("told %q", o.joined)
	}
	if err := f.feed([]byte("("), &o); codeOf(err) != 1007 {
		t.Errorf("a byte that cannot be: %v", err)
	}
	if err := f.feed([]byte("more"), &o); err != nil || len(o.joined) != 7 {
		t.Errorf("after the end: %v, %q", err, o.joined)
	}
}

// TestPiecesBound: a frame that would pass the bound fails by its head, also behind other frames.
func TestPiecesBound(t *testing.T) {
	for _, c := range []struct {
		name  string
		limit int
		in    []byte
		code  uint16
	}{
		{"as long as it may be", 5, masked(opBinary, true, "12345"), 0},
		{"by its head", 5, masked(opBinary, true, "123456")[:6], 1009},
		{"together", 5, slices.Concat(masked(opBinary, false, "12345"), masked(ws.OpContinuation, true, "6")[:6]), 1009},
		{"two messages", 5, slices.Concat(masked(opBinary, true, "12345"), masked(opBinary, true, "12345")), 0},
		{"no bound", -1, []byte{0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, 0},
	} {
		f := frames{state: ws.StateServerSide, limit: c.limit}
		if err := f.feed(c.in, new(overheard)); codeOf(err) != c.code {
			t.Errorf("%s: %v, want %d", c.name, err, c.code)
		}
	}
}
