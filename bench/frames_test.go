package bench

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestFramingWhereverTheBytesAreCut(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, test := range []struct {
		name    string
		framing func() framing
		in      string
		want    string
		left    string // of in, not part of the stream
	}{
		{"chunks", func() framing { return framing{kind: chunkedBody} }, "5;ext=1\r\nhello\r\n01\r\n!\r\n0\r\nA: b\r\n\r\nNEXT", "hello!", "NEXT"},
		{"length", func() framing { return framing{left: 3} }, "abcd", "abc", "d"},
		{
			"frames", func() framing { return framing{kind: webSocket} },
			"\x81\x02hi\x89\x01p\x81\x00\x82\x7e\x01\x2c" + long + "\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x01y\x88\x02\x0f\xa5NEXT", "hi" + long + "y", "NEXT",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			for cut := range len(test.in) - len(test.left) {
				f := test.framing()
				var got bytes.Buffer
				pongs := ""
				f.pong = func(b []byte) { pongs += string(b) }
				rest, ended := test.in, false
				for _, piece := range []string{test.in[:cut], test.in[cut:]} {
					n, done, err := f.feed([]byte(piece), func(b []byte) { got.Write(b) })
					if err != nil {
						t.Fatal(err)
					}
					rest = rest[n:]
					if ended = done; done {
						break
					}
				}
				if got.String() != test.want || rest != test.left || !ended || test.name == "frames" && pongs != "p" {
					t.Fatalf("cut after %d: %q, left %q, ended %v, pongs %q", cut, got.String(), rest, ended, pongs)
				}
			}
		})
	}
	for name, bad := range map[string]string{"chunk": "zz\r\n", "negative": "-1\r\n", "huge": "7fffffffffffffffff\r\n", "endless": strings.Repeat("1", 99) + "\r\n"} {
		f := framing{kind: chunkedBody}
		if _, _, err := f.feed([]byte(bad), func([]byte) {}); !errors.Is(err, errFraming) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, bad := range map[string]string{"masked": "\x81\x80", "long ping": "\x89\x7e\x01\x00", "huge": "\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff"} {
		f := framing{kind: webSocket}
		if _, _, err := f.feed([]byte(bad), func([]byte) {}); !errors.Is(err, errFraming) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzFraming holds that no server brings the load down.
func FuzzFraming(f *testing.F) {
	f.Add("5\r\nhello\r\n0\r\n\r\n", uint8(3))
	f.Add("\x81\x02hi\x89\x01p\x88\x00", uint8(1))
	f.Add("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", uint8(7))
	f.Fuzz(func(t *testing.T, text string, cut uint8) {
		at := min(int(cut), len(text))
		for _, kind := range []int{plainBody, chunkedBody, webSocket} {
			w := framing{kind: kind, left: 0}
			for _, piece := range []string{text[:at], text[at:]} {
				got := 0
				n, done, err := w.feed([]byte(piece), func(b []byte) { got += len(b) })
				if n > len(piece) || got > len(piece) {
					t.Fatalf("took %d and gave %d of %d bytes", n, got, len(piece))
				}
				if done || err != nil {
					break
				}
			}
		}
		r := newReader(strings.NewReader(text), 64)
		if a, err := r.head(true); err == nil {
			_ = r.body(a, func([]byte) {})
		}
	})
}
