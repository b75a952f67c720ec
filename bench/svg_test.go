package bench

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestSVGIsXML(t *testing.T) {
	one, none := new(Histogram), new(Histogram)
	for i := range 5000 {
		one.Add(time.Duration(i) * 10 * time.Microsecond)
	}
	for name, curves := range map[string][]Curve{
		"two": {{"alone", one}, {`<&"beside'>`, one}}, "empty": {{"nothing", none}}, "no curve": nil,
	} {
		var b bytes.Buffer
		if err := (&Report{What: "a<b>&", Transport: "sse", Curves: curves}).SVG(&b); err != nil {
			t.Fatal(err)
		}
		lines, texts := 0, 0
		for d := xml.NewDecoder(strings.NewReader(b.String())); ; {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, b.String())
			}
			if e, ok := token.(xml.StartElement); ok {
				switch e.Name.Local {
				case "polyline":
					lines++
				case "text":
					texts++
				}
			}
		}
		if lines != len(curves) || texts < 8 || !strings.Contains(b.String(), "prefers-color-scheme:dark") || strings.Contains(b.String(), "NaN") {
			t.Errorf("%s: %d curves and %d texts in\n%s", name, lines, texts, b.String())
		}
	}
}

func TestPercentileNames(t *testing.T) {
	for n, want := range []string{"0 %", "90 %", "99 %", "99.9 %", "99.99 %"} {
		if got := percentile(n); got != want {
			t.Errorf("%d decades are %q, want %q", n, got, want)
		}
	}
}

func TestLine(t *testing.T) {
	var b bytes.Buffer
	Line(&b)(Progress{"publishing", 0.5, strings.Repeat("ü", 200)})
	ClearLine(&b)
	if got := b.String(); !strings.HasPrefix(got, "\r\x1b[Kpublishing     [=====     ]  50 %") || strings.ContainsAny(got, "\n") ||
		strings.Count(got, "ü") > lineWidth || !strings.HasSuffix(got, "\r\x1b[K") {
		t.Errorf("shows %q", got)
	}
}
