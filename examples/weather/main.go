// Weather publishes the weather of some places to a Tidings gateway: a recorded day by default, played fast, or what a
// public forecast service answers.
package main

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"tidings/client"
)

//go:embed data/*.json
var recorded embed.FS

// options are the flags, checked.
type options struct {
	gateway, key, url string
	every             time.Duration
	once              bool
	places            []place
}

// main exits with 0 when it was done or interrupted, 1 when publishing failed for good, 2 when the flags are wrong.
func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := start(ctx, os.Args[1:], os.Getenv("TIDINGS_KEY"), os.Stderr)
	stop()
	os.Exit(code)
}

func start(ctx context.Context, args []string, key string, stderr io.Writer) int {
	o, err := parseOptions(args, key, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, "weather:", err)
		return 2
	}
	to, err := client.New(o.gateway, client.Options{Key: o.key})
	if err != nil {
		fmt.Fprintln(stderr, "weather:", err)
		return 2
	}
	if err := run(ctx, o, to); err != nil && ctx.Err() == nil {
		fmt.Fprintln(stderr, "weather:", err)
		return 1
	}
	return 0
}

func parseOptions(args []string, key string, stderr io.Writer) (options, error) {
	o := options{key: key, places: places}
	var own []place
	flags := flag.NewFlagSet("weather", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.gateway, "gateway", "http://127.0.0.1:8080", "publish to the gateway at this `URL`")
	flags.Func("key", "publish with this `key` (default $TIDINGS_KEY)", func(s string) error { o.key = s; return nil })
	flags.DurationVar(&o.every, "every", 0, "publish each place once in this `time` (default 8s, with --url 10m)")
	flags.BoolVar(&o.once, "once", false, "publish each place once, then exit")
	flags.StringVar(&o.url, "url", "", "read Open-Meteo's JSON from this `URL`, with {latitude} and {longitude}, instead of the record")
	flags.Func("place", "with --url: a `name,country,latitude,longitude` instead of the recorded places; may be repeated", func(s string) error {
		p, err := parsePlace(s)
		own = append(own, p)
		return err
	})
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if len(own) > 0 {
		o.places = own
	}
	if o.every == 0 {
		o.every = 8 * time.Second
		if o.url != "" {
			o.every = 10 * time.Minute
		}
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.url != "" && !strings.HasPrefix(o.url, "http://") && !strings.HasPrefix(o.url, "https://"):
		return o, fmt.Errorf("--url %q does not start with http:// or https://", o.url)
	case o.url == "" && len(own) > 0:
		return o, errors.New("--place needs --url: there is no record of other places")
	case o.every < 0:
		return o, fmt.Errorf("--every %v is not positive", o.every)
	}
	return o, nil
}

// run publishes one report per place in every round, spread over the round, and steps an hour of the record per round.
func run(ctx context.Context, o options, to *client.Client) error {
	slog.Info("publishing", "gateway", o.gateway, "places", len(o.places), "every", o.every)
	tick := time.NewTicker(max(1, o.every/time.Duration(len(o.places))))
	defer tick.Stop()
	start := time.Now()
	for round := 0; ; round++ {
		for _, p := range o.places {
			r, err := read(ctx, o, p, start.Add(time.Duration(round)*time.Hour))
			if err != nil && o.once {
				return err
			}
			if err != nil { // a forecast service that fails for a while should not end this
				slog.Warn("no report", "place", p.name, "err", err)
			} else if err := publish(ctx, to, p.topic(), r); err != nil {
				return err
			}
			if o.once {
				continue
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-tick.C:
			}
		}
		if o.once {
			return nil
		}
	}
}

// publish sends a report. It tries until the gateway has taken it, has refused it for good, or ctx ends: so it waits for a
// gateway that is not there yet. The client gives every attempt the same idempotency key, so that none is stored twice.
func publish(ctx context.Context, to *client.Client, topic string, r report) error {
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = to.Publish(ctx, topic, body, client.PublishOptions{
		Type: "application/json", Attempts: math.MaxInt,
		Waiting: func(err error, wait time.Duration) {
			slog.Warn("publish again", "topic", topic, "in", wait.Round(time.Millisecond), "err", err)
		},
	})
	return err
}

// read is the report to publish for p: what the service says now, or what the record says for the hour of t.
func read(ctx context.Context, o options, p place, t time.Time) (report, error) {
	if o.url == "" {
		data, err := recorded.ReadFile("data/" + p.slug() + ".json")
		if err != nil {
			return report{}, err
		}
		f, err := parseForecast(data)
		if err != nil {
			return report{}, err
		}
		return f.at(p, t)
	}
	data, err := fetch(ctx, p.fill(o.url))
	if err != nil {
		return report{}, err
	}
	f, err := parseForecast(data)
	if err != nil {
		return report{}, err
	}
	return f.now(p)
}

// maxAnswer bounds what is read of a service's answer: a week of hours is about 20 KB.
const maxAnswer = 1 << 20

func fetch(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "tidings-weather-example")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxAnswer:
		return nil, fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	case resp.StatusCode != http.StatusOK && !json.Valid(data): // the service explains its refusals in JSON
		return nil, fmt.Errorf("get forecast: %s", resp.Status)
	}
	return data, nil
}
