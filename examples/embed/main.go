// Embed is a web service with a gateway of its own: it answers under /push what the gateway answers, and publishes the time
// to it every second.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"tidings/gateway"
	"tidings/server"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8090", "listen on this `address`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *listen)
	stop()
	if err != nil {
		slog.Error("embed ends", "cause", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, listen string) error {
	push, err := server.New(server.Options{NoBoard: true})
	if err != nil {
		return err
	}
	defer push.Close()
	go tick(ctx, push.Gateway())

	web := &http.Server{Addr: listen, Handler: handler(push), ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- web.ListenAndServe() }()
	fmt.Printf("open http://%s/\n", listen)
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	// Followers are told to come back: Shutdown does not know of them.
	return errors.Join(push.Drain(bounded), web.Shutdown(bounded))
}

// handler is the service: a page of its own, and the gateway below /push.
func handler(push http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/push/", http.StripPrefix("/push", push))
	mux.HandleFunc("GET /{$}", page)
	return mux
}

// tick publishes the time until ctx ends.
func tick(ctx context.Context, to *gateway.Gateway) {
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-every.C:
			if _, err := to.Publish(ctx, gateway.Draft{Topic: "clock", Data: []byte(now.Format(time.TimeOnly))}); err != nil {
				slog.Warn("the time was not published", "cause", err)
			}
		}
	}
}

func page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(w, `<!doctype html><title>Clock</title><p id="clock">…</p>
<script src="/push/tidings.js"></script>
<script>
var t = tidings(location.protocol + "//" + location.host + "/push");
t.follow("clock", function (m) { document.getElementById("clock").textContent = m.data; }, { since: "latest" });
</script>
`)
}
