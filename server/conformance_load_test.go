package server_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// messages is 9.1.* and 9.2.*: single large frames.
func messages() (cases []published) {
	for i, size := range []int{64 << 10, 256 << 10, 1 << 20, 4 << 20, 8 << 20, 16 << 20} {
		written, bytes := times("BAsd7&jh23", size), times("\x00\xfe\x23\xfa\xf0", size)
		cases = append(cases,
			published{number: fmt.Sprintf("9.1.%d", i+1), steps: together(text(written)), want: []event{{"text", written}}},
			published{number: fmt.Sprintf("9.2.%d", i+1), steps: together(octets(bytes)), want: []event{{"binary", bytes}}})
	}
	return cases
}

// fragmented is 9.3.* and 9.4.*: 4 MiB in fragments.
func fragmented() (cases []published) {
	starred := times("*", 4<<20)
	for i, size := range []int{64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20} {
		bytes := starred
		if i == 0 {
			bytes = times("\xfe", 4<<20)
		}
		cases = append(cases,
			published{number: fmt.Sprintf("9.3.%d", i+1), steps: together(split(1, starred, size)...), want: []event{{"text", starred}}},
			published{number: fmt.Sprintf("9.4.%d", i+1), steps: together(split(2, bytes, size)...), want: []event{{"binary", bytes}}})
	}
	return cases
}

// choppedUp is 9.5.* and 9.6.*: 1 MiB in small segments.
func choppedUp() (cases []published) {
	written, bytes := times("BAsd7&jh23", 1<<20), times("\x00\xfe\x23\xfa\xf0", 1<<20)
	for i := range 6 {
		size := 64 << i
		cases = append(cases,
			published{number: fmt.Sprintf("9.5.%d", i+1), steps: chopped(size, text(written)), want: []event{{"text", written}}},
			published{number: fmt.Sprintf("9.6.%d", i+1), steps: chopped(size, octets(bytes)), want: []event{{"binary", bytes}}})
	}
	return cases
}

// fewer bounds the bytes that a case of 12.* and 13.* sends: the suite sends 1,000 messages in each, up to 131 MB.
const fewer = 512 << 10

// roundTrips is 9.7.*, 9.8.*, 12.* and 13.*.
func roundTrips() (cases []roundTrip) {
	for i, size := range []int{0, 16, 64, 256, 1024, 4096} {
		starred, bytes := times("*", size), times("\xfe", size)
		cases = append(cases,
			roundTrip{number: fmt.Sprintf("9.7.%d", i+1), text: true, count: 1000, message: func(int) string { return starred }},
			roundTrip{number: fmt.Sprintf("9.8.%d", i+1), count: 1000, message: func(int) string { return bytes }})
	}
	type size struct{ message, fragment int }
	var sizes []size
	for bytes := 16; bytes <= 4096; bytes *= 4 {
		sizes = append(sizes, size{bytes, 0})
	}
	for _, fragment := range []int{0, 256} {
		for bytes := 8192; bytes <= 131072; bytes *= 2 {
			sizes = append(sizes, size{bytes, fragment})
		}
	}
	for _, fragment := range []int{1024, 4096, 32768} {
		sizes = append(sizes, size{131072, fragment})
	}
	add := func(group, offer string, isText bool, sample string) {
		for i, size := range sizes {
			next := func(n int) string {
				at := n * size.message % len(sample)
				return times(sample[at:]+sample[:at], size.message)
			}
			cases = append(cases, roundTrip{
				number: fmt.Sprintf("%s.%d", group, i+1), offer: offer, text: isText, noise: group == "12.5", message: next,
				count: min(max(fewer/size.message, 4), 1000), fragment: size.fragment,
			})
		}
	}
	// The suite's five files are not ours; these are of their kinds.
	for i, sample := range []string{jsonSample(), bitmapSample(), proseSample(), htmlSample(), noiseSample()} {
		add(fmt.Sprintf("12.%d", i+1), "permessage-deflate; client_max_window_bits", i == 0 || i == 3, sample)
	}
	for i, offer := range []string{
		"permessage-deflate; client_max_window_bits",
		"permessage-deflate; client_no_context_takeover; client_max_window_bits; server_no_context_takeover",
		"permessage-deflate; client_max_window_bits; server_max_window_bits=9",
		"permessage-deflate; client_max_window_bits; server_max_window_bits=15",
		"permessage-deflate; client_max_window_bits; server_no_context_takeover; server_max_window_bits=9",
		"permessage-deflate; client_max_window_bits; server_no_context_takeover; server_max_window_bits=15",
		"permessage-deflate; server_no_context_takeover; server_max_window_bits=9, permessage-deflate; server_no_context_takeover, permessage-deflate",
	} {
		add(fmt.Sprintf("13.%d", i+1), offer, true, jsonSample())
	}
	return cases
}

const sampleSize = 200_000

func random() *rand.Rand { return rand.New(rand.NewPCG(5, 6)) }

// writeSample calls write until there is enough.
func writeSample(write func(b *strings.Builder, r *rand.Rand)) string {
	var b strings.Builder
	for r := random(); b.Len() < sampleSize; {
		write(&b, r)
	}
	return b.String()[:sampleSize]
}

func jsonSample() string {
	return writeSample(func(b *strings.Builder, r *rand.Rand) {
		fmt.Fprintf(b, `{"station":%d,"at":"2014-03-%02dT%02d:00:00Z","wind":%.2f,"rain":%v},`, r.IntN(5000), r.IntN(31)+1, r.IntN(24), r.Float64()*40, r.IntN(2) == 0)
	})
}

func htmlSample() string {
	return writeSample(func(b *strings.Builder, r *rand.Rand) {
		fmt.Fprintf(b, "<tr class=\"row%d\"><td><a href=\"/item/%x\">%s</a></td></tr>\n", r.IntN(2), r.Uint32(), word(r))
	})
}

func proseSample() string {
	return writeSample(func(b *strings.Builder, r *rand.Rand) { b.WriteString(word(r) + " ") })
}

// bitmapSample has values that are near to their neighbours.
func bitmapSample() string {
	at := byte(128)
	return writeSample(func(b *strings.Builder, r *rand.Rand) {
		at += byte(r.IntN(7)) - 3
		b.WriteByte(at)
	})
}

// noiseSample cannot be made smaller.
func noiseSample() string {
	return writeSample(func(b *strings.Builder, r *rand.Rand) { b.WriteByte(byte(r.Uint32())) })
}

func word(r *rand.Rand) string {
	return []string{"Wind", "und", "der", "Regen", "sind", "bei", "Nacht", "gekommen", "mit", "lautem", "Brausen", "ein", "Licht"}[r.IntN(13)]
}
