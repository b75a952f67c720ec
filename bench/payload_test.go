package bench

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestStampsAreFoundWhereverTheBytesAreCut cuts a stream at every byte, in two and into single bytes.
func TestStampsAreFoundWhereverTheBytesAreCut(t *testing.T) {
	want := []stamp{
		{run: 0xdeadbeef, phase: measured, number: 0, due: 1790000000000000001},
		{run: 1, phase: stalling, number: 1<<32 - 1, due: 7},
		{run: 1, phase: stalling, number: 3, due: -1},
	}
	stream := []byte(`@{"hello":"@@"}@@@@zz`)
	for _, s := range want {
		body := payload(StampBytes + 5)
		s.put(body)
		stream = append(append(stream, `{"seq":4,"data":"@`...), body...)
	}
	stream = append(stream, "@@0123"...)
	var all [][][]byte
	for i := range len(stream) + 1 {
		all = append(all, [][]byte{stream[:i], stream[i:]})
	}
	all = append(all, slices.Collect(slices.Chunk(stream, 1)), slices.Collect(slices.Chunk(stream, StampBytes)))
	for _, pieces := range all {
		var f finder
		var got []stamp
		for _, piece := range pieces {
			f.feed(bytes.Clone(piece), func(s stamp) { got = append(got, s) })
		}
		if !slices.Equal(got, want) {
			t.Fatalf("cut after %d: found %+v", len(pieces[0]), got)
		}
	}
}

func TestStampsSurviveAnyCuts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stream []byte
		var want []stamp
		for range rapid.IntRange(0, 5).Draw(t, "messages") {
			stream = append(stream, rapid.StringOf(rapid.RuneFrom([]rune("@0f\r\n"))).Draw(t, "between")+"."...)
			s := stamp{run: rapid.Uint32().Draw(t, "run"), number: rapid.Uint32().Draw(t, "number"), due: rapid.Int64().Draw(t, "due")}
			body := payload(0)
			s.put(body)
			stream, want = append(stream, body...), append(want, s)
		}
		var f finder
		var got []stamp
		for len(stream) > 0 {
			n := rapid.IntRange(1, len(stream)).Draw(t, "piece")
			f.feed(stream[:n], func(s stamp) { got = append(got, s) })
			stream = stream[n:]
		}
		if !slices.Equal(got, want) {
			t.Fatalf("found %+v, want %+v", got, want)
		}
	})
}

func TestNeedle(t *testing.T) {
	stream := []byte(`{"x":1}{"gap":{"topic":"a"}}`)
	for i := range len(stream) + 1 {
		n := needle{word: `"gap":{`}
		n.feed(stream[:i])
		n.feed(stream[i:])
		if !n.seen {
			t.Errorf("not seen when cut after %d", i)
		}
	}
	n := needle{word: `"gap":{`}
	for _, b := range stream {
		n.feed([]byte{b})
	}
	if !n.seen {
		t.Error("not seen in single bytes")
	}
	other := needle{word: `"gap":{`}
	other.feed([]byte(`{"gap":1}`))
	if other.seen {
		t.Error("seen where it is not")
	}
}

func TestTally(t *testing.T) {
	for _, test := range []struct {
		name                      string
		came                      []uint32
		of                        uint32
		lost, doubled, disordered int64
	}{
		{"all", []uint32{0, 1, 2, 3}, 4, 0, 0, 0},
		{"none", nil, 3, 3, 0, 0},
		{"the end is missing", []uint32{0, 1}, 5, 3, 0, 0},
		{"holes", []uint32{1, 4}, 6, 4, 0, 0},
		{"out of order", []uint32{0, 3, 1, 2}, 4, 0, 0, 2},
		{"a hole taken apart", []uint32{5, 2}, 6, 4, 0, 1},
		{"twice", []uint32{0, 0, 1, 1, 1}, 2, 0, 3, 0},
		{"late and twice", []uint32{2, 0, 0, 1}, 3, 0, 1, 2},
		{"more than is asked for", []uint32{0, 5}, 3, 2, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var y tally
			for _, n := range test.came {
				y.see(n)
			}
			if y.lost(test.of) != test.lost || y.doubled != test.doubled || y.disordered != test.disordered {
				t.Errorf("lost %d, doubled %d, out of order %d", y.lost(test.of), y.doubled, y.disordered)
			}
		})
	}
}
