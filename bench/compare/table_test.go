package main

import (
	"slices"
	"strings"
	"testing"

	"tidings/bench"
)

func cpu(us float64) *bench.Report {
	return &bench.Report{Server: &bench.ServerReport{CPUPerPublish: us, Cores: 0.5}, Load: &bench.LoadReport{Saturated: "neither"}}
}

// TestGoals holds that a table has medians, ratios within the run, and whether they are what is wanted.
func TestGoals(t *testing.T) {
	got := make(results)
	k := key{"publish", "", ""}
	for _, us := range []float64{30, 10, 11} {
		got.add(k, tidings, cpu(us))
	}
	got.add(k, bare, cpu(10))
	of := func(r *bench.Report) float64 { return r.Server.CPUPerPublish }
	for name, test := range map[string]struct {
		line
		goal, ratio, met string
	}{
		"within":             {got.line(k, "", "%.1f", of).atMostTimes(1.1, bare), "≤ 1.1 × bare loop", "1.10", "yes"},
		"beyond":             {got.line(k, "", "%.1f", of).atMostTimes(1.09, bare), "≤ 1.09 × bare loop", "1.10", "no"},
		"absent":             {got.line(k, "", "%.1f", of).atMostTimes(0.5, nchan), "≤ 0.5 × Nchan", "", "not measured"},
		"not ours":           {got.line(key{}, "", "%.1f", of).atMost(1), "≤ 1", "", "not measured"},
		"least":              {got.line(k, "", "%.1f", of).atLeast(12), "≥ 12", "", "no"},
		"least of another":   {got.line(k, "", "%.1f", of).atLeastTimes(1, bare), "≥ 1 × bare loop", "1.10", "yes"},
		"own":                {got.line(k, "", "%.1f", of).atMostOf(0.12, 100, "alone"), "≤ 0.12 × alone", "0.11", "yes"},
		"own, not measured":  {got.line(k, "", "%.1f", of).atMostOf(0.12, got.median(key{}, tidings, of), "alone"), "≤ 0.12 × alone", "", "not measured"},
		"beside, no goal":    {got.line(k, "", "%.1f", of).beside(bare), "", "1.10 × bare loop", ""},
		"without a goal yet": {got.line(k, "", "%.1f", of), "", "", ""},
	} {
		if test.Goal != test.goal || test.Ratio != test.ratio || test.Met != test.met {
			t.Errorf("%s: %+v", name, test.line)
		}
	}
	var table strings.Builder
	write(&table, "Publishing", publishLines(sizes{}, got))
	for _, want := range []string{
		"| figure | Tidings | bare loop | goal | ratio | met |\n",
		"| CPU µs per POST | 11.0 | 10.0 | ≤ 1.1 × bare loop | 1.10 | yes |",
		"| … saturated | neither (server 0.50, load 0.00 cores) | neither (server 0.50, load 0.00 cores) |  |  |  |",
	} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("no %q in\n%s", want, table.String())
		}
	}
}

// TestEveryRowIsMeasured holds that every row has jobs and lines, that others take part where there is a goal beside them, and
// that contestants follow each other within a repeat.
func TestEveryRowIsMeasured(t *testing.T) {
	r := request{repeat: 2}
	if err := r.choose("", "5000,9000"); err != nil {
		t.Fatal(err)
	}
	all := contestants(programs{websocketd: "websocketd"})
	done := make(map[key]bool)
	for _, of := range r.rows {
		list := r.attempts(of, all, done)
		if len(list) == 0 || len(list)%2 != 0 || len(of.lines(r.sizes, make(results))) == 0 {
			t.Errorf("%s has %d attempts", of.name, len(list))
		}
		half := len(list) / 2
		for i := range half {
			if list[i].key() != list[i+half].key() || list[i].name != list[i+half].name {
				t.Errorf("%s: repeats are not interleaved", of.name)
			}
		}
		beside := slices.ContainsFunc(of.lines(r.sizes, make(results)), func(l line) bool { return strings.Contains(l.Goal, bare) })
		if beside && !slices.ContainsFunc(list, func(a attempt) bool { return a.name == bare }) {
			t.Errorf("%s: nothing to compare with", of.name)
		}
	}
	if err := r.choose("idle,pigeon", "1"); err == nil || !strings.Contains(err.Error(), "pigeon") {
		t.Errorf("an unknown row: %v", err)
	}
	if err := r.choose("idle", "many"); err == nil {
		t.Error("storms of many clients")
	}
}
