package wire

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net/http/httputil"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tidings/gateway"
	"tidings/gateway/journal"
	"tidings/transport"
)

// said makes a message of text.
func said(text string) *gateway.Message {
	return gateway.NewMessage(epoch, 40, &journal.Record{
		Seq: 42, Time: 1790000000000, Topic: "weather/paris", Type: "text/plain", Data: []byte(text),
	})
}

// readings makes JSON of about n bytes that looks like what is pushed to pages.
func readings(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	words := strings.Fields("rain wind temperature humidity pressure cloud north south celsius forecast station value unit")
	b := []byte{'{'}
	for len(b) < n {
		b = fmt.Appendf(b, `"%s_%s":%.2f,`, words[r.IntN(len(words))], words[r.IntN(len(words))], r.Float64()*100)
	}
	return append(b[:len(b)-1], '}')
}

// noise is what nothing makes smaller.
func noise(n int) []byte {
	r := rand.New(rand.NewPCG(3, 4))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// stream is a gzip stream as a transport makes one.
type stream struct {
	sum     GzipSum
	within  bool
	chunked bool
	out     []byte
}

func (s *stream) open(plain []byte) {
	s.out = AppendStored([]byte(GzipHead), plain)
	if s.chunked {
		s.out = CloseChunk(s.out, 0)
	}
	s.sum.AddPlain(plain)
}

// write takes parts in pieces of at most room bytes, as a connection does that is full again and again.
func (s *stream) write(room int, parts ...[]byte) {
	parts = slices.Clone(parts)
	for len(parts) > 0 {
		n := 0
		for _, part := range parts {
			piece := part[:min(room-n, len(part))]
			s.out = append(s.out, piece...)
			n += len(piece)
		}
		s.within = s.sum.Wrote(parts, n, s.within, s.chunked)
		for n > 0 {
			cut := min(n, len(parts[0]))
			n -= cut
			if parts[0] = parts[0][cut:]; len(parts[0]) == 0 {
				parts = parts[1:]
			}
		}
	}
}

// gunzipped reads a whole stream: its end, its checksum and its length must be right.
func gunzipped(body []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

var payloads = [][]byte{
	nil, []byte("x"), []byte("Rain from noon"), readings(300), readings(511), readings(512), readings(5000), readings(70_000), readings(200_000),
	noise(600), noise(70_000), noise(200_000), bytes.Repeat([]byte("a"), 100_000), append(noise(40_000), readings(40_000)...),
}

// TestGzippedUnits: the units of messages and notices, in any order and however they are written, make a gzip stream of the
// same units in plain.
func TestGzippedUnits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SampledFrom([]*gateway.Format{SSEEnvelope, NDJSON, MultipartRaw, SSERaw}).Draw(t, "format")
		from := rapid.SampledFrom([]int{0, 100, DefaultDeflateFrom, 1 << 30}).Draw(t, "from")
		chunked := rapid.Bool().Draw(t, "chunked")
		packed := Gzipped(plain, from)
		if chunked {
			packed = GzippedChunked(plain, from)
		}
		s := stream{chunked: chunked}
		want := []byte("hello")
		s.open(want)
		for range rapid.IntRange(0, 6).Draw(t, "writes") {
			var parts [][]byte
			for range rapid.IntRange(1, 4).Draw(t, "units") {
				if rapid.IntRange(0, 3).Draw(t, "notice") == 0 {
					notice := AppendPing(nil, gateway.Cursor{Epoch: epoch, Seq: 9})
					want = append(want, notice...)
					unit := AppendStored(nil, notice)
					if chunked {
						unit = CloseChunk(unit, 0)
					}
					parts = append(parts, unit)
					continue
				}
				data := rapid.OneOf(rapid.SampledFrom(payloads[:7]), rapid.Just(payloads[len(payloads)-1]), rapid.SliceOfN(rapid.Byte(), 0, 2000)).Draw(t, "data")
				m := said(string(data))
				want = append(want, m.Encoded(plain)...)
				parts = append(parts, m.Encoded(packed))
			}
			s.write(rapid.SampledFrom([]int{11, 1000, 1 << 30}).Draw(t, "room"), parts...)
		}
		if s.within {
			t.Fatal("within a unit, and all was written")
		}
		end := s.sum.AppendEnd(nil)
		body := append(s.out, end...)
		if chunked {
			body = append(s.out, CloseChunk(end, 0)...)
			body = append(body, LastChunk...)
			var err error
			if body, err = io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(body))); err != nil {
				t.Fatal(err)
			}
		}
		got, err := gunzipped(body)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("%d bytes came as %d others", len(want), len(got))
		}
	})
}

