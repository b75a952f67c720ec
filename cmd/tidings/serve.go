package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"tidings/config"
	"tidings/server"
)

type serveCmd struct{ configured }

func (c *serveCmd) run(ctx context.Context, s *session) error {
	loaded, err := c.load(s)
	if err != nil {
		return err
	}
	log := logger(loaded.Log, s.stderr)
	for _, warning := range loaded.Warnings {
		log.Warn("is the configuration as it was meant?", "doubt", warning)
	}
	srv, err := server.New(serverOptions(loaded.Config, log))
	if err != nil {
		return usageError{err}
	}
	defer srv.Close()
	listener, err := net.Listen("tcp", loaded.Listen)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var operations error
	var wg sync.WaitGroup
	defer wg.Wait()
	if loaded.Metrics.Listen != "" {
		aside, err := net.Listen("tcp", loaded.Metrics.Listen)
		if err != nil {
			_ = listener.Close() // nothing was accepted from it
			return fmt.Errorf("metrics.listen: %w", err)
		}
		wg.Go(func() {
			operations = serveAside(ctx, aside, srv.Operations())
			cancel() // a gateway that cannot be watched as was asked for does not run on unwatched
		})
	}
	greet(s.stdout, listener.Addr(), loaded.Config)
	err = srv.Serve(ctx, listener)
	cancel()
	wg.Wait()
	return errors.Join(err, operations)
}

// serveAside answers the operators' listener until ctx ends.
func serveAside(ctx context.Context, listener net.Listener, handler http.Handler) error {
	web := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { web.Close() })
	defer stop()
	if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("metrics.listen: %w", err)
	}
	return nil
}

// greet says where the gateway is and how to try it.
func greet(w io.Writer, address net.Addr, c config.Config) {
	base := "http://" + reachable(address)
	key := ""
	if len(c.PublishKeys) > 0 {
		key = `-H "Authorization: Bearer $TIDINGS_KEY" `
	}
	page := ""
	if c.Board {
		page = fmt.Sprintf("  look     %s/\n", base)
	}
	fmt.Fprintf(w, "Tidings listens on %s\n%s  follow   curl -N -H 'Accept: text/event-stream' %s/topics/news\n"+
		"  publish  curl %s-d 'Hello' %s/topics/news\n", base, page, base, key, base)
}

// reachable names an address as a program on this machine can reach it.
func reachable(address net.Addr) string {
	tcp, ok := address.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return address.String()
	}
	return net.JoinHostPort("localhost", fmt.Sprint(tcp.Port))
}
