package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"time"

	"tidings/bench"
)

// benchCmd are the measurements.
type benchCmd struct {
	Idle    benchIdleCmd    `cmd:"" help:"What a connection costs on which nothing happens."`
	Fanout  benchFanoutCmd  `cmd:"" help:"What deliveries cost, and how late they are."`
	Publish benchPublishCmd `cmd:"" help:"What publishing costs, and how long it takes."`
	Storm   benchStormCmd   `cmd:"" help:"How long it takes until followers that were cut are back."`
	Slow    benchSlowCmd    `cmd:"" help:"What followers that stop reading do to the others."`
	Echo    benchEchoCmd    `cmd:"" help:"What messages cost a WebSocket server that sends them back, and how long they take."`
}

// load are the flags of every measurement.
type load struct {
	Anywhere bool          `name:"yes-load-this-host" help:"Load a host that is not this one."`
	PID      int           `name:"pid" placeholder:"N" help:"The server's process: report its memory and processor time, with its children's (Linux)."`
	Dialers  int           `default:"256" placeholder:"N" help:"Connections that are made at the same time (default ${default})."`
	Patience time.Duration `default:"5s" placeholder:"DURATION" help:"How long nothing may come before what is missing is lost (default ${default})."`
	JSON     bool          `name:"json" help:"Print the report as an object."`
	SVG      string        `name:"svg" placeholder:"FILE" help:"Draw the distribution of latency."`
}

// target are the flags of the measurements of a gateway that is followed.
type target struct {
	URL string `arg:"" optional:"" name:"url" help:"The gateway; $$TIDINGS_GATEWAY or http://127.0.0.1:8080 by default. With --plain, the URL to follow of another server."`

	Plain      bool   `help:"The URL is another server's: asked for as it is."`
	PublishURL string `placeholder:"URL" help:"Where another server takes messages by POST."`
	Resume     string `placeholder:"NAME" help:"The query argument by which another server's followers say what they got last; over SSE it is Last-Event-ID."`
	Receipt    string `placeholder:"NAME" help:"The member of another server's JSON receipts that says what a follower got with this message."`
	Token      string `placeholder:"KEY" help:"Publish key; better in $$TIDINGS_KEY, which other users cannot see."`
	Topic      string `placeholder:"TOPIC" help:"Topic to use (default: a new one)."`
	load
}

// way are the flags of what follows.
type way struct {
	Transport string        `short:"t" default:"websocket" placeholder:"NAME" help:"websocket, sse, stream, longpoll or poll (default ${default})."`
	Wrap      bool          `help:"Ask for envelopes where raw is the default."`
	PollPace  time.Duration `default:"1s" placeholder:"DURATION" help:"How often a plain poll asks (default ${default})."`
}

// volume are the flags of what is published.
type volume struct {
	Rate  float64       `default:"10" placeholder:"N" help:"Messages a second (default ${default})."`
	Burst int           `default:"1" placeholder:"N" help:"Messages at once; the rate stays (default ${default})."`
	Size  int           `default:"128" placeholder:"BYTES" help:"Size of a message (default ${default})."`
	For   time.Duration `default:"10s" placeholder:"DURATION" help:"How long (default ${default})."`
}

func (v volume) volume() bench.Volume {
	return bench.Volume{Rate: v.Rate, Burst: v.Burst, Size: v.Size, For: v.For}
}

type benchIdleCmd struct {
	Connections int           `default:"1000" placeholder:"N" help:"Connections to hold; the first 5 % are not counted (default ${default})."`
	Hold        time.Duration `default:"5s" placeholder:"DURATION" help:"How long before memory is read (default ${default})."`
	way
	target
}

type benchFanoutCmd struct {
	Followers int           `default:"1000" placeholder:"N" help:"Followers of the topic (default ${default})."`
	Most      bool          `help:"Raise the rate from --rate on, for --for each, until deliveries are late: the most that can be held."`
	Late      time.Duration `default:"250ms" placeholder:"DURATION" help:"What 99 % of the deliveries are held to by --most (default ${default})."`
	volume
	way
	target
}

type benchPublishCmd struct {
	Connections int           `default:"16" placeholder:"N" help:"Connections that publish (default ${default})."`
	Rate        float64       `default:"0" placeholder:"N" help:"Messages a second; 0, as fast as the answers come (default ${default})."`
	Batch       int           `default:"1" placeholder:"N" help:"Messages of one request, as NDJSON (default ${default})."`
	Size        int           `default:"128" placeholder:"BYTES" help:"Size of a message (default ${default})."`
	For         time.Duration `default:"10s" placeholder:"DURATION" help:"How long (default ${default})."`
	target
}

type benchStormCmd struct {
	Clients int `default:"1000" placeholder:"N" help:"Followers that are cut (default ${default})."`
	Missed  int `default:"0" placeholder:"N" help:"Publish so many messages while all are away, and no others; 0, go on at --rate (default ${default})."`
	volume
	way
	target
}

type benchSlowCmd struct {
	Stalled   int `default:"100" placeholder:"N" help:"Followers that stop reading (default ${default})."`
	Followers int `default:"100" placeholder:"N" help:"Followers that go on (default ${default})."`
	volume
	way
	target
}

