package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

func main() {
	program := flag.String("program", "bin/tidings", "the gateway's program")
	idle := flag.Int("idle", 8000, "connections held for the memory figure")
	followers := flag.Int("followers", 5000, "followers for the delivery figures")
	rate := flag.Int("rate", 10, "messages a second")
	seconds := flag.Int("seconds", 10, "how long each transport is measured")
	transports := flag.String("transports", "websocket,sse,stream,longpoll", "which to measure")
	flag.Parse()

	fmt.Println("| transport | idle KiB RSS per connection | server CPU s per million deliveries | p50 / p99 ms | delivered |")
	fmt.Println("|---|---|---|---|---|")
	for transport := range strings.SplitSeq(*transports, ",") {
		row, err := measure(*program, transport, *idle, *followers, *rate, *seconds)
		if err != nil {
			fmt.Fprintf(os.Stderr, "figures: %s: %v\n", transport, err)
			os.Exit(1)
		}
		fmt.Println(row)
	}
}

// measure takes the figures of one transport, each on a fresh gateway.
func measure(program, transport string, idle, followers, rate, seconds int) (string, error) {
	memory, err := measureIdle(program, transport, idle)
	if err != nil {
		return "", err
	}
	g, err := start(program, "serve", "--listen", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer g.stop()
	l := &load{host: g.host, transport: transport}
	defer l.close()
	if err := l.open(followers); err != nil {
		return "", err
	}
	client := &http.Client{Timeout: 10 * time.Second}
	if transport == "longpoll" {
		rate = max(1, rate/2) // every delivery is a request too
	}
	// The first message warms connections, encodings and pools up.
	if err := publish(client, g.host, 128); err != nil {
		return "", err
	}
	l.await(int64(followers))
	l.received.Store(0)
	l.mu.Lock()
	l.delay = nil
	l.mu.Unlock()
	before, err := g.cpu()
	if err != nil {
		return "", err
	}
	sent := int64(0)
	for tick := time.NewTicker(time.Second / time.Duration(rate)); sent < int64(rate*seconds); sent++ {
		<-tick.C
		if err := publish(client, g.host, 128); err != nil {
			return "", err
		}
	}
	l.await(sent * int64(followers))
	after, err := g.cpu()
	if err != nil {
		return "", err
	}
	if n := l.failed.Load(); n > 0 {
		return "", fmt.Errorf("%d polls failed", n)
	}
	got := l.received.Load()
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.Sort(l.delay)
	return fmt.Sprintf("| %s | %.2f | %.1f | %.0f / %.0f | %d of %d |", transport, memory,
		(after-before).Seconds()/float64(got)*1e6, l.percentile(50), l.percentile(99), got, sent*int64(followers)), nil
}

// measureIdle returns the KiB of memory that one more idle connection costs.
func measureIdle(program, transport string, n int) (float64, error) {
	g, err := start(program, "serve", "--listen", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer g.stop()
	l := &load{host: g.host, transport: transport}
	defer l.close()
	// The first few fill pools that no later one does.
	if err := l.open(n / 20); err != nil {
		return 0, err
	}
	few, err := g.rss()
	if err != nil {
		return 0, err
	}
	if err := l.open(n - n/20); err != nil {
		return 0, err
	}
	time.Sleep(5 * time.Second) // what connecting cost is given back in this time, or not
	many, err := g.rss()
	return float64(many-few) / float64(n-n/20) / 1024, err
}

// await returns when n messages were received, or nothing has come for two seconds.
func (l *load) await(n int64) {
	for last, quiet := int64(-1), 0; quiet < 20; quiet++ {
		got := l.received.Load()
		if got >= n {
			return
		}
		if got != last {
			last, quiet = got, 0
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// percentile returns the p-th of the sorted delays, in milliseconds.
func (l *load) percentile(p int) float64 {
	if len(l.delay) == 0 {
		return 0
	}
	return float64(l.delay[min(len(l.delay)-1, len(l.delay)*p/100)].Microseconds()) / 1000
}
