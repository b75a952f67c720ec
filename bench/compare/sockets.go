package main

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"slices"

	"tidings/bench"
)

// converses reports whether a row is of sockets: nothing is published in it.
func converses(row string) bool { return row == "echo" || row == "exec" }

// echoers are who sends back what it gets.
func echoers(of programs) []contestant {
	at := func(path string, rows ...string) func(places, string, string) (bench.Options, bool) {
		return func(at places, row, _ string) (bench.Options, bool) {
			return bench.Options{URL: "ws://" + at.main + path}, slices.Contains(rows, row)
		}
	}
	all := []contestant{
		{
			name: tidings, options: at("/echo", "echo"),
			start: func(at places) (*exec.Cmd, error) { return exec.Command(of.echo, "-listen", at.main), nil },
		},
		{
			name: bare, options: at("/", "echo"),
			start: func(at places) (*exec.Cmd, error) { return exec.Command(of.yardstick, "-echo", at.main), nil },
		},
		{
			name: tidings, options: at("/", "exec"),
			start: func(at places) (*exec.Cmd, error) { return catBy(at.main, of.gateway, "exec") },
		},
	}
	if of.websocketd != "" {
		all = append(all, contestant{
			name: websocketd, options: at("/", "echo", "exec"),
			start: func(at places) (*exec.Cmd, error) { return catBy(at.main, of.websocketd) },
		})
	}
	return all
}

// catBy has a program, with what its command line begins with, run cat for each connection.
func catBy(at string, program ...string) (*exec.Cmd, error) {
	host, port, err := net.SplitHostPort(at)
	return exec.Command(program[0], append(program[1:], "--loglevel=error", "--address="+host, "--port="+port, "cat")...), err
}

// talk is what is said on each of some sockets.
type talk struct{ sockets, size, inFlight int }

func (t talk) String() string {
	return fmt.Sprintf("%d sockets, %d bytes, %d in flight", t.sockets, t.size, t.inFlight)
}

// The first is what the goals are of.
var (
	echoTalks = []talk{{100, 128, 1}, {1000, 128, 1}, {100, 16 << 10, 1}, {100, 128, 16}}
	execTalks = []talk{{100, 128, 1}, {100, 128, 16}}
)

func talkJobs(row string, talks []talk) func(sizes) []job {
	return func(s sizes) (jobs []job) {
		for _, t := range talks {
			jobs = append(jobs, job{
				row: row, transport: "websocket", variant: t.String(),
				run: func(ctx context.Context, o bench.Options) (*bench.Report, error) {
					return bench.Echo{Options: o, Connections: t.sockets, Size: t.size, InFlight: t.inFlight, For: s.span}.Run(ctx)
				},
			})
		}
		return jobs
	}
}

func echoLines(_ sizes, got results) (lines []line) {
	for i, t := range echoTalks {
		trips, cpu := got.talk("echo", t)
		if i > 0 {
			trips, cpu = trips.beside(bare), cpu.beside(bare)
		} else {
			lines = append(lines, trips.atLeastTimes(3, websocketd), cpu.atMostTimes(1/3., websocketd))
			trips, cpu = trips.atLeastTimes(0.9, bare), cpu.atMostTimes(1/0.9, bare)
		}
		lines = append(lines, trips, cpu)
		lines = append(lines, got.besides("echo", t)...)
	}
	return lines
}

func execLines(_ sizes, got results) (lines []line) {
	for _, t := range execTalks {
		trips, cpu := got.talk("exec", t)
		lines = append(lines, trips.atLeastTimes(1, websocketd), cpu.atMostTimes(1, websocketd))
		lines = append(lines, got.besides("exec", t)...)
	}
	return lines
}

func (t talk) key(row string) key { return key{row, "websocket", t.String()} }

func (got results) talk(row string, t talk) (trips, cpu line) {
	k := t.key(row)
	trips = got.line(k, "round trips a second, "+t.String(), "%.0f", func(r *bench.Report) float64 { return r.RoundTripRate })
	cpu = got.line(k, "  CPU µs per message", "%.2f", func(r *bench.Report) float64 { return r.Server.CPUPerRoundTrip })
	return trips, cpu
}

// besides are the lines below a talk's first.
func (got results) besides(row string, t talk) []line {
	k := t.key(row)
	return []line{got.line(k, "  p99 ms", "%.2f", p99), got.saturated(k), got.lossless(k)}
}