// TestGzippedAtOnce: a unit is read in whole by a reader of Go as soon as it has arrived, and not only when the next one has.
func TestGzippedAtOnce(t *testing.T) {
	for _, data := range payloads {
		for _, from := range []int{0, 1 << 30} {
			m := said(string(data))
			for _, unit := range [][]byte{m.Encoded(Gzipped(SSERaw, from)), AppendDeflated(nil, m.Encoded(SSERaw))} {
				want := m.Encoded(SSERaw)
				// What follows never comes: to read it is an error.
				r := flate.NewReader(io.MultiReader(bytes.NewReader(unit), never{t}))
				got := make([]byte, len(want))
				if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d bytes from %d: %v", len(data), from, err)
				}
			}
		}
	}
}

// never fails the test when it is read.
type never struct{ t *testing.T }

func (n never) Read([]byte) (int, error) {
	n.t.Error("the reader asked for more than the unit")
	return 0, io.EOF
}

// TestGzippedSize: a unit is never much larger than it was, and what can be made smaller is.
func TestGzippedSize(t *testing.T) {
	format := Gzipped(NDJSON, DefaultDeflateFrom)
	for _, data := range payloads {
		m := said(string(data))
		plain, unit := m.Encoded(NDJSON), m.Encoded(format)
		if len(unit) > storedSize(len(plain)) {
			t.Errorf("%d bytes became %d", len(plain), len(unit))
		}
		// Noise is base64 in JSON, of which a quarter can be saved.
		if from := len(plain) >= DefaultDeflateFrom; from != (len(unit) < len(plain)) {
			t.Errorf("%d bytes became %d", len(plain), len(unit))
		}
	}
	m := gateway.NewMessage(epoch, 40, &journal.Record{Seq: 42, Topic: "a", Type: "image/png", Data: noise(5000)})
	if got, want := len(m.Encoded(Gzipped(MultipartRaw, 0))), storedSize(len(m.Encoded(MultipartRaw))); got > want {
		t.Errorf("noise became %d bytes, stored it has %d", got, want)
	}
}

// TestGzippedNothing: what a format cannot say is no unit.
func TestGzippedNothing(t *testing.T) {
	mute := &gateway.Format{Name: "mute", Append: func(dst []byte, _ *gateway.Message) []byte { return dst }}
	for _, f := range []*gateway.Format{Gzipped(mute, 0), GzippedChunked(mute, 0)} {
		if got := f.Append([]byte("x"), said("a")); string(got) != "x" {
			t.Errorf("%s appended %q", f.Name, got)
		}
	}
}

func TestCRCShift(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "a")
		b := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "b")
		got := crcTimes(crcShift(len(b)), crc32.ChecksumIEEE(a)) ^ crc32.ChecksumIEEE(b)
		if want := crc32.ChecksumIEEE(slices.Concat(a, b)); got != want {
			t.Fatalf("%08x, want %08x", got, want)
		}
	})
	// A length that no test could hold: 2^40 bytes, doubled step by step.
	sum, shift := crc32.ChecksumIEEE([]byte{0}), crcShift(1)
	for range 40 {
		sum, shift = crcTimes(shift, sum)^sum, crcTimes(shift, shift)
	}
	if shift != crcShift(1<<40) {
		t.Errorf("%08x, want %08x", crcShift(1<<40), shift)
	}
}

func TestAppendGzip(t *testing.T) {
	for _, data := range payloads {
		got, err := gunzipped(AppendGzip(nil, [][]byte{data, []byte("and"), data}))
		if want := slices.Concat(data, []byte("and"), data); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes came as %d, %v", len(want), len(got), err)
		}
	}
}

