// News publishes the items of RSS 2.0 and Atom feeds to a Tidings gateway: three recorded feeds by default, an item at a
// time, or what public feeds have that is new.
package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"tidings/client"
)

//go:embed data/*.xml
var recorded embed.FS

// options are the flags, checked.
type options struct {
	gateway, key string
	every        time.Duration
	once         bool
	urls         []string
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
		fmt.Fprintln(stderr, "news:", err)
		return 2
	}
	to, err := client.New(o.gateway, client.Options{Key: o.key})
	if err != nil {
		fmt.Fprintln(stderr, "news:", err)
		return 2
	}
	if len(o.urls) == 0 {
		err = play(ctx, o, to)
	} else {
		err = watch(ctx, o, to)
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintln(stderr, "news:", err)
		return 1
	}
	return 0
}

func parseOptions(args []string, key string, stderr io.Writer) (options, error) {
	o := options{key: key}
	flags := flag.NewFlagSet("news", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.gateway, "gateway", "http://127.0.0.1:8080", "publish to the gateway at this `URL`")
	flags.Func("key", "publish with this `key` (default $TIDINGS_KEY)", func(s string) error { o.key = s; return nil })
	flags.DurationVar(&o.every, "every", 0, "publish a recorded item, or read the feeds, once in this `time` (default 6s, with --url 10m)")
	flags.BoolVar(&o.once, "once", false, "publish what there is, then exit")
	flags.Func("url", "read the RSS or Atom feed at this `URL` instead of the recorded ones; may be repeated", func(s string) error {
		if !isHTTP(s) {
			return errors.New("it does not start with http:// or https://")
		}
		o.urls = append(o.urls, s)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.every == 0 {
		o.every = 6 * time.Second
		if len(o.urls) > 0 {
			o.every = 10 * time.Minute
		}
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.every < 0:
		return o, fmt.Errorf("--every %v is not positive", o.every)
	}
	return o, nil
}

func isHTTP(s string) bool {
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://")
}
