package server_test

import "fmt"

var notUTF8 = new("1007") // the end of a case that says what is no text

const (
	greek  = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5" // κόσμε
	edited = "\x65\x64\x69\x74\x65\x64"
)

// utf8Texts is 6.1.* to 6.4.*.
func utf8Texts() []published {
	const umlauts, first, second = "Hello-µ@ßöäüàá-UTF-8!!", "Hello-µ@ßöä", "üàá-UTF-8!!"
	const surrogate, beyond = "\xed\xa0\x80", "\xf4\x90\x80\x80" // each is impossible from its second byte on
	echoed := []event{{"text", umlauts}}
	// A first frame is taken, which a ping shows; the second ends everything, without the third.
	taken := []event{{"pong", "taken"}}
	fast := func(valid, impossible string) []step {
		return []step{
			{writes: [][]byte{joined([]frame{begun(valid), ping("taken")})}},
			{after: &taken[0], writes: [][]byte{goesOn(impossible).bytes()}},
		}
	}
	// The same within one frame, where no ping can be.
	whole := text(greek + beyond + edited).bytes()
	head := len(whole) - len(greek+beyond+edited)
	within := func(valid, impossible int) []step {
		return []step{{writes: [][]byte{whole[:head+valid], whole[head+valid : head+valid+impossible]}}}
	}
	return []published{
		{number: "6.1.1", steps: together(text("")), want: []event{{"text", ""}}},
		{number: "6.1.2", steps: together(begun(""), goesOn(""), ends("")), want: []event{{"text", ""}}},
		{number: "6.1.3", steps: together(begun(""), goesOn("middle frame payload"), ends("")), want: []event{{"text", "middle frame payload"}}},
		{number: "6.2.1", steps: together(text(umlauts)), want: echoed},
		{number: "6.2.2", steps: together(begun(first), ends(second)), want: echoed},
		{number: "6.2.3", steps: together(split(1, umlauts, 1)...), want: echoed},
		{number: "6.2.4", steps: together(split(1, greek, 1)...), want: []event{{"text", greek}}},
		{number: "6.3.1", steps: together(text(greek + surrogate + edited)), end: notUTF8},
		{number: "6.3.2", steps: together(split(1, greek+surrogate+edited, 1)...), end: notUTF8},
		{number: "6.4.1", steps: fast(greek, beyond), want: taken, end: notUTF8},
		{number: "6.4.2", steps: fast(greek+beyond[:1], beyond[1:2]), want: taken, end: notUTF8},
		{number: "6.4.3", steps: within(len(greek), len(beyond)), end: notUTF8},
		{number: "6.4.4", steps: within(len(greek)+1, 1), end: notUTF8},
	}
}

// utf8Sequences is 6.5.* to 6.23.*: Markus Kuhn's "UTF-8 decoder capability and stress test" in single messages.
func utf8Sequences() (cases []published) {
	run := func(from, below byte, behind string) (s string) {
		for c := from; c < below; c++ {
			s += string([]byte{c}) + behind
		}
		return s
	}
	missing := []string{
		"\xc0", "\xe0\x80", "\xf0\x80\x80", "\xf8\x80\x80\x80", "\xfc\x80\x80\x80\x80",
		"\xdf", "\xef\xbf", "\xf7\xbf\xbf", "\xfb\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf",
	}
	everyMissing := ""
	for _, m := range missing {
		everyMissing += m
	}
	noncharacters := []string{"\xef\xbf\xbe", "\xef\xbf\xbf"}
	for plane := rune(1); plane <= 16; plane++ {
		noncharacters = append(noncharacters, string(plane<<16|0xfffe), string(plane<<16|0xffff))
	}
	for i, group := range []struct {
		valid, invalid []string // in this order
	}{
		// 6.5
		{valid: []string{"hello\x24world", "hello\xc2\xa2world", "hello\xe2\x82\xacworld", "hello\xf0\xa4\xad\xa2world", greek}},
		{}, // 6.6: below
		{valid: []string{"\x00", "\xc2\x80", "\xe0\xa0\x80", "\xf0\x90\x80\x80"}},
		{invalid: []string{"\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80"}},
		{valid: []string{"\x7f", "\xdf\xbf", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf"}},
		// 6.10
		{invalid: []string{"\xf7\xbf\xbf\xbf", "\xfb\xbf\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf\xbf"}},
		{valid: []string{"\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbd", "\xf4\x8f\xbf\xbf"}, invalid: []string{"\xf4\x90\x80\x80"}},
		{invalid: []string{"\x80", "\xbf", "\x80\xbf", "\x80\xbf\x80", "\x80\xbf\x80\xbf", "\x80\xbf\x80\xbf\x80", "\x80\xbf\x80\xbf\x80\xbf", run(0x80, 0xbf, "")}},
		{invalid: []string{run(0xc0, 0xdf, " "), run(0xe0, 0xef, " "), run(0xf0, 0xf7, " "), run(0xf8, 0xfb, " "), run(0xfc, 0xfd, " ")}},
		{invalid: missing},
		// 6.15
		{invalid: []string{everyMissing}},
		{invalid: []string{"\xfe", "\xff", "\xfe\xfe\xff\xff"}},
		{invalid: []string{"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf8\x80\x80\x80\xaf", "\xfc\x80\x80\x80\x80\xaf"}},
		{invalid: []string{"\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf8\x87\xbf\xbf\xbf", "\xfc\x83\xbf\xbf\xbf\xbf"}},
		{invalid: []string{"\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf8\x80\x80\x80\x80", "\xfc\x80\x80\x80\x80\x80"}},
		// 6.20
		{invalid: []string{"\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xaf\xbf", "\xed\xb0\x80", "\xed\xbe\x80", "\xed\xbf\xbf"}},
		{invalid: []string{
			"\xed\xa0\x80\xed\xb0\x80", "\xed\xa0\x80\xed\xbf\xbf", "\xed\xad\xbf\xed\xb0\x80", "\xed\xad\xbf\xed\xbf\xbf",
			"\xed\xae\x80\xed\xb0\x80", "\xed\xae\x80\xed\xbf\xbf", "\xed\xaf\xbf\xed\xb0\x80", "\xed\xaf\xbf\xed\xbf\xbf",
		}},
		{valid: noncharacters},
		{valid: []string{"\xef\xbf\xb9", "\xef\xbf\xba", "\xef\xbf\xbb", "\xef\xbf\xbc", "\xef\xbf\xbd", "\xef\xbf\xbe", "\xef\xbf\xbf"}},
	} {
		for j, s := range append(group.valid, group.invalid...) {
			p := published{number: fmt.Sprintf("6.%d.%d", i+5, j+1), steps: together(text(s)), end: notUTF8}
			if j < len(group.valid) {
				p.want, p.end = []event{{"text", s}}, nil
			}
			cases = append(cases, p)
		}
	}
	// 6.6: every beginning of a text, of which some end within a character.
	ends := map[int]bool{2: true, 5: true, 7: true, 9: true, 11: true}
	for n := 1; n <= len(greek); n++ {
		p := published{number: fmt.Sprintf("6.6.%d", n), steps: together(text(greek[:n])), end: notUTF8}
		if ends[n] {
			p.want, p.end = []event{{"text", greek[:n]}}, nil
		}
		cases = append(cases, p)
	}
	return cases
}
