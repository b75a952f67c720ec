package server_test

import (
	"fmt"
	"strings"
)

// hello is what the suite says most.
const hello = "Hello, world!"

var broken = new("1002") // the end of a case that breaks the protocol

// framing is 1.*: lengths in their three forms.
func framing() (cases []published) {
	for i, size := range []int{0, 125, 126, 127, 128, 65535, 65536} {
		starred, bytes := times("*", size), times("\xfe", size)
		cases = append(cases,
			published{number: fmt.Sprintf("1.1.%d", i+1), steps: together(text(starred)), want: []event{{"text", starred}}},
			published{number: fmt.Sprintf("1.2.%d", i+1), steps: together(octets(bytes)), want: []event{{"binary", bytes}}})
	}
	starred, bytes := times("*", 65536), times("\xfe", 65536)
	return append(cases,
		published{number: "1.1.8", steps: chopped(997, text(starred)), want: []event{{"text", starred}}},
		published{number: "1.2.8", steps: chopped(997, octets(bytes)), want: []event{{"binary", bytes}}})
}

// pings is 2.*.
func pings() []published {
	const odd = "\x00\xff\xfe\xfd\xfc\xfb\x00\xff"
	full := times("\xfe", 125)
	var ten []frame
	var pongs []event
	for i := range 10 {
		payload := fmt.Sprintf("payload-%d", i)
		ten, pongs = append(ten, ping(payload)), append(pongs, event{"pong", payload})
	}
	normal := closing(1000, "")
	return []published{
		{number: "2.1", steps: together(ping("")), want: []event{{"pong", ""}}},
		{number: "2.2", steps: together(ping(hello)), want: []event{{"pong", hello}}},
		{number: "2.3", steps: together(ping(odd)), want: []event{{"pong", odd}}},
		{number: "2.4", steps: together(ping(full)), want: []event{{"pong", full}}},
		{number: "2.5", steps: together(ping(full + "\xfe")), end: broken},
		{number: "2.6", steps: chopped(1, ping(full)), want: []event{{"pong", full}}},
		{number: "2.7", steps: together(pong(""), normal), end: new("1000")},
		{number: "2.8", steps: together(pong("unsolicited pong payload"), normal), end: new("1000")},
		{number: "2.9", steps: together(pong("unsolicited pong payload"), ping("ping payload")), want: []event{{"pong", "ping payload"}}},
		{number: "2.10", steps: together(ten...), want: pongs},
		{number: "2.11", steps: chopped(1, ten...), want: pongs},
	}
}

// reserved is 3.*: reserved bits that no extension has given a meaning.
func reserved() []published {
	bits := func(rsv byte, f frame) frame {
		f.rsv = rsv
		return f
	}
	first := []event{{"text", hello}}
	return []published{
		{number: "3.1", steps: together(bits(1, text(hello))), end: broken},
		{number: "3.2", steps: together(text(hello), bits(2, text(hello)), ping("")), want: first, end: broken},
		{number: "3.3", steps: framewise(text(hello), bits(3, text(hello)), ping("")), want: first, end: broken},
		{number: "3.4", steps: chopped(1, text(hello), bits(4, text(hello)), ping("")), want: first, end: broken},
		{number: "3.5", steps: together(bits(5, octets("\x00\xff\xfe\xfd\xfc\xfb\x00\xff"))), end: broken},
		{number: "3.6", steps: together(bits(6, octets(hello))), end: broken},
		{number: "3.7", steps: together(frame{op: 8, rsv: 7}), end: broken},
	}
}

// opcodes is 4.*: those that are reserved.
func opcodes() (cases []published) {
	for group, base := range []byte{3, 11} {
		first := []event{{"text", hello}}
		number := func(i int) string { return fmt.Sprintf("4.%d.%d", group+1, i) }
		cases = append(cases,
			published{number: number(1), steps: together(frame{op: base}), end: broken},
			published{number: number(2), steps: together(frame{op: base + 1, payload: "reserved opcode payload"}), end: broken},
			published{number: number(3), steps: together(text(hello), frame{op: base + 2}, ping("")), want: first, end: broken},
			published{number: number(4), steps: together(text(hello), frame{op: base + 3, payload: hello}, ping("")), want: first, end: broken},
			published{number: number(5), steps: chopped(1, text(hello), frame{op: base + 4, payload: hello}, ping("")), want: first, end: broken})
	}
	return cases
}

