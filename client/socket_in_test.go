package client

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"tidings/gateway/socket"
)

func TestInbox(t *testing.T) {
	piece := func(seq uint64, kind Kind, n int, more bool) socket.Frame {
		return socket.Frame{Seq: seq, Kind: kind, Data: make([]byte, n), More: more}
	}
	end := socket.Frame{Seq: 2, Kind: socket.Close, Code: 1000}
	tests := []struct {
		name   string
		frames []socket.Frame
		room   int
		want   error // of the last
		had    uint64
	}{
		{"in order", []socket.Frame{piece(1, Text, 1, false), piece(2, Binary, 1, false)}, 1000, nil, 2},
		{"again", []socket.Frame{piece(1, Text, 1, false), piece(1, Text, 9, false)}, 1000, nil, 1},
		{"a hole", []socket.Frame{piece(1, Text, 1, false), piece(3, Text, 1, false)}, 1000, errHole, 1},
		{"pieces", []socket.Frame{piece(1, Text, 1, true), piece(2, Text, 1, false), piece(3, Binary, 1, false)}, 1000, nil, 3},
		{"another kind within", []socket.Frame{piece(1, Text, 1, true), piece(2, Binary, 1, false)}, 1000, errHole, 1},
		{"the bound", []socket.Frame{piece(1, Text, 60, true), piece(2, Text, 40, false)}, 1000, nil, 2},
		{"over the bound", []socket.Frame{piece(1, Text, 60, true), piece(2, Text, 41, false)}, 1000, errTooBig, 1},
		{"no room", []socket.Frame{piece(1, Text, 50, false), piece(2, Text, 1, false)}, 100, errFull, 1},
		{"a close needs none", []socket.Frame{piece(1, Text, 50, false), end}, 100, nil, 2},
		{"behind the close", []socket.Frame{piece(1, Text, 1, false), end, piece(3, Text, 1, false)}, 1000, errHole, 2},
	}
	for _, test := range tests {
		i := inbox{most: 100, credit: 1000}
		var err error
		for _, f := range test.frames {
			err = i.push(f, test.room)
		}
		kept := int(test.had)
		if i.close != nil {
			kept--
		}
		if !errors.Is(err, test.want) || i.had != test.had || len(i.frames) != kept {
			t.Errorf("%s: %v, had %d, %d are kept", test.name, err, i.had, len(i.frames))
		}
	}
}

// TestCredit holds that what is acknowledged is what was received and what waits within the credit, whatever comes and goes.
func TestCredit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		i := inbox{most: -1, credit: rapid.IntRange(0, 500).Draw(t, "credit")}
		received := uint64(0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if len(i.frames) > 0 && rapid.Bool().Draw(t, "receive") {
				i.pop()
				received++
			} else if err := i.push(socket.Frame{Seq: i.had + 1, Kind: Binary, Data: make([]byte, rapid.IntRange(0, 300).Draw(t, "size"))}, 1<<20); err != nil {
				t.Fatal(err)
			}
			// The credit counts until it is used up: by the frame that does so, too.
			want, cost := received, 0
			for _, f := range i.frames {
				if cost > i.credit {
					break
				}
				cost += len(f.Data) + frameCost
				want++
			}
			if got := i.acked(); got < received || got > i.had || got < want {
				t.Fatalf("acknowledged %d, received %d, had %d, within the credit %d", got, received, i.had, want)
			}
			if len(i.frames) == 0 && (i.cost != 0 || i.spent != 0) {
				t.Fatalf("nothing is there and costs %d, %d", i.cost, i.spent)
			}
		}
	})
}

func TestCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]Kind{Text, Binary}).Draw(t, "kind")
		text := []byte(rapid.StringOf(rapid.RuneFrom([]rune("aé€😀"))).Draw(t, "text"))
		most := rapid.IntRange(1, 9).Draw(t, "most")
		var whole []byte
		for rest := text; len(rest) > 0; {
			n := cut(kind, rest, most)
			if n == 0 || n > max(most, utf8.UTFMax) || (kind == Text && !utf8.Valid(rest[:n])) {
				t.Fatalf("cut %q at %d", rest, n)
			}
			whole, rest = append(whole, rest[:n]...), rest[n:]
		}
		if !bytes.Equal(whole, text) {
			t.Fatalf("%q became %q", text, whole)
		}
	})
}