type benchEchoCmd struct {
	URL string `arg:"" name:"url" help:"The URL of a WebSocket that sends back what it gets."`

	Connections int           `default:"100" placeholder:"N" help:"WebSockets (default ${default})."`
	InFlight    int           `default:"1" placeholder:"N" help:"Messages of each that are on their way (default ${default})."`
	Binary      bool          `help:"Send binary messages in place of text."`
	Size        int           `default:"128" placeholder:"BYTES" help:"Size of a message (default ${default})."`
	For         time.Duration `default:"10s" placeholder:"DURATION" help:"How long (default ${default})."`
	load
}

// Help says what all figures mean.
func (benchCmd) Help() string {
	return `Latency is counted from the time a message was due to be sent, not from when it was: a server that holds the publisher ` +
		`up does not look faster for it (coordinated omission). Every message carries a number, so that losses, duplicates and ` +
		`what comes out of order are counted; the command ends with 1 if anything was lost.`
}

// Help says what all figures mean.
func (benchFanoutCmd) Help() string { return benchCmd{}.Help() }

// Help says from when latency counts.
func (benchPublishCmd) Help() string {
	return `With --rate latency is counted from the time a message was due to be sent, not from when it was (coordinated ` +
		`omission). As fast as possible nothing is ever due, and it is counted from sending: compare such figures with each other only.`
}

// Help says what is measured.
func (benchStormCmd) Help() string {
	return `All followers are cut at once after --for, and come back with the cursor of what they got last. The time is until ` +
		`every one of them has everything that was published until the last one was back. With --missed they come back when so ` +
		`many messages were published, and the time is from then on until every one has them. ` + benchCmd{}.Help()
}

// Help says what is measured.
func (benchSlowCmd) Help() string {
	return `Publishes for --for to followers that read, then twice as long beside others that have stopped, of which the second half is ` +
		`measured; at the end those read on, ` +
		`and have to get everything or a stated gap. ` + benchCmd{}.Help()
}

// Help says from when latency counts, and what comes back.
func (benchEchoCmd) Help() string {
	return `Each WebSocket sends its next message when one has come back, so that nothing is ever due: latency counts from sending. The ` +
		`command ends with 1 if a message did not come back, or not as it was sent.`
}

func (t target) options(s *session) bench.Options {
	o := t.load.options(s)
	o.URL, o.Plain, o.PublishURL = t.URL, t.Plain, t.PublishURL
	o.ResumeArgument, o.ReceiptField, o.Topic, o.Key = t.Resume, t.Receipt, t.Topic, cmp.Or(t.Token, s.lookup("TIDINGS_KEY"))
	if o.URL == "" && !o.Plain {
		o.URL = cmp.Or(s.lookup("TIDINGS_GATEWAY"), "http://127.0.0.1:8080")
	}
	return o
}

func (l load) options(s *session) bench.Options {
	o := bench.Options{Anywhere: l.Anywhere, PID: l.PID, Dialers: l.Dialers, Patience: l.Patience}
	if terminal(s.stderr) {
		o.Progress = bench.Line(s.stderr)
	}
	return o
}

func (w way) put(o bench.Options) bench.Options {
	o.Transport, o.Wrap, o.PollPace = w.Transport, w.Wrap, w.PollPace
	return o
}

// terminal reports whether somebody looks at what is written.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

func (c *benchIdleCmd) run(ctx context.Context, s *session) error {
	return c.measure(ctx, s, bench.Idle{Options: c.put(c.options(s)), Connections: c.Connections, Hold: c.Hold})
}

func (c *benchFanoutCmd) run(ctx context.Context, s *session) error {
	return c.measure(ctx, s, bench.Fanout{
		Options: c.put(c.options(s)), Followers: c.Followers, Most: c.Most, Late: c.Late, Volume: c.volume.volume(),
	})
}

func (c *benchPublishCmd) run(ctx context.Context, s *session) error {
	return c.measure(ctx, s, bench.Publish{
		Options: c.options(s), Connections: c.Connections, Rate: c.Rate, Batch: c.Batch, Size: c.Size, For: c.For,
	})
}

func (c *benchStormCmd) run(ctx context.Context, s *session) error {
	return c.measure(ctx, s, bench.Storm{
		Options: c.put(c.options(s)), Clients: c.Clients, Missed: c.Missed, Volume: c.volume.volume(),
	})
}

func (c *benchSlowCmd) run(ctx context.Context, s *session) error {
	return c.measure(ctx, s, bench.Slow{
		Options: c.put(c.options(s)), Stalled: c.Stalled, Followers: c.Followers, Volume: c.volume.volume(),
	})
}

func (c *benchEchoCmd) run(ctx context.Context, s *session) error {
	o := c.options(s)
	o.URL = c.URL
	return c.measure(ctx, s, bench.Echo{
		Options: o, Connections: c.Connections, InFlight: c.InFlight, Binary: c.Binary, Size: c.Size, For: c.For,
	})
}

// measure runs a measurement and prints what it found. A run in which messages were lost has found something, too.
func (l load) measure(ctx context.Context, s *session, m interface {
	Run(context.Context) (*bench.Report, error)
},
) error {
	report, err := m.Run(ctx)
	if terminal(s.stderr) {
		bench.ClearLine(s.stderr)
	}
	if errors.Is(err, bench.ErrUsage) {
		return usageError{err}
	}
	if report == nil {
		return err
	}
	printing := report.Table
	if l.JSON {
		printing = report.JSON
	}
	return errors.Join(err, printing(s.stdout), l.draw(report))
}

func (l load) draw(report *bench.Report) error {
	if l.SVG == "" {
		return nil
	}
	f, err := os.Create(l.SVG)
	if err != nil {
		return err
	}
	return errors.Join(report.SVG(f), f.Close())
}
