package main

import (
	"context"
	"fmt"
	"time"

	"tidings/bench"
)

// sizes say how much is measured.
type sizes struct {
	idle, followers, stalled int
	storms                   []int
	rate                     float64 // messages a second where nothing else is said
	high                     float64 // where the rate is high
	size                     int
	publishers, batch        int
	span, step, hold         time.Duration // of a figure, of a step of the search, of idle connections
}

// missed is how many messages who comes back has to get.
const missed = 3

// burst is how many messages are published at once where many are.
const burst = 20

// job is one measurement of one server: what it is of, and how often it is made is not its matter.
type job struct {
	row, transport, variant string
	run                     func(ctx context.Context, o bench.Options) (*bench.Report, error)
}

// row is some figures that belong together.
type row struct {
	name, title string
	jobs        func(s sizes) []job
	lines       func(s sizes, got results) []line
}

var (
	everyWay = []string{"websocket", "sse", "stream", "longpoll"}
	raw      = []string{"websocket", "sse"}
)

func (s sizes) volume(rate float64, burst int) bench.Volume {
	return bench.Volume{Rate: rate, Burst: burst, Size: s.size, For: s.span}
}

func (s sizes) fanout(row, transport, variant string, rate float64, burst int) job {
	return job{row: row, transport: transport, variant: variant, run: func(ctx context.Context, o bench.Options) (*bench.Report, error) {
		return bench.Fanout{Options: o, Followers: s.followers, Volume: s.volume(rate, burst)}.Run(ctx)
	}}
}

// oneAtATime is the job that others are compared with. A long poll is asked for anew for every delivery, so there are fewer.
func (s sizes) oneAtATime(transport string) job {
	rate := s.rate
	if transport == "longpoll" {
		rate = max(1, rate/2)
	}
	return s.fanout("fanout", transport, "", rate, 1)
}

// rows are all there are, in the order of the page.
var rows = []row{
	{"idle", "Idle connections", idleJobs, idleLines},
	{"fanout", "Deliveries, one message at a time", fanoutJobs, fanoutLines},
	{"burst", "Deliveries, 20 messages at once", burstJobs, burstLines},
	{"rate", "Deliveries at a high rate", rateJobs, rateLines},
	{"most", "The most that is held", mostJobs, mostLines},
	{"storm", "All reconnect and resume at once", stormJobs, stormLines},
	{"publish", "Publishing, one message a request", publishJobs, publishLines},
	{"batch", "Publishing, NDJSON batches", batchJobs, batchLines},
	{"slow", "Followers that stop reading", slowJobs, slowLines},
	{"echo", "Sockets that get back what they send", talkJobs("echo", echoTalks), echoLines},
	{"exec", "Sockets of a program each, cat", talkJobs("exec", execTalks), execLines},
}

func idleJobs(s sizes) (jobs []job) {
	for _, transport := range everyWay {
		jobs = append(jobs, job{row: "idle", transport: transport, run: func(ctx context.Context, o bench.Options) (*bench.Report, error) {
			return bench.Idle{Options: o, Connections: s.idle, Hold: s.hold}.Run(ctx)
		}})
	}
	return jobs
}

func idleLines(s sizes, got results) (lines []line) {
	rss := func(r *bench.Report) float64 { return r.Server.RSSPerConnection / 1024 }
	for _, transport := range everyWay {
		key := key{"idle", transport, ""}
		lines = append(lines,
			got.line(key, fmt.Sprintf("KiB RSS per connection, %d held, %s", s.idle, transport), "%.2f", rss).atMost(0.5).beside(nchan),
			got.line(key, "  beside it KiB of kernel, both ends", "%.2f", func(r *bench.Report) float64 { return r.KernelPerConnection / 1024 }))
	}
	return lines
}

func fanoutJobs(s sizes) (jobs []job) {
	for _, transport := range everyWay {
		jobs = append(jobs, s.oneAtATime(transport))
	}
	return jobs
}

func perMillion(r *bench.Report) float64 { return r.Server.CPUPerMillion }

func p99(r *bench.Report) float64 {
	if r.Latency == nil {
		return 0
	}
	return r.Latency.P99
}

func fanoutLines(s sizes, got results) (lines []line) {
	for _, transport := range everyWay {
		key := key{"fanout", transport, ""}
		cpu := got.line(key, fmt.Sprintf("CPU s per million deliveries, %d followers, %s", s.followers, transport), "%.2f", perMillion)
		late := got.line(key, "  p99 ms", "%.1f", p99)
		switch transport {
		case "websocket", "sse":
			cpu, late = cpu.atMostTimes(1.1, bare), late.atMostTimes(1, bare)
		case "longpoll":
			cpu = cpu.atMostTimes(0.9, nchan)
		}
		lines = append(lines, cpu, late, got.lossless(key))
	}
	return lines
}

func burstJobs(s sizes) (jobs []job) {
	for _, transport := range everyWay {
		jobs = append(jobs, s.oneAtATime(transport), s.fanout("burst", transport, "", s.rate, burst))
	}
	return jobs
}

func burstLines(_ sizes, got results) (lines []line) {
	for _, transport := range everyWay {
		key, one := key{"burst", transport, ""}, key{"fanout", transport, ""}
		lines = append(lines,
			got.line(key, fmt.Sprintf("CPU s per million deliveries, %d at once, %s", burst, transport), "%.2f", perMillion).
				atMostOf(0.12, got.median(one, tidings, perMillion), "one at a time"),
			got.lossless(key))
	}
	return lines
}

func rateJobs(s sizes) (jobs []job) {
	for _, transport := range raw {
		jobs = append(jobs, s.fanout("rate", transport, "", s.high, 1))
	}
	return jobs
}

