package wire

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

var callbackGrammar = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]*(\.[A-Za-z_$][A-Za-z0-9_$]*)*$`)

func TestIsCallback(t *testing.T) {
	for name, want := range map[string]bool{
		"f": true, "$": true, "_0": true, "a.b.c": true, "jQuery1_2": true, strings.Repeat("a", 64): true, "a." + strings.Repeat("b", 62): true,

		"": false, ".": false, "a.": false, ".a": false, "a..b": false, "0": false, "a.0": false, "a b": false, " a": false, "a\n": false,
		"a;b": false, "a(": false, "a[0]": false, "a-b": false, "é": false, "a/**/": false, "<script>": false, "a\x00": false,
		`\u0061`: false, strings.Repeat("a", 65): false,
	} {
		if got := IsCallback(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func FuzzIsCallback(f *testing.F) {
	for _, seed := range []string{"f", "a.b", "a..b", "$.0", "a(b)", strings.Repeat("x", 65), "\xff", "ſ"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if got, want := IsCallback(name), len(name) <= 64 && callbackGrammar.MatchString(name) && !strings.Contains(name, "\n"); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	})
}

// FuzzScript: whatever is published, an element of a forever frame is one line that ends once, and JSONP is one call.
func FuzzScript(f *testing.F) {
	for _, seed := range []string{
		`"</script><!--"`, `{"__proto__":{"__proto__":1}}`, `{"\u005f_proto__":1}`, "\"\u2028\"", `"\\\""`, "x", `{"a":"\u003c/script>"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, kind := range []string{"text/plain", "application/json", "image/png"} {
			if kind == "application/json" && !json.Valid(data) {
				continue
			}
			m := message{}
			m.record.Type, m.record.Data = kind, data
			made := m.make()
			b := made.Encoded(Script)
			inside, ok := bytes.CutPrefix(b, []byte("<script>p("))
			if !ok {
				t.Fatalf("%q", b)
			}
			if inside, ok = bytes.CutSuffix(inside, []byte(")</script>\n")); !ok || bytes.ContainsAny(inside, "<\n\r\u2028\u2029") {
				t.Fatalf("%q", b)
			}
			envelope := made.Encoded(Envelope)
			if isLiteral(envelope) {
				if !bytes.Equal(inside, envelope) {
					t.Fatalf("%q is not %q", inside, envelope)
				}
			} else if unquoted := unquote(t, inside); unquoted != string(envelope) {
				t.Fatalf("%q is not %q", unquoted, envelope)
			}
			call, _ := Call("f", [][]byte{envelope})
			script := string(bytes.Join(call, nil))
			want := "/**/f(" + string(inside) + ");"
			if inside[0] == '"' {
				want = "/**/f(JSON.parse(" + string(inside) + "));"
			}
			if script != want {
				t.Fatalf("%q, want %q", script, want)
			}
		}
	})
}

func unquote(t *testing.T, text []byte) (s string) {
	t.Helper()
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return s
}

// TestIsLiteral: what an object literal does not mean is found however it is written.
func TestIsLiteral(t *testing.T) {
	for object, want := range map[string]bool{
		`{"a":1}`: true, `{"a":"\u003c\u2028\n"}`: true, `{"proto":1}`: true,
		`{"__proto__":1}`: false, `{"a":{"__proto__":1}}`: false, `{"\u005f_proto__":1}`: false, `{"__\u0070roto__":1}`: false,
		`{"\u005F\u005f\u0070\u0072\u006F\u0074\u006f\u005f\u005f":1}`: false,
	} {
		if isLiteral([]byte(object)) != want {
			t.Errorf("%s: %v", object, !want)
		}
	}
}

// TestScriptPrelude: two kilobytes in which there is nothing to see.
func TestScriptPrelude(t *testing.T) {
	if head := strings.TrimRight(ScriptPrelude, " \n"); len(ScriptPrelude) != 2048 || !strings.HasPrefix(head, "<!DOCTYPE html>") || !strings.HasSuffix(head, "<body>") {
		t.Errorf("%d bytes: %q", len(ScriptPrelude), ScriptPrelude)
	}
}

// TestScriptOrigin: an origin cannot leave its string, whoever lets a strange one through.
func TestScriptOrigin(t *testing.T) {
	got := string(AppendScriptOrigin(nil, `"</script>`+"\u2028"))
	if !strings.Contains(got, `,"\"\u003c/script>\u2028")`) {
		t.Errorf("%q", got)
	}
}
