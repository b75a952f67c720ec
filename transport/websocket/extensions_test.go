package websocket

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestNegotiate(t *testing.T) {
	const yes, with15 = agreed, agreed + "; server_max_window_bits=15"
	for _, c := range []struct {
		name   string
		fields []string
		want   string
	}{
		{"nothing", nil, ""},
		{"empty", []string{""}, ""},
		{"Chromium and Firefox", []string{"permessage-deflate; client_max_window_bits"}, yes},
		{"Safari of old", []string{"x-webkit-deflate-frame"}, ""},
		{"no parameters", []string{"permessage-deflate"}, yes},
		{"both without takeover", []string{"permessage-deflate; server_no_context_takeover; client_no_context_takeover"}, yes},
		{"another name", []string{"permessage-bzip2"}, ""},
		{"another case", []string{"Permessage-Deflate"}, ""},
		{"behind others", []string{"foo; bar=1, permessage-deflate"}, yes},
		{"in the second field", []string{"foo", "permessage-deflate"}, yes},

		// RFC 7692 section 7.1.2.1
		{"server's window 15", []string{"permessage-deflate; server_max_window_bits=15"}, with15},
		{"server's window quoted", []string{`permessage-deflate; server_max_window_bits="15"`}, with15},
		{"server's window escaped", []string{`permessage-deflate; server_max_window_bits="1\5"`}, with15},
		{"server's window 14", []string{"permessage-deflate; server_max_window_bits=14"}, ""},
		{"server's window 8", []string{"permessage-deflate; server_max_window_bits=8"}, ""},
		{"server's window without a value", []string{"permessage-deflate; server_max_window_bits"}, ""},
		{"server's window with a zero", []string{"permessage-deflate; server_max_window_bits=015"}, ""},
		{"server's window 16", []string{"permessage-deflate; server_max_window_bits=16"}, ""},

		// RFC 7692 section 7.1.2.2
		{"client's window 8", []string{"permessage-deflate; client_max_window_bits=8"}, yes},
		{"client's window 15", []string{"permessage-deflate; client_max_window_bits=15"}, yes},
		{"client's window 7", []string{"permessage-deflate; client_max_window_bits=7"}, ""},
		{"client's window 16", []string{"permessage-deflate; client_max_window_bits=16"}, ""},
		{"client's window 08", []string{"permessage-deflate; client_max_window_bits=08"}, ""},
		{"client's window +9", []string{"permessage-deflate; client_max_window_bits=+9"}, ""},

		// RFC 7692 sections 7.1.1.1 and 7.1.1.2, and 7.1: what makes an offer invalid
		{"a value for server's takeover", []string{"permessage-deflate; server_no_context_takeover=1"}, ""},
		{"a value for client's takeover", []string{"permessage-deflate; client_no_context_takeover=true"}, ""},
		{"server's takeover twice", []string{"permessage-deflate; server_no_context_takeover; server_no_context_takeover"}, ""},
		{"client's takeover twice", []string{"permessage-deflate; client_no_context_takeover; client_no_context_takeover"}, ""},
		{"server's window twice", []string{"permessage-deflate; server_max_window_bits=15; server_max_window_bits=15"}, ""},
		{"client's window twice", []string{"permessage-deflate; client_max_window_bits; client_max_window_bits=9"}, ""},
		{"an unknown parameter", []string{"permessage-deflate; mem_level=9"}, ""},

		// RFC 7692 section 7.1: a fallback is another element
		{"the second offer", []string{"permessage-deflate; server_max_window_bits=10, permessage-deflate"}, yes},
		{"the second field's offer", []string{"permessage-deflate; mem_level=9", "permessage-deflate; server_max_window_bits=15"}, with15},
		{"the first of two", []string{"permessage-deflate; server_max_window_bits=15, permessage-deflate"}, with15},

		// RFC 6455 section 9.1
		{"white space", []string{" permessage-deflate\t; client_max_window_bits = 9 ,foo "}, yes},
		{"no white space", []string{"foo,permessage-deflate;client_max_window_bits;server_no_context_takeover"}, yes},
		{"empty elements", []string{", ,permessage-deflate,,"}, yes},
	} {
		got, _, err := negotiate(15, c.fields...)
		if err != nil || got != c.want {
			t.Errorf("%s: %q, %v, want %q", c.name, got, err, c.want)
		}
	}
	for _, field := range []string{
		";", "permessage-deflate;", "permessage-deflate; ;", "permessage-deflate; =1", "permessage-deflate; client_max_window_bits=",
		`permessage-deflate; client_max_window_bits="9`, `permessage-deflate; client_max_window_bits=""`,
		`permessage-deflate; client_max_window_bits="9 "`, `permessage-deflate; client_max_window_bits="\`,
		"permessage-deflate client_max_window_bits", "permessage-deflate; client_max_window_bits=9 9", `"permessage-deflate"`,
		"permessage-deflate/1", "permessage-deflate\x00", "permessage-deflate; a=b=c", "permessage-deflaté", "permessage-deflate\r\n",
		`permessage-deflate; client_max_window_bits="9"9`,
	} {
		if got, _, err := negotiate(8, "permessage-deflate", field); !errors.Is(err, ErrExtensions) || got != "" {
			t.Errorf("%q: %q, %v", field, got, err)
		}
	}
}

// TestNegotiateWindow: where frames are not shared, deflating keeps to any window that a client has.
func TestNegotiateWindow(t *testing.T) {
	for value := range 18 {
		want := ""
		if value >= 8 && value <= 15 {
			want = fmt.Sprintf("%s; server_max_window_bits=%d", agreed, value)
		}
		got, bits, err := negotiate(leastBits, fmt.Sprintf("permessage-deflate; server_max_window_bits=%d", value))
		if err != nil || got != want || (want != "" && bits != value) {
			t.Errorf("%d: %q, %d, %v", value, got, bits, err)
		}
	}
	for offer, want := range map[string]int{
		"permessage-deflate": 15,
		"permessage-deflate; server_max_window_bits=7, permessage-deflate; server_max_window_bits=9":     9,
		"permessage-deflate; client_max_window_bits=9":                                                   15,
		"permessage-deflate; client_max_window_bits=10; server_max_window_bits=11":                       11,
		"permessage-deflate; server_max_window_bits=12; mem, permessage-deflate; server_max_window_bits": 0,
	} {
		if _, bits, err := negotiate(leastBits, offer); err != nil || bits != want {
			t.Errorf("%q: %d, %v, want %d", offer, bits, err, want)
		}
	}
}

func TestParseProtocols(t *testing.T) {
	for field, want := range map[string]string{
		"": "[]", "chat": "[chat]", "a.v1, b": "[a.v1 b]", " a ,\tb,,": "[a b]", "a,A": "[a A]",
		"a,a": "malformed", "a b": "malformed", "a;b": "malformed", "a/b": "malformed", "\"a\"": "malformed", "é": "malformed",
	} {
		names, ok := parseProtocols(field)
		got := fmt.Sprint(names)
		if !ok {
			got = "malformed"
		}
		if got != want {
			t.Errorf("%q: %s, want %s", field, got, want)
		}
	}
}

func FuzzNegotiate(f *testing.F) {
	for _, seed := range []string{
		"permessage-deflate; client_max_window_bits", `a;b="\"", permessage-deflate;server_max_window_bits="15"`, ",;=\"\\", "a ; b = c , d",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, field string) {
		const least = 10
		answer, bits, err := negotiate(least, field)
		switch {
		case answer == "":
		case err != nil || !strings.HasPrefix(answer, agreed) || !strings.Contains(field, deflate) || bits < least || bits > 15:
			t.Errorf("%q: %q, %v", field, answer, err)
		}
		// The answer is itself an offer that can be met.
		if again, _, err := negotiate(least, answer); err != nil || again != answer {
			t.Errorf("%q: %q, %v", answer, again, err)
		}
		// A list in one field is the list of its fields.
		two, _, err2 := negotiate(least, field, field)
		if joined, _, err := negotiate(least, field+","+field); joined != two || (err == nil) != (err2 == nil) {
			t.Errorf("%q: %q and %q, %v and %v", field, joined, two, err, err2)
		}
	})
}
