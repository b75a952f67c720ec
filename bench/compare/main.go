// Command compare measures a gateway, the bare loop of bench/bare and, where nginx with its module is installed, Nchan, all in one
// run and by the same load, and prints one table for docs/benchmarks.md. Each row is of a server started for it on a loopback port,
// with what it costs read from /proc (Linux).
//
// Usage:
//
//	go run ./bench/compare -program bin/tidings
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"tidings/bench"
)

// sizes say how much is measured.
type sizes struct {
	idle, followers int
	volume          bench.Volume
	hold            time.Duration
}

func main() {
	program := flag.String("program", "bin/tidings", "the gateway's program")
	var s sizes
	flag.IntVar(&s.idle, "idle", 8000, "connections held for the memory figure")
	flag.IntVar(&s.followers, "followers", 5000, "followers for the delivery figures")
	flag.Float64Var(&s.volume.Rate, "rate", 10, "messages a second")
	flag.IntVar(&s.volume.Size, "size", 128, "bytes of a message")
	flag.DurationVar(&s.volume.For, "for", 10*time.Second, "how long each delivery figure takes")
	flag.DurationVar(&s.hold, "hold", 5*time.Second, "how long idle connections are held")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := compare(ctx, *program, s); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func compare(ctx context.Context, program string, s sizes) error {
	dir, err := os.MkdirTemp("", "compare")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	bare := filepath.Join(dir, "bare")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", bare, "./bench/bare").CombinedOutput(); err != nil {
		return fmt.Errorf("building the bare loop: %w\n%s", err, out)
	}
	fmt.Println("| server | transport | idle KiB RSS per connection | server CPU s per million deliveries | p50 / p99 / max ms | delivered |")
	fmt.Println("|---|---|---|---|---|---|")
	for _, c := range contestants(program, bare, dir) {
		for _, transport := range c.transports {
			row, err := s.row(ctx, c, transport)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", c.name, transport, err)
			}
			fmt.Println(row)
		}
	}
	if !nchanInstalled() {
		fmt.Println("\nNchan is not installed (nginx, libnginx-mod-nchan).")
	}
	return nil
}

// row measures one transport of one server.
func (s sizes) row(ctx context.Context, c contestant, transport string) (string, error) {
	var idle, fanout *bench.Report
	err := c.with(ctx, transport, func(o bench.Options) (err error) {
		idle, err = bench.Idle{Options: o, Connections: s.idle, Hold: s.hold}.Run(ctx)
		return err
	})
	if err != nil {
		return "", err
	}
	volume := s.volume
	if transport == "longpoll" {
		volume.Rate = max(1, volume.Rate/2) // every delivery is a request too
	}
	err = c.with(ctx, transport, func(o bench.Options) (err error) {
		fanout, err = bench.Fanout{Options: o, Followers: s.followers, Volume: volume}.Run(ctx)
		return err
	})
	if err != nil && !errors.Is(err, bench.ErrLost) {
		return "", err
	}
	l := fanout.Latency
	return fmt.Sprintf("| %s | %s | %.2f | %.1f | %.0f / %.0f / %.0f | %d of %d |", c.name, transport,
		idle.Server.RSSPerConnection/1024, fanout.Server.CPUPerMillion, l.P50, l.P99, l.Max,
		fanout.Expected-fanout.Lost, fanout.Expected), nil
}

// with starts a server, waits until it answers, and stops it afterwards.
func (c contestant) with(ctx context.Context, transport string, measure func(bench.Options) error) error {
	at, err := freeAddress()
	if err != nil {
		return err
	}
	cmd, err := c.start(at)
	if err != nil {
		return err
	}
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		_ = cmd.Process.Kill() // it is this command's own, and there is nothing to save
		_ = cmd.Wait()
	}()
	if err := answers(ctx, at); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return fmt.Errorf("%w\n%s", err, said.String())
	}
	o := c.options(at, transport)
	o.Transport, o.PID = transport, cmd.Process.Pid
	return measure(o)
}
