package client

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func readAll(p parser) (texts []string, err error) {
	for {
		text, err := p.next()
		if err != nil {
			return texts, err
		}
		texts = append(texts, string(text))
	}
}

func TestParsers(t *testing.T) {
	long := strings.Repeat("x", 40<<10) // longer than the reader's buffer
	tests := []struct {
		name, text string
		sse        bool
		want       []string
		err        error
	}{
		{name: "lines", text: "{1}\n\r\n{2}\r\n{3}\n", want: []string{"{1}", "{2}", "{3}"}, err: io.EOF},
		{name: "a line that was cut", text: "{1}\n{2", want: []string{"{1}"}, err: io.EOF},
		{name: "a long line", text: long + "\n{2}\n", want: []string{long, "{2}"}, err: io.EOF},
		{name: "a line over the bound", text: "{1}\n" + long + long + "\n", want: []string{"{1}"}, err: errTooLong},
		{name: "events", sse: true, text: ":   \n\nretry: 2000\n\nid: 5\ndata: {1}\n\ndata:{2}\n\n", want: []string{"{1}", "{2}"}, err: io.EOF},
		{name: "several data", sse: true, text: "data: {\ndata: 1\ndata\ndata: }\n\n", want: []string{"{\n1\n\n}"}, err: io.EOF},
		{name: "no data", sse: true, text: "id: 5\n\ndata:\n\ndatax: 1\n\n data: 1\n\n", err: io.EOF},
		{name: "CR LF", sse: true, text: "id: 5\r\ndata: {1}\r\n\r\n", want: []string{"{1}"}, err: io.EOF},
		{name: "an event that was cut", sse: true, text: "data: {1}\n\ndata: {2}\n", want: []string{"{1}"}, err: io.ErrUnexpectedEOF},
		{name: "an event over the bound", sse: true, text: strings.Repeat("data: "+strings.Repeat("x", 999)+"\n", 99), err: errTooLong},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for how, from := range map[string]io.Reader{
				"whole": strings.NewReader(test.text), "bytewise": iotest.OneByteReader(strings.NewReader(test.text)),
			} {
				in := newLines(from, 64<<10)
				p := parser(&ndjson{lines: in})
				if test.sse {
					p = &events{lines: in}
				}
				got, err := readAll(p)
				if diff := cmp.Diff(test.want, got); diff != "" || !errors.Is(err, test.err) {
					t.Errorf("%s: %v\n%s", how, err, diff)
				}
			}
		})
	}
}

// FuzzParsers holds that bytes in any form end in objects or an error, whatever the pieces they come in, within the bound.
func FuzzParsers(f *testing.F) {
	f.Add([]byte("{\"hello\":{}}\n{\"topic\":\"a\",\"seq\":1}\n"), false)
	f.Add([]byte(": \n\nid: aaaaaaaa-1\ndata: {\"gap\":{}}\n\n"), true)
	f.Add([]byte("data: 1\r\ndata\r\n\r\n\n\n"), true)
	f.Fuzz(func(t *testing.T, text []byte, sse bool) {
		const most = 256
		read := func(from io.Reader) ([]string, error) {
			in := newLines(from, most)
			if sse {
				return readAll(&events{lines: in})
			}
			return readAll(&ndjson{lines: in})
		}
		whole, err := read(bytes.NewReader(text))
		pieces, pieceErr := read(iotest.OneByteReader(bytes.NewReader(text)))
		if diff := cmp.Diff(whole, pieces); diff != "" || (err == nil) != (pieceErr == nil) || err.Error() != pieceErr.Error() {
			t.Errorf("%v and %v\n%s", err, pieceErr, diff)
		}
		r := readerOf(t, "**=all")
		for _, line := range whole {
			if len(line) > most {
				t.Errorf("%d bytes", len(line))
			}
			if o, err := parseObject([]byte(line)); err == nil {
				_, _ = r.take(o) // must not panic
			}
		}
	})
}

// FuzzPage holds that a poll's answer is read or refused.
func FuzzPage(f *testing.F) {
	f.Add([]byte(`{"cursor":"aaaaaaaa-2","items":[{"topic":"a","seq":2,"prev":1,"data":1},{"gap":{"topic":"a","from":1,"to":1,"reason":"expired"}}],"more":true}`))
	f.Add([]byte(`{"cursor":"aaaaaaaa-2","items":null,"poll_ms":-5}`))
	f.Add([]byte(`{"items":[1]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		objects, _, err := parsePage(text)
		if err != nil {
			return
		}
		r := readerOf(t, "**=all")
		for _, o := range objects {
			_, _ = r.take(o) // must not panic
		}
	})
}
