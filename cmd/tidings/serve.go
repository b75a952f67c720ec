package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
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
	return host(ctx, &site{
		config: loaded, log: log, options: serverOptions(loaded.Config, log), rules: rules(loaded.Sockets), listen: []string{loaded.Listen},
		greet: func(at []net.Addr) { greet(s.stdout, at[0], loaded.Config) },
	})
}

// site is a gateway that is to run.
type site struct {
	config  config.Loaded
	log     *slog.Logger
	options server.Options
	rules   []rule
	listen  []string            // addresses
	greet   func(at []net.Addr) // called when it listens
}

// host runs a gateway until ctx ends.
func host(ctx context.Context, at *site) error {
	for _, warning := range at.config.Warnings {
		at.log.Warn("is the configuration as it was meant?", "doubt", warning)
	}
	programs, err := newPrograms(at.rules, at.log)
	if err != nil {
		return err
	}
	defer programs.close()
	at.options.Programs = programs.stats
	srv, err := server.New(at.options)
	if err != nil {
		return usageError{err}
	}
	defer srv.Close()
	if err := programs.serve(srv); err != nil {
		return usageError{err}
	}
	listeners, err := listen(at.listen)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var failed errorList
	var wg sync.WaitGroup
	defer wg.Wait()
	// What is not served, watched or fed as was asked for does not run on without.
	also := func(run func() error) {
		wg.Go(func() {
			failed.add(run())
			cancel()
		})
	}
	if address := at.config.Metrics.Listen; address != "" {
		aside, err := net.Listen("tcp", address)
		if err != nil {
			closeAll(listeners)
			return fmt.Errorf("metrics.listen: %w", err)
		}
		also(func() error { return serveAside(ctx, aside, srv.Operations()) })
	}
	also(func() error {
		programs.feed(ctx, srv.Gateway())
		<-ctx.Done()
		return nil
	})
	var addresses []net.Addr
	for _, listener := range listeners {
		addresses = append(addresses, listener.Addr())
	}
	at.greet(addresses)
	for _, listener := range listeners {
		also(func() error { return srv.Serve(ctx, listener) })
	}
	wg.Wait()
	return failed.join()
}

// listen listens on all addresses, or on none.
func listen(addresses []string) (listeners []net.Listener, err error) {
	for _, address := range addresses {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			closeAll(listeners)
			return nil, err
		}
		listeners = append(listeners, listener)
	}
	return listeners, nil
}

func closeAll(listeners []net.Listener) {
	for _, listener := range listeners {
		_ = listener.Close() // nothing was accepted from it
	}
}

// errorList collects what goroutines have failed with.
type errorList struct {
	mu   sync.Mutex
	errs []error // guarded by mu
}

func (l *errorList) add(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errs = append(l.errs, err)
}

func (l *errorList) join() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.errs...)
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
	for _, rule := range c.Sockets {
		if rule.Path != "" { // else it feeds a topic
			fmt.Fprintf(w, "  socket   ws://%s%s\n", reachable(address), rule.Path)
		}
	}
}

// reachable names an address as a program on this machine can reach it.
func reachable(address net.Addr) string {
	tcp, ok := address.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return address.String()
	}
	return net.JoinHostPort("localhost", fmt.Sprint(tcp.Port))
}
