package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"tidings/bench"
)

// key says what was measured.
type key struct{ row, transport, variant string }

// results are the reports of all runs, by what was measured and of which server.
type results map[key]map[string][]*bench.Report

func (got results) add(k key, name string, r *bench.Report) {
	if got[k] == nil {
		got[k] = make(map[string][]*bench.Report)
	}
	got[k][name] = append(got[k][name], r)
}

// median returns the median of a figure over the repeats; NaN where there is none.
func (got results) median(k key, name string, of func(*bench.Report) float64) float64 {
	var all []float64
	for _, r := range got[k][name] {
		all = append(all, of(r))
	}
	if len(all) == 0 {
		return math.NaN()
	}
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// line is one line of a table.
type line struct {
	Figure string            `json:"figure"`
	Values map[string]string `json:"values"`
	Goal   string            `json:"goal,omitempty"`
	Ratio  string            `json:"ratio,omitempty"`
	Met    string            `json:"met,omitempty"`

	ours   float64
	others map[string]float64
}

// names are the contestants in the order of the columns.
var names = []string{tidings, bare, nchan, websocketd}

func (got results) line(k key, figure, format string, of func(*bench.Report) float64) line {
	l := line{Figure: figure, Values: make(map[string]string), ours: math.NaN(), others: make(map[string]float64)}
	for _, name := range names {
		v := got.median(k, name, of)
		if math.IsNaN(v) {
			continue
		}
		l.Values[name] = fmt.Sprintf(format, v)
		if name == tidings {
			l.ours = v
		} else {
			l.others[name] = v
		}
	}
	return l
}

// words makes a line of what reports say in words; the repeats may differ.
func (got results) words(k key, figure string, of func(*bench.Report) string) line {
	l := line{Figure: figure, Values: make(map[string]string)}
	for _, name := range names {
		var all []string
		for _, r := range got[k][name] {
			if word := of(r); !slices.Contains(all, word) {
				all = append(all, word)
			}
		}
		l.Values[name] = strings.Join(all, "; ")
	}
	return l
}

func shares(s *bench.ServerReport, l *bench.LoadReport) string {
	if s == nil || l == nil {
		return "–"
	}
	return fmt.Sprintf("%s (server %.2f, load %.2f cores)", l.Saturated, s.Cores, l.Cores)
}

// saturated says which side could not have done more.
func (got results) saturated(k key) line {
	return got.words(k, "  saturated", func(r *bench.Report) string { return shares(r.Server, r.Load) })
}

// limit says which side could not have done more at the first rate that did not hold.
func (got results) limit(k key) line {
	return got.words(k, "  saturated beyond", func(r *bench.Report) string {
		for _, s := range r.Most.Steps {
			if !s.Held {
				return shares(s.Server, s.Load)
			}
		}
		return "not reached"
	})
}

// lossless holds that nothing was lost, doubled or out of order.
func (got results) lossless(k key) line {
	l := got.line(k, "  lost, doubled or out of order", "%.0f", func(r *bench.Report) float64 {
		if r.Losses == nil {
			return 0
		}
		return float64(r.Lost + r.Doubled + r.Disordered)
	})
	return l.atMost(0)
}

func (l line) met(goal string, holds bool) line {
	l.Goal, l.Met = goal, "no"
	if holds {
		l.Met = "yes"
	}
	if math.IsNaN(l.ours) {
		l.Met = "not measured"
	}
	return l
}

func (l line) atMost(limit float64) line { return l.met(fmt.Sprintf("≤ %g", limit), l.ours <= limit) }

func (l line) atLeast(limit float64) line {
	return l.met(fmt.Sprintf("≥ %.0f", limit), l.ours >= limit)
}

// beside gives the ratio to another where the goal is none.
func (l line) beside(name string) line {
	if v, ok := l.others[name]; ok && v != 0 {
		l.Ratio = fmt.Sprintf("%.2f × %s", l.ours/v, name)
	}
	return l
}

func (l line) atMostTimes(times float64, name string) line {
	return l.times("≤", times, name, func(ratio float64) bool { return ratio <= times })
}

func (l line) atLeastTimes(times float64, name string) line {
	return l.times("≥", times, name, func(ratio float64) bool { return ratio >= times })
}

func (l line) times(sign string, times float64, name string, holds func(float64) bool) line {
	goal := fmt.Sprintf("%s %.3g × %s", sign, times, name)
	other, ok := l.others[name]
	if !ok {
		l.Goal, l.Met = goal, "not measured"
		return l
	}
	return l.ratio(goal, other, holds)
}

// atMostOf compares with another figure of the same server.
func (l line) atMostOf(times, other float64, what string) line {
	return l.ratio(fmt.Sprintf("≤ %g × %s", times, what), other, func(ratio float64) bool { return ratio <= times })
}

func (l line) ratio(goal string, other float64, holds func(float64) bool) line {
	ratio := l.ours / other
	if !math.IsNaN(ratio) {
		l.Ratio = fmt.Sprintf("%.2f", ratio)
	} else {
		l.ours = ratio
	}
	return l.met(goal, holds(ratio))
}

// write prints lines as a table. Who has taken no part has no column.
func write(w io.Writer, title string, lines []line) {
	names := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return name != tidings && !slices.ContainsFunc(lines, func(l line) bool { return l.Values[name] != "" })
	})
	fmt.Fprintf(w, "\n### %s\n\n| figure | %s | goal | ratio | met |\n|---|%s---|---|---|\n",
		title, strings.Join(names, " | "), strings.Repeat("---|", len(names)))
	for _, l := range lines {
		fmt.Fprintf(w, "| %s |", strings.Replace(l.Figure, "  ", "… ", 1))
		for _, name := range names {
			value := l.Values[name]
			if value == "" {
				value = "–"
			}
			fmt.Fprintf(w, " %s |", value)
		}
		fmt.Fprintf(w, " %s | %s | %s |\n", l.Goal, l.Ratio, l.Met)
	}
}
