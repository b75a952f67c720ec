package bench

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// Curve is one distribution of latency with a name.
type Curve struct {
	Name string
	*Histogram
}

// The measures of the picture, in its own units.
const (
	svgWidth, svgHeight = 800, 420
	svgLeft, svgRight   = 70, 770
	svgTop, svgBottom   = 50, 350
	svgSteps            = 200 // points of a curve
	svgStyle            = `text{font:13px system-ui,sans-serif;fill:#222}.axis{stroke:#888}.grid{stroke:#8884}.curve{fill:none;stroke-width:2}` + `.c0{stroke:#0b63ce}.c1{stroke:#c2410c}text.c0{fill:#0b63ce;stroke:none}text.c1{fill:#c2410c;stroke:none}rect{fill:#fff}` + `@media(prefers-color-scheme:dark){text{fill:#ddd}rect{fill:#16181d}.c0{stroke:#6cb2ff}.c1{stroke:#ff9a62}` + `text.c0{fill:#6cb2ff}text.c1{fill:#ff9a62}}`
)

// SVG draws the latency over the percentiles: to the right, each decade is a tenth of the messages of the one before it.
func (r *Report) SVG(w io.Writer) error {
	var b strings.Builder
	nines, highest := 1.0, time.Millisecond
	for _, c := range r.Curves {
		nines = max(nines, math.Ceil(math.Log10(max(10, float64(c.Count())))))
		highest = max(highest, c.Max())
	}
	nines = min(nines, 6)
	top := ceil(highest)
	x := func(n float64) float64 { return svgLeft + (svgRight-svgLeft)*n/nines }
	y := func(d time.Duration) float64 { return svgBottom - (svgBottom-svgTop)*float64(d)/float64(top) }
	title := fmt.Sprintf("Latency of %s %s, %d connections", r.What, r.Transport, r.Connections)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img">`+"\n", svgWidth, svgHeight)
	fmt.Fprintf(&b, "<title>%s</title>\n<style>%s</style>\n", escape(title), svgStyle)
	fmt.Fprintf(&b, `<rect width="%d" height="%d"/>`+"\n", svgWidth, svgHeight)
	text := func(x, y float64, anchor, class, s string) {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="%s" class="%s">%s</text>`+"\n", x, y, anchor, class, escape(s))
	}
	line := func(class string, x1, y1, x2, y2 float64) {
		fmt.Fprintf(&b, `<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`+"\n", class, x1, y1, x2, y2)
	}
	text(svgWidth/2, 24, "middle", "", title)
	for i := range 6 {
		d := top * time.Duration(i) / 5
		line("grid", svgLeft, y(d), svgRight, y(d))
		text(svgLeft-8, y(d)+4, "end", "", fmt.Sprintf("%g", milliseconds(d)))
	}
	text(svgLeft-8, svgTop-14, "end", "", "ms")
	for n := range int(nines) + 1 {
		line("grid", x(float64(n)), svgTop, x(float64(n)), svgBottom)
		text(x(float64(n)), svgBottom+20, "middle", "", percentile(n))
	}
	line("axis", svgLeft, svgBottom, svgRight, svgBottom)
	line("axis", svgLeft, svgTop, svgLeft, svgBottom)
	text((svgLeft+svgRight)/2, svgBottom+44, "middle", "", "percentile, counted from when a message was due")
	for i, c := range r.Curves {
		var points []string
		for step := range svgSteps + 1 {
			n := nines * float64(step) / svgSteps
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(n), y(c.Quantile(1-math.Pow(10, -n)))))
		}
		class := fmt.Sprintf("c%d", i%2)
		fmt.Fprintf(&b, `<polyline class="curve %s" points="%s"/>`+"\n", class, strings.Join(points, " "))
		text(svgLeft+12, svgTop+16+18*float64(i), "start", class, c.Name)
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// percentile names what n decades of the axis stand for: 0, 90, 99, 99.9.
func percentile(n int) string {
	return fmt.Sprintf("%.*f %%", max(0, n-2), 100-math.Pow(10, float64(2-n)))
}

// ceil rounds up to 1, 2 or 5 of a power of ten.
func ceil(d time.Duration) time.Duration {
	for unit := time.Microsecond; ; unit *= 10 {
		for _, n := range []time.Duration{1, 2, 5} {
			if n*unit >= d {
				return n * unit
			}
		}
	}
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}
