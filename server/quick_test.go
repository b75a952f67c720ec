package server

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"tidings/gateway"
)

// verdict is what becomes of an item, in comparable form.
type verdict struct {
	draft  gateway.Draft
	ifLast gateway.Cursor
	kind   *errorKind
	detail string
}

func judge(i item, p *problem) verdict {
	var d gateway.Draft
	if p == nil {
		var err error
		if d, err = i.draft(); err != nil {
			p = problemOf(err)
		}
	}
	if p != nil {
		return verdict{kind: p.kind, detail: p.detail}
	}
	v := verdict{draft: d}
	if d.IfLast != nil {
		v.ifLast = *d.IfLast
		v.draft.IfLast = &gateway.Cursor{}
	}
	return v
}

func judgeSlowly(raw []byte) verdict {
	var i item
	if err := json.Unmarshal(raw, &i); err != nil {
		return judge(i, badRequest.of("the item cannot be read: "+jsonMistake(err)))
	}
	return judge(i, nil)
}

var items = []string{
	`{"topic":"a","data":"x"}`, ` { "topic" : "a" , "data" : "x" } `, `{"topic":"a","data":"x","type":"text/plain","event":"e","key":"k","ttl":60}`,
	`{"topic":"a","data":"tab\tquote\"slash\/uni\u00e9\u2028"}`, `{"topic":"a","data":"\ud83d\ude00"}`, `{"topic":"a","data":"\ud800"}`,
	`{"topic":"a","data":"\u12"}`, `{"topic":"a","data":"\x"}`, "{\"topic\":\"a\",\"data\":\"\x01\"}", "{\"topic\":\"a\",\"data\":\"\xff\"}",
	"{\"topic\":\"a\",\"data\":\"12345678\x1f\"}", "{\"topic\":\"a\",\"data\":\"1234567\xc3\"}", `{"topic":"a","data":"été à la plage"}`,
	`{"topic":"a","data":{"a":[1,2,{"b":"}\""}]}}`, `{"topic":"a","data":[1 ,2 ] }`, `{"topic":"a","data":1.5e3}`, `{"topic":"a","data":01}`,
	`{"topic":"a","data":true}`, `{"topic":"a","data":null}`, `{"topic":"a","data":nul}`, `{"topic":"a","data":{"a":1,}}`, `{"topic":"a","data":"x"`,
	`{"topic":"a","data":{"a":"\ud800"}}`, `{"topic":"a","data":"x","type":"application/json"}`, `{"topic":"a","data":"\n","type":"application/json"}`,
	`{"topic":"a","data64":"/w=="}`, `{"topic":"a","data64":"AAAA="}`, `{"topic":"a","data64":"AA=A"}`, `{"topic":"a","data64":""}`, `{"topic":"a","data64":null}`,
	`{"topic":"a","data64":"AA==AAAA"}`, `{"topic":"a","data64":"AA\n=="}`, `{"topic":"a","data64":"AAAAA==="}`, `{"topic":"a","data64":"AAA=","data":"x"}`,
	`{"topic":"a","data":"x","ttl":"10m"}`, `{"topic":"a","data":"x","ttl":null}`, `{"topic":"a","data":"x","ttl":true}`, `{"topic":"a","data":"x","ttl":{}}`,
	`{"topic":"a","data":"x","ttl":-1}`, `{"topic":"a","data":"x","ttl":1e400}`, `{"topic":"a","data":"x","if_match":"\"aaaaaaaa-1\""}`,
	`{"topic":"a","data":"x","if_match":"aaaaaaaa-1","idempotency_key":"k"}`, `{"topic":"a","topic":"b","data":"x"}`, `{"Topic":"a","DATA":"x"}`,
	`{"topic":"a","data":"x","colour":1}`, `{"topic":1,"data":"x"}`, `{"topic":null,"data":"x"}`, `{"t\u006fpic":"a","data":"x"}`, `{"topic":"\u0061","data":"x"}`,
	`{}`, `[]`, `null`, ``, `{"topic":"a","data":"x"} x`, `{"topic":"a","data":"x"},`, `{"topic":"a" "data":"x"}`, `{"topic":"a","data":}`, `{"topic":"a","data":""}`,
	`{"topic":"a","data":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`,
}

// sameVerdict compares the short way with encoding/json's.
func sameVerdict(t *testing.T, raw []byte) {
	t.Helper()
	i, p := readItem(raw, new(texts))
	got := judge(i, p)
	if want := judgeSlowly(raw); !reflect.DeepEqual(got, want) {
		t.Errorf("%q became\n%+v\nwant\n%+v", raw, got, want)
	}
	// The draft shares nothing with what it was read from, which is used again.
	kept := bytes.Clone(got.draft.Data)
	for j := range raw {
		raw[j] = '#'
	}
	if !bytes.Equal(kept, got.draft.Data) {
		t.Errorf("the draft of %q is a piece of it", kept)
	}
}

func TestQuickItem(t *testing.T) {
	for _, raw := range items {
		sameVerdict(t, []byte(raw))
	}
	for _, usual := range items[:4] {
		if _, ok := quickItem([]byte(usual), nil); !ok {
			t.Errorf("%s goes the long way", usual)
		}
	}
}

func FuzzQuickItem(f *testing.F) {
	for _, raw := range items {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) { sameVerdict(t, bytes.Clone(raw)) })
}

func BenchmarkReadItem(b *testing.B) {
	long := strings.Repeat("x", 128)
	for name, raw := range map[string]string{
		"text":    `{"topic":"news/1","data":"` + long + `"}`,
		"escapes": `{"topic":"news/1","data":"` + long[:120] + `\n\"\u00e9"}`,
		"JSON":    `{"topic":"news/1","data":{"temperature":21.5,"text":"` + long[:90] + `"}}`,
		"other":   `{"topic":"news/1","data":"` + long + `","colour":"red"}`,
	} {
		b.Run(name, func(b *testing.B) {
			known := new(texts)
			b.ReportAllocs()
			for b.Loop() {
				i, p := readItem([]byte(raw), known)
				if p != nil {
					b.Fatal(p)
				}
				if _, err := i.draft(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
