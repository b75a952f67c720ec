package bench

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"
	"time"
)

// Options are what all measurements have in common.
type Options struct {
	// URL is that of a gateway; with Plain, that to follow of another server, asked for as it is.
	URL   string
	Plain bool
	// PublishURL takes messages by POST where Plain is set.
	PublishURL string
	// ResumeArgument is the query argument by which another server's followers say what they got last; over SSE it is the
	// header Last-Event-ID. What they got is known from the member ReceiptField of the answers to what is published.
	ResumeArgument, ReceiptField string

	Topic     string // default: one of this run
	Key       string // publish key
	Transport string // one of [Transports]; default websocket
	Wrap      bool   // envelopes where raw would be the default
	// Anywhere allows targets that are not loopback addresses.
	Anywhere bool
	PID      int // of the server, 0 if its memory and processor time are not asked for

	Dialers  int           // connections that are made at the same time; default 256
	PollPace time.Duration // how often a plain poll asks; default 1 s
	Patience time.Duration // how long nothing may come before what is missing counts as lost; default 5 s
	portable bool          // reads by goroutines where there is something better
	// Progress is called a few times a second, from one goroutine.
	Progress func(Progress)
}

// Progress is how far a measurement has come.
type Progress struct {
	Stage string
	Done  float64 // part of the stage, 0 to 1
	Now   string  // what goes on, in figures
}

// run is one measurement under way.
type run struct {
	Options
	id      uint32
	clock   clock
	follow  *dialer
	publish *dialer // nil where nothing can be published
}

// begin checks the options and takes the URLs apart.
func (o Options) begin() (*run, error) {
	o.Transport = cmp.Or(o.Transport, Transports[0])
	o.Dialers = cmp.Or(o.Dialers, 256)
	o.PollPace = cmp.Or(o.PollPace, time.Second)
	o.Patience = cmp.Or(o.Patience, 5*time.Second)
	r := &run{Options: o, clock: newClock()}
	var id [4]byte
	rand.Read(id[:])
	r.id = binary.BigEndian.Uint32(id[:])
	r.Topic = cmp.Or(o.Topic, fmt.Sprintf("bench/%08x", r.id))
	if err := knownTransport(o.Transport); err != nil {
		return nil, err
	}
	if o.Dialers < 0 || o.PollPace < 0 || o.Patience < 0 {
		return nil, usage("what is negative cannot be")
	}
	if (o.ReceiptField != "" || o.ResumeArgument != "") && !o.Plain {
		return nil, usage("how to resume is said of another server only (--plain)")
	}
	if o.PublishURL != "" && !o.Plain {
		return nil, usage("a URL to publish at goes with another server's URL to follow only (--plain)")
	}
	var err error
	if r.follow, err = o.dialer(o.URL); err != nil {
		return nil, err
	}
	switch {
	case !o.Plain:
		r.publish, err = o.dialer(o.URL)
	case o.PublishURL != "":
		r.publish, err = o.dialer(o.PublishURL)
	}
	if err != nil {
		return nil, err
	}
	if o.PID != 0 {
		if _, err := usageOf(o.PID); err != nil {
			return nil, fmt.Errorf("process %d: %w", o.PID, err)
		}
	}
	return r, nil
}

func (o Options) dialer(url string) (*dialer, error) {
	p, err := parsePlace(url)
	if err != nil {
		return nil, err
	}
	if !o.Anywhere && !p.loopback() {
		return nil, fmt.Errorf("%w: %s: %w", ErrUsage, p.host, ErrHost)
	}
	return newDialer(p, o.Anywhere), nil
}

// needPublisher refuses a measurement that nothing can be published for.
func (r *run) needPublisher() error {
	if r.publish == nil {
		return usage("another server's followers get only what is published at --publish-url")
	}
	return nil
}

// needGateway refuses a measurement that needs cursors.
func (r *run) needGateway(why string) error {
	if r.Plain {
		return usage("%s: that is measured at a gateway only", why)
	}
	return nil
}

func (r *run) needOneOf(transports ...string) error {
	if !slices.Contains(transports, r.Transport) {
		return usage("with %s there is nothing to measure here", r.Transport)
	}
	return nil
}

// report begins the report of a measurement.
func (r *run) report(what string) *Report {
	return &Report{What: what, URL: r.URL, Transport: r.Transport, Run: fmt.Sprintf("%08x", r.id)}
}

// show calls Progress until the function that it returns is called.
func (r *run) show(stage string, look func() (done float64, now string)) (stop func()) {
	if r.Progress == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for again := time.NewTicker(200 * time.Millisecond); ; {
			done, now := look()
			r.Progress(Progress{stage, min(1, done), now})
			select {
			case <-again.C:
			case <-ctx.Done():
				again.Stop()
				return
			}
		}
	}()
	return func() { cancel(); <-ended }
}