// TestWriterFrames holds what a writer makes of what is written, in whatever pieces: whole characters, no frame over the bound, one end.
func TestWriterFrames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, err := newSocket(t.Context(), "http://a", DialOptions{FragmentBytes: rapid.IntRange(4, 20).Draw(t, "most")}, usual)
		if err != nil {
			t.Fatal(err)
		}
		var whole []byte
		w, err := s.Writer(Text)
		if err != nil {
			t.Fatal(err)
		}
		text := []byte(rapid.StringOfN(rapid.RuneFrom([]rune("aé€😀")), 0, 100, -1).Draw(t, "text"))
		for rest := text; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			if _, err := w.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for i, f := range s.out.frames {
			if !utf8.Valid(f.Data) || len(f.Data) > s.options.FragmentBytes || f.More != (i < len(s.out.frames)-1) || f.Seq != uint64(i+1) {
				t.Fatalf("frame %d of %d: %+v", i, len(s.out.frames), f)
			}
			whole = append(whole, f.Data...)
		}
		if !bytes.Equal(whole, text) || s.Buffered() != len(text) {
			t.Fatalf("%q became %q", text, whole)
		}
		if err := w.Close(); err == nil {
			t.Fatal("closed twice")
		}
	})
}

func TestReadLinked(t *testing.T) {
	tests := []struct {
		message string
		text    bool
		want    string // how the frame reads; empty where it is none
		fails   bool
	}{
		{message: "=abc", text: true, want: "5 1 abc false"},
		{message: "+", text: true, want: "5 1  true"},
		{message: "\x00abc", want: "5 2 abc false"},
		{message: "\x01=", want: "5 2 = true"},
		{message: `{"seq":5,"data":"a"}`, text: true, want: "5 1 a false"},
		{message: `{"seq":5,"close":{"code":1000}}`, text: true, want: "5 3  false"},
		{message: `{"seq":6,"close":{"code":1000}}`, text: true, fails: true},
		{message: `{"ack":{"seq":9}}`, text: true},
		{message: `{"ping":{"cursor":"a"}}`, text: true},
		{message: `{"new":1}`, text: true},
		{message: `{"new"`, text: true, fails: true},
		{message: "", text: true, fails: true},
		{message: "", fails: true},
		{message: "abc", text: true, fails: true},
		{message: "\x02", fails: true},
	}
	for _, test := range tests {
		var r objectReader
		o, err := r.readLinked([]byte(test.message), test.text, 5)
		got := ""
		if o.Seq > 0 {
			got = fmt.Sprintf("%d %d %s %t", o.Seq, o.Kind, o.Data, o.More)
		}
		if (err != nil) != test.fails || (!test.fails && got != test.want) {
			t.Errorf("%q reads %q, %v", test.message, got, err)
		}
	}
}

func FuzzReadLinked(f *testing.F) {
	f.Add([]byte("=a"), true)
	f.Add([]byte{1, 2}, false)
	f.Add([]byte(`{"hello":{"epoch":"aaaaaaaa","cursor":"aaaaaaaa-0","ack":0}}`), true)
	f.Fuzz(func(t *testing.T, message []byte, text bool) {
		var r objectReader
		o, err := r.readLinked(message, text, 7)
		if err == nil && o.Seq > 0 && o.Seq != 7 {
			t.Errorf("frame %d came", o.Seq)
		}
	})
}

func TestSocketURL(t *testing.T) {
	for address, want := range map[string]string{
		"ws://a/b?c=d":  "http://a/b?c=d",
		"wss://a":       "https://a",
		"https://a:1/b": "https://a:1/b",
		"ftp://a":       "", "//a": "", "ws://": "", "ws://a/#b": "", "ws://[": "",
	} {
		u, err := socketURL(address)
		switch {
		case want == "" && errors.Is(err, ErrSocketURL):
		case want == "" || err != nil || u.String() != want:
			t.Errorf("%s is %v, %v", address, u, err)
		}
	}
}

// TestAsk holds what the wire adds to a URL, and where.
func TestAsk(t *testing.T) {
	s, err := newSocket(t.Context(), "ws://a/b?c=d", DialOptions{Protocols: []string{"x", "y#"}, Ping: 2e9}, usual)
	if err != nil {
		t.Fatal(err)
	}
	s.id = "ID"
	for _, want := range []string{
		"http://a/b?c=d&tidings=ID&n=1&transport=sse&protocols=x%2Cy%23&ping=2000",
		"http://a/b?c=d&tidings=ID&n=2&transport=sse&since=aaaaaaaa-3&ping=2000",
	} {
		if got := s.url(1, false, ""); got != want {
			t.Errorf("asks %s, want %s", got, want)
		}
		s.hello, s.in.had = &socketHello{Epoch: "aaaaaaaa"}, 3
	}
	if got := s.url(0, true, ""); got != "http://a/b?c=d&tidings=ID&n=3&since=aaaaaaaa-3&ping=2000" {
		t.Errorf("sends to %s", got)
	}
}
