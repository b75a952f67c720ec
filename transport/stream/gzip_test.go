package stream

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"pgregory.net/rapid"

	"tidings/gateway"
	"tidings/gateway/journal"
)

// said makes a message of text.
func said(seq uint64, text string) *gateway.Message {
	return gateway.NewMessage("k3f9a2m1", 0, &journal.Record{Seq: seq, Topic: "weather", Type: "text/plain", Data: []byte(text)})
}

// readings makes about n bytes of text, of which half or so can be saved.
func readings(n int) string {
	r := rand.New(rand.NewPCG(uint64(n), 2))
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "wind_%d: %.2f, ", r.IntN(40), r.Float64()*100)
	}
	return b.String()
}

// serve offers units as the gateway does: what was begun comes first, and it may end the stream anywhere.
type serve struct {
	peer gateway.Peer
	conn *fakeConn
	rest []byte
}

func (s *serve) write(t *rapid.T, room int, units [][]byte) (left [][]byte) {
	s.conn.room = room
	parts := units
	if s.rest != nil {
		parts = slices.Insert(slices.Clone(units), 0, s.rest)
	}
	n, err := s.peer.Write(&gateway.Batch{Parts: parts, Bytes: len(slices.Concat(parts...))})
	if err != nil {
		t.Fatal(err)
	}
	if n == 0 {
		return units
	}
	s.rest = nil
	for i, part := range parts {
		if n < len(part) {
			if n > 0 {
				s.rest, i = part[n:], i+1
			}
			return parts[i:]
		}
		n -= len(part)
	}
	return nil
}

// TestGzipOutlet: whatever a slow connection takes of greeting, messages and notices at a time, and wherever the stream is ended, it
// holds what was begun, and its checksum is right.
func TestGzipOutlet(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		framing := rapid.SampledFrom(framings).Draw(r, "framing")
		chunked := rapid.Bool().Draw(r, "chunked")
		plain, _, plainConn := open(framing, chunked, false)
		packed, o, packedConn := open(framing, chunked, true)

		type unit struct{ plain, packed []byte }
		units := []unit{{greeting(plain), greeting(packed)}}
		for i := range rapid.IntRange(0, 12).Draw(r, "units") {
			var u unit
			if rapid.IntRange(0, 2).Draw(r, "kind") == 0 {
				n := gateway.Notice{Kind: gateway.NoticeGap, Topic: "a", From: 1, To: uint64(i), Reason: gateway.GapExpired}
				u.plain, _ = plain.AppendNotice(nil, n)
				u.packed, _ = packed.AppendNotice(nil, n)
			} else {
				m := said(uint64(i), readings(rapid.SampledFrom([]int{1, 300, 600, 3000, 70_000}).Draw(r, "size")))
				u.plain = m.Encoded(framing.Format)
				if chunked {
					u.plain = m.Encoded(framing.Chunked)
				}
				u.packed = m.Encoded(o.Terms().Format)
			}
			if len(u.packed) > 0 {
				units = append(units, u)
			}
		}
		var left [][]byte
		for _, u := range units {
			left = append(left, u.packed)
		}
		s := serve{peer: packed, conn: packedConn}
		for range rapid.IntRange(0, 30).Draw(r, "writes") {
			batch := min(len(left), rapid.IntRange(1, 4).Draw(r, "parts"))
			room := rapid.OneOf(rapid.IntRange(0, 40), rapid.IntRange(0, 100_000)).Draw(r, "room")
			left = append(s.write(r, room, left[:batch]), left[batch:]...)
		}
		begun := units[:len(units)-len(left)]
		if len(begun) == 0 { // the greeting comes first in any case
			begun, s.rest = units[:1], units[0].packed
		}
		packed.Close(gateway.ReasonKicked, gateway.Cursor{}, s.rest)
		for _, u := range begun {
			plainConn.taken = append(plainConn.taken, u.plain...)
		}
		plain.Close(gateway.ReasonKicked, gateway.Cursor{}, nil)
		if got, want := body(t, packedConn, chunked, true), body(t, plainConn, chunked, false); got != want {
			r.Fatalf("got %d bytes, want %d: %.300q, want %.300q", len(got), len(want), got, want)
		}
	})
}

// TestOutletSize: what a stream in gzip keeps for its end is kept by those alone.
func TestOutletSize(t *testing.T) {
	if size := unsafe.Sizeof(outlet{}); size > 112 {
		t.Errorf("an outlet has %d bytes, a size class more than it needs", size)
	}
	if size := unsafe.Sizeof(gzipOutlet{}); size > 128 {
		t.Errorf("an outlet in gzip has %d bytes", size)
	}
}

// taking is a connection that takes everything.
type taking struct{ fakeConn }

func (*taking) Write(parts [][]byte) (int, error) {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	return n, nil
}

// TestWriteAllocatesNothing: a delivery costs no memory, in gzip or in plain.
func TestWriteAllocatesNothing(t *testing.T) {
	for _, way := range ways {
		p, o, _ := open(ndjson, way.chunked, way.gzip)
		o.conn = new(taking)
		greeting(p)
		b := batch(o, 100, 5000)
		if n := testing.AllocsPerRun(100, func() { _, _ = p.Write(b) }); n != 0 {
			t.Errorf("%+v: a write allocates %v times", way, n)
		}
	}
}

// batch is one of messages of these sizes.
func batch(o *outlet, sizes ...int) *gateway.Batch {
	b := new(gateway.Batch)
	for i, n := range sizes {
		part := said(uint64(i), readings(n)).Encoded(o.Terms().Format)
		b.Parts = append(b.Parts, part)
		b.Bytes += len(part)
	}
	return b
}

// BenchmarkWrite measures a delivery of one message without the connection's part in it.
func BenchmarkWrite(b *testing.B) {
	for _, size := range []int{100, 400, 1000, 5000, 50_000} {
		for _, way := range ways[1:] {
			if !way.chunked {
				continue
			}
			b.Run(fmt.Sprintf("%d/gzip=%v", size, way.gzip), func(b *testing.B) {
				p, o, _ := open(ndjson, way.chunked, way.gzip)
				o.conn = new(taking)
				greeting(p)
				one := batch(o, size)
				b.ReportAllocs()
				for b.Loop() {
					_, _ = p.Write(one)
				}
				b.ReportMetric(float64(one.Bytes), "bytes")
			})
		}
	}
}
