// Command compare measures a gateway, the yardsticks of bench/bare and, where they are installed, Nchan (nginx with its module) and websocketd, all
// in one run and by the same load, and prints tables for docs/benchmarks.md, with the goal beside each figure. Each figure is of a server
// started for it on a loopback port, with what it costs read from /proc (Linux).
//
// Usage:
//
//	go run ./bench/compare -program bin/tidings -rows idle,storm -repeat 3 -json compare.json
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"tidings/bench"
)

// request is what is asked for on the command line.
type request struct {
	sizes
	program, websocketd, json string
	rows                      []row
	repeat                    int
}

func main() {
	var r request
	names, storms := "", ""
	flag.StringVar(&r.program, "program", "bin/tidings", "the gateway's program")
	flag.StringVar(&r.websocketd, "websocketd", "", "websocketd's program (default: the one that is found)")
	flag.StringVar(&names, "rows", "", "rows to measure, with commas between them: "+strings.Join(rowNames(), ", ")+" (default: all)")
	flag.IntVar(&r.repeat, "repeat", 1, "how often each figure is measured; the table has medians")
	flag.StringVar(&r.json, "json", "", "write all reports to a file")
	flag.IntVar(&r.idle, "idle", 10_000, "connections held for the memory figures")
	flag.IntVar(&r.followers, "followers", 5000, "followers for the delivery figures")
	flag.Float64Var(&r.rate, "rate", 10, "messages a second")
	flag.Float64Var(&r.high, "high", 30, "messages a second for the high rate")
	flag.IntVar(&r.size, "size", 128, "bytes of a message")
	flag.StringVar(&storms, "storms", "5000,9000", "clients that come back at once")
	flag.IntVar(&r.stalled, "stalled", 1000, "followers that stop reading")
	flag.IntVar(&r.publishers, "publishers", 16, "connections that publish")
	flag.IntVar(&r.batch, "batch", 500, "messages of one NDJSON request")
	flag.DurationVar(&r.span, "for", 8*time.Second, "how long a figure is measured")
	flag.DurationVar(&r.step, "step", 2*time.Second, "how long a rate is tried in search for the most")
	flag.DurationVar(&r.hold, "hold", 3*time.Second, "how long idle connections are held")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := r.choose(names, storms)
	if err == nil {
		err = r.run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func rowNames() (all []string) {
	for _, r := range rows {
		all = append(all, r.name)
	}
	return all
}

func (r *request) choose(names, storms string) error {
	for text := range strings.SplitSeq(storms, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return fmt.Errorf("%q is no number of clients", text)
		}
		r.storms = append(r.storms, n)
	}
	if names == "" {
		r.rows = rows
		return nil
	}
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(rows, func(r row) bool { return r.name == name })
		if i < 0 {
			return fmt.Errorf("no row %q: there are %s", name, strings.Join(rowNames(), ", "))
		}
		r.rows = append(r.rows, rows[i])
	}
	return nil
}

// attempt is one measurement of one server.
type attempt struct {
	job
	contestant
}

// attempts returns all measurements of a row in order: repeats go over everything, and within one the contestants follow each
// other, so that what else the machine does hits all alike. What another row has measured is not measured again.
func (r *request) attempts(of row, all []contestant, done map[key]bool) (list []attempt) {
	var fresh []job
	for _, j := range of.jobs(r.sizes) {
		if k := j.key(); !done[k] {
			done[k] = true
			fresh = append(fresh, j)
		}
	}
	for range r.repeat {
		for _, j := range fresh {
			for _, c := range all {
				if _, takesPart := c.options(places{}, j.row, j.transport); takesPart {
					list = append(list, attempt{j, c})
				}
			}
		}
	}
	return list
}

func (j job) key() key { return key{j.row, j.transport, j.variant} }

func (r *request) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "compare")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", dir, "./bench/bare", "./examples/echo").CombinedOutput(); err != nil {
		return fmt.Errorf("building the yardsticks: %w\n%s", err, out)
	}
	if r.websocketd == "" {
		r.websocketd, _ = exec.LookPath("websocketd") // none is as well
	}
	all := contestants(programs{
		gateway: r.program, yardstick: filepath.Join(dir, "bare"), echo: filepath.Join(dir, "echo"), websocketd: r.websocketd, dir: dir,
	})
	plan, done, total := make([][]attempt, len(r.rows)), make(map[key]bool), 0
	for i, of := range r.rows {
		plan[i] = r.attempts(of, all, done)
		total += len(plan[i])
	}
	fmt.Printf("%d cores, %s/%s, %s; %d repeats.\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, time.Now().Format("2 January 2006"), r.repeat)
	if !nchanInstalled() {
		fmt.Println("Nchan is not installed (nginx, libnginx-mod-nchan): it has no column, and goals beside it are not measured.")
	}
	if r.websocketd == "" {
		fmt.Println("websocketd is not installed: it has no column, and goals beside it are not measured.")
	}
	out := output{Lines: make(map[string][]line)}
	got, n := make(results), 0
	var failed []error
	for i, of := range r.rows {
		for _, a := range plan[i] {
			n++
			name := strings.Join(strings.Fields(fmt.Sprintf("%s %s %s, %s", a.row, a.variant, a.transport, a.name)), " ")
			fmt.Fprintf(os.Stderr, "%s %d of %d: %s\n", time.Now().Format(time.TimeOnly), n, total, name)
			report, err := a.measure(ctx)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				err = fmt.Errorf("%s: %w", name, err)
				fmt.Fprintln(os.Stderr, "  ", err)
				failed = append(failed, err)
			}
			if report != nil {
				got.add(a.key(), a.name, report)
				out.Runs = append(out.Runs, ran{a.row, a.name, report})
			}
		}
		lines := of.lines(r.sizes, got)
		out.Lines[of.name] = lines
		write(os.Stdout, of.title, lines)
	}
	if r.json != "" {
		failed = append(failed, out.write(r.json))
	}
	return errors.Join(failed...)
}

func (a attempt) measure(ctx context.Context) (report *bench.Report, err error) {
	err = a.with(ctx, a.row, a.transport, func(o bench.Options) (err error) {
		report, err = a.run(ctx, o)
		return err
	})
	if errors.Is(err, bench.ErrLost) && a.row == "most" {
		err = nil // at a rate that it does not hold
	}
	return report, err
}

// output is what -json writes.
type output struct {
	Lines map[string][]line `json:"lines"`
	Runs  []ran             `json:"runs"`
}

type ran struct {
	Row    string        `json:"row"`
	Server string        `json:"server"`
	Report *bench.Report `json:"report"`
}

func (o output) write(path string) error {
	b, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}