func rateLines(s sizes, got results) (lines []line) {
	for _, transport := range raw {
		key := key{"rate", transport, ""}
		lines = append(lines,
			got.line(key, fmt.Sprintf("CPU s per million at %.0f deliveries a second, %s", s.high*float64(s.followers), transport), "%.2f", perMillion).
				atMostTimes(0.8, bare),
			got.line(key, "  p99 ms", "%.1f", p99),
			got.saturated(key), got.lossless(key))
	}
	return lines
}

func mostJobs(s sizes) (jobs []job) {
	for _, transport := range raw {
		jobs = append(jobs, job{row: "most", transport: transport, run: func(ctx context.Context, o bench.Options) (*bench.Report, error) {
			v := s.volume(s.high/2, 1)
			v.For = s.step
			return bench.Fanout{Options: o, Followers: s.followers, Most: true, Volume: v}.Run(ctx)
		}})
	}
	return jobs
}

func mostLines(_ sizes, got results) (lines []line) {
	for _, transport := range raw {
		key := key{"most", transport, ""}
		lines = append(lines,
			got.line(key, "deliveries a second of which 99 % come within 250 ms, "+transport, "%.0f",
				func(r *bench.Report) float64 { return r.Most.DeliveryRate }).atLeastTimes(1, bare),
			got.limit(key))
	}
	return lines
}

func stormJobs(s sizes) (jobs []job) {
	for _, clients := range s.storms {
		for _, transport := range everyWay {
			jobs = append(jobs, job{
				row: "storm", transport: transport, variant: fmt.Sprint(clients),
				run: func(ctx context.Context, o bench.Options) (*bench.Report, error) {
					return bench.Storm{Options: o, Clients: clients, Missed: missed, Volume: s.volume(s.rate, 1)}.Run(ctx)
				},
			})
		}
	}
	return jobs
}

func stormLines(s sizes, got results) (lines []line) {
	each := func(r *bench.Report) float64 { return r.Server.CPUPerClient }
	wall := func(r *bench.Report) float64 { return r.Storm.Complete }
	for _, clients := range s.storms {
		for _, transport := range everyWay {
			key := key{"storm", transport, fmt.Sprint(clients)}
			cpu := got.line(key, fmt.Sprintf("CPU µs per client, %d come back, %s", clients, transport), "%.0f", each)
			if transport != "stream" {
				lines = append(lines, cpu.atMostTimes(0.5, nchan))
			}
			lines = append(lines, cpu.atMost(120),
				got.line(key, "  ms until all have all", "%.0f", wall).atMostTimes(1.2, bare),
				got.saturated(key), got.lossless(key))
		}
	}
	return lines
}

func publishJobs(s sizes) []job {
	return []job{{row: "publish", run: func(ctx context.Context, o bench.Options) (*bench.Report, error) {
		return bench.Publish{Options: o, Connections: s.publishers, Size: s.size, For: s.span}.Run(ctx)
	}}}
}

func publishLines(_ sizes, got results) []line {
	key := key{"publish", "", ""}
	return []line{
		got.line(key, "CPU µs per POST", "%.1f", func(r *bench.Report) float64 { return r.Server.CPUPerPublish }).atMostTimes(1.1, bare),
		got.line(key, "  publishes a second", "%.0f", func(r *bench.Report) float64 { return r.PublishRate }),
		got.saturated(key),
	}
}

func batchJobs(s sizes) []job {
	return []job{{row: "batch", run: func(ctx context.Context, o bench.Options) (*bench.Report, error) {
		return bench.Publish{Options: o, Connections: 4, Batch: s.batch, Size: s.size, For: s.span}.Run(ctx)
	}}}
}

func batchLines(s sizes, got results) []line {
	key := key{"batch", "", ""}
	return []line{
		got.line(key, fmt.Sprintf("messages a second, %d a request", s.batch), "%.0f", func(r *bench.Report) float64 { return r.PublishRate }).atLeast(500_000),
		got.line(key, "  CPU µs per message", "%.2f", func(r *bench.Report) float64 { return r.Server.CPUPerPublish }),
		got.saturated(key),
	}
}

// What one follower that reads is sent beside those that do not: enough that their sockets are full.
var slowVolume = bench.Volume{Rate: 200, Size: 4000, For: 4 * time.Second}

func slowJobs(s sizes) (jobs []job) {
	for _, transport := range []string{"websocket", "sse", "stream"} {
		jobs = append(jobs, job{row: "slow", transport: transport, run: func(ctx context.Context, o bench.Options) (*bench.Report, error) {
			return bench.Slow{Options: o, Stalled: s.stalled, Followers: 1, Volume: slowVolume}.Run(ctx)
		}})
	}
	return jobs
}

func slowLines(s sizes, got results) (lines []line) {
	const mib = 1 << 20
	for _, transport := range []string{"websocket", "sse", "stream"} {
		key := key{"slow", transport, ""}
		beside := func(r *bench.Report) float64 { return r.BesideStalled.P99 }
		lines = append(lines,
			got.line(key, fmt.Sprintf("p99 ms of one follower beside %d stalled, %s", s.stalled, transport), "%.2f", beside).
				atMostOf(1.2, got.median(key, tidings, p99), "alone"),
			got.line(key, "  MiB RSS after", "%.1f", func(r *bench.Report) float64 { return float64(r.Server.RSSAfter) / mib }).
				atMostOf(1.1, got.median(key, tidings, func(r *bench.Report) float64 { return float64(r.Server.RSSBefore) / mib }), "before"),
			got.line(key, "  stalled that missed something untold", "%.0f", func(r *bench.Report) float64 { return float64(r.Stalled.Silent) }).atMost(0))
	}
	return lines
}