// TestPollGzipParts: the answer is the same as without gzip, and not gzipped where nothing would be gained.
func TestPollGzipParts(t *testing.T) {
	format := Gzipped(Envelope, DefaultDeflateFrom)
	gap := AppendGap(nil, gateway.Notice{Topic: "a", From: 1, To: 2, Reason: gateway.GapDeleted})
	small, large, larger := said("a"), said(string(readings(800))), said(string(readings(100_000)))
	for _, c := range []struct {
		name     string
		messages []*gateway.Message
		want     bool
	}{
		{"none", nil, false},
		{"small", []*gateway.Message{small, small}, false},
		{"large", []*gateway.Message{large}, true},
		{"mixed", []*gateway.Message{small, large, small, larger, large}, true},
	} {
		p := Poll{
			Cursor: gateway.Cursor{Epoch: epoch, Seq: 42}, PollMS: 5000, Items: [][]byte{gap},
			Offer: transport.Offer{Transports: []string{"poll"}},
		}
		packed := p
		packed.Items = [][]byte{AppendStored(nil, gap)}
		for _, m := range c.messages {
			p.Items = append(p.Items, m.Encoded(Envelope))
			packed.Items = append(packed.Items, m.Encoded(format))
		}
		plain, plainSize := p.Parts()
		want := bytes.Join(plain, nil)
		parts, size, gzipped := packed.GzipParts()
		got := bytes.Join(parts, nil)
		if size != len(got) || gzipped != c.want || (gzipped && size >= plainSize) || !gzipped && size != plainSize {
			t.Errorf("%s: %d bytes, %d said, %d in plain; gzip %v", c.name, len(got), size, plainSize, gzipped)
		}
		if gzipped {
			var err error
			if got, err = gunzipped(got); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		if !bytes.Equal(got, want) || !json.Valid(got) {
			t.Errorf("%s: %.300q, want %.300q", c.name, got, want)
		}
	}
}

func TestAcceptsGzip(t *testing.T) {
	for field, want := range map[string]bool{
		"":                                   false,
		"gzip":                               true,
		"GZip":                               true,
		"x-gzip":                             true,
		"gzip, deflate, br, zstd":            true,
		"deflate, br":                        false,
		"br;q=1.0, gzip;q=0.8, *;q=0.1":      true,
		"gzip;q=0":                           false,
		"gzip;q=0.000":                       false,
		"gzip ; q=0.001":                     true,
		"gzip;Q=1.000":                       true,
		"gzip;q=1.001":                       false,
		"gzip;q=0.0001":                      false,
		"gzip;q=":                            false,
		"gzip;q=.5":                          false,
		"gzip;q":                             false,
		"gzip;level=9":                       false,
		"*":                                  true,
		"*;q=0":                              false,
		"gzip;q=0, *":                        false,
		"identity":                           false,
		"identity, *;q=0":                    false,
		"identity;q=0, *":                    true,
		"identity, gzip":                     true,
		"identity;q=1, gzip;q=0.5":           false,
		"identity;q=0.5, gzip;q=1":           true,
		" gzip\t,":                           true,
		",,gzip":                             true,
		"gzipped":                            false,
		"gzip=1":                             false,
		strings.Repeat("a,", 100) + "gzip":   false,
		"deflate, gzip;q=1.0, *;q=0.5":       true,
		"gzip;q=0.5, x-gzip;q=0, identity;q": true,
	} {
		if got := AcceptsGzip(field); got != want {
			t.Errorf("%q: %v, want %v", field, got, want)
		}
	}
}

func FuzzAcceptsGzip(f *testing.F) {
	for _, seed := range []string{"gzip", "gzip;q=0.5, identity;q=1", "*;q=0", "x-gzip ; Q=1.000,,"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, field string) {
		if lower := strings.ToLower(field); AcceptsGzip(field) && !strings.Contains(lower, "gzip") && !strings.Contains(field, "*") {
			t.Errorf("%q asks for no gzip", field)
		}
	})
}

func FuzzGzipped(f *testing.F) {
	for _, payload := range payloads[:9] {
		f.Add(payload, 0)
		f.Add(payload, 512)
	}
	f.Fuzz(func(t *testing.T, data []byte, from int) {
		m := said(string(data))
		for _, chunked := range []bool{false, true} {
			format := Gzipped(NDJSON, from)
			if chunked {
				format = GzippedChunked(NDJSON, from)
			}
			var s GzipSum
			unit := m.Encoded(format)
			s.Add(unit, chunked)
			s.Add(unit, chunked)
			body := slices.Concat(unit, unit)
			if chunked {
				var err error
				if body, err = io.ReadAll(httputil.NewChunkedReader(io.MultiReader(bytes.NewReader(body), strings.NewReader(LastChunk)))); err != nil {
					t.Fatal(err)
				}
			}
			got, err := gunzipped(s.AppendEnd(slices.Concat([]byte(GzipHead), body)))
			if want := bytes.Repeat(m.Encoded(NDJSON), 2); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%d bytes came as %d, %v", len(want), len(got), err)
			}
		}
	})
}