// fragments is 5.*.
func fragments() []published {
	both, payload := []event{{"text", "fragment1fragment2"}}, "ping payload"
	ponged := append([]event{{"pong", payload}}, both...)
	two := []frame{begun("fragment1"), ends("fragment2")}
	pinged := []frame{begun("fragment1"), ping(payload), ends("fragment2")}
	// Continuations of nothing, last ones and others.
	last := []frame{ends("non-continuation payload"), text(hello)}
	other := []frame{goesOn("non-continuation payload"), text(hello)}
	twice := func(f frame) []step {
		round := []frame{f, begun("fragment2"), ends("fragment3")}
		return together(append(round, round...)...)
	}
	cut := func(f frame) frame {
		f.more = true
		return f
	}
	later := func(deliver func(...frame) []step) []step {
		first := deliver(begun("fragment1"), goesOn("fragment2"), ping("pongme 1!"))
		then := deliver(goesOn("fragment3"), goesOn("fragment4"), ping("pongme 2!"), ends("fragment5"))
		then[0].after = &event{"pong", "pongme 1!"}
		return append(first, then...)
	}
	five := []event{{"pong", "pongme 1!"}, {"pong", "pongme 2!"}, {"text", "fragment1fragment2fragment3fragment4fragment5"}}
	return []published{
		{number: "5.1", steps: together(cut(ping("fragment1")), ends("fragment2")), end: broken},
		{number: "5.2", steps: together(cut(pong("fragment1")), ends("fragment2")), end: broken},
		{number: "5.3", steps: together(two...), want: both},
		{number: "5.4", steps: framewise(two...), want: both},
		{number: "5.5", steps: chopped(1, two...), want: both},
		{number: "5.6", steps: together(pinged...), want: ponged},
		{number: "5.7", steps: framewise(pinged...), want: ponged},
		{number: "5.8", steps: chopped(1, pinged...), want: ponged},
		{number: "5.9", steps: together(last...), end: broken},
		{number: "5.10", steps: framewise(last...), end: broken},
		{number: "5.11", steps: chopped(1, last...), end: broken},
		{number: "5.12", steps: together(other...), end: broken},
		{number: "5.13", steps: framewise(other...), end: broken},
		{number: "5.14", steps: chopped(1, other...), end: broken},
		{number: "5.15", steps: together(append(two, goesOn("fragment3"), text("fragment4"))...), want: both, end: broken},
		{number: "5.16", steps: twice(goesOn("fragment1")), end: broken},
		{number: "5.17", steps: twice(ends("fragment1")), end: broken},
		{number: "5.18", steps: together(begun("fragment1"), text("fragment2")), end: broken},
		{number: "5.19", steps: later(together), want: five},
		{number: "5.20", steps: later(framewise), want: five},
	}
}

// misc is 10.*.
func misc() []published {
	starred := times("*", 65536)
	return []published{{number: "10.1.1", steps: together(split(1, starred, 1300)...), want: []event{{"text", starred}}}}
}

// split is a message in fragments of so many bytes.
func split(op byte, payload string, size int) (frames []frame) {
	for len(payload) > size {
		frames = append(frames, frame{op: op, payload: payload[:size], more: true})
		op, payload = 0, payload[size:]
	}
	return append(frames, frame{op: op, payload: payload})
}

// closeFrames is 7.1.*, 7.3.* and 7.5.*.
func closeFrames() []published {
	normal, yes := closing(1000, ""), new("1000")
	const repeated = "BAsd7&jh23"
	large := times(repeated, 256<<10)
	return []published{
		{number: "7.1.1", steps: together(text("Hello World!")), want: []event{{"text", "Hello World!"}}},
		{number: "7.1.2", steps: together(normal, frame{op: 8}), end: yes},
		{number: "7.1.3", steps: together(normal, ping("")), end: yes},
		{number: "7.1.4", steps: together(normal, text("Hello World!")), end: yes},
		{number: "7.1.5", steps: together(begun("fragment1"), normal, ends("fragment2")), end: yes},
		// The suite takes any outcome here: that nothing is lost is ours.
		{number: "7.1.6", steps: together(text(large), text("Hello World!"), normal, ping("")), want: []event{{"text", large}, {"text", "Hello World!"}}, end: yes},
		{number: "7.3.1", steps: together(frame{op: 8}), end: new("")},
		{number: "7.3.2", steps: together(frame{op: 8, payload: "a"}), end: broken},
		{number: "7.3.3", steps: together(normal), end: yes},
		{number: "7.3.4", steps: together(closing(1000, "Hello World!")), end: yes},
		{number: "7.3.5", steps: together(closing(1000, strings.Repeat("*", 123))), end: yes},
		{number: "7.3.6", steps: together(closing(1000, strings.Repeat("*", 124))), end: broken},
		{number: "7.5.1", steps: together(closing(1000, "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80\x65\x64\x69\x74\x65\x64")), end: new("1007")},
	}
}

// closeCodes is 7.7.*, 7.9.* and 7.13.*: the same code goes back, unless it is none that may be sent.
func closeCodes() (cases []published) {
	for i, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999} {
		cases = append(cases, published{number: fmt.Sprintf("7.7.%d", i+1), steps: together(closing(code, "")), end: new(fmt.Sprint(code))})
	}
	for i, code := range []uint16{0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999} {
		cases = append(cases, published{number: fmt.Sprintf("7.9.%d", i+1), steps: together(closing(code, "")), end: broken})
	}
	// The suite takes any outcome for these.
	for i, code := range []uint16{5000, 65535} {
		cases = append(cases, published{number: fmt.Sprintf("7.13.%d", i+1), steps: together(closing(code, "")), end: broken})
	}
	return cases
}
