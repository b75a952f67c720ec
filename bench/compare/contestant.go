package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"tidings/bench"
)

// contestant is one server that is measured.
type contestant struct {
	name  string
	start func(at places) (*exec.Cmd, error)
	// options says how to load it for a row; false: it takes no part.
	options func(at places, row, transport string) (bench.Options, bool)
}

// places are where a server is told to listen.
type places struct{ main, second string }

// The names of the contestants.
const (
	tidings    = "Tidings"
	bare       = "bare loop"
	nchan      = "Nchan"
	websocketd = "websocketd"
)

// The places where Debian puts what Nchan needs.
const (
	nginx       = "/usr/sbin/nginx"
	nchanModule = "/usr/lib/nginx/modules/ngx_nchan_module.so"
)

func nchanInstalled() bool {
	for _, path := range []string{nginx, nchanModule} {
		if _, err := os.Stat(path); err != nil {
			return false
		}
	}
	return true
}

// programs are what contestants are started by.
type programs struct {
	gateway, yardstick, echo string
	websocketd               string // empty where there is none
	dir                      string // for what they write
}

func contestants(of programs) []contestant {
	all := []contestant{
		{
			name: tidings,
			start: func(at places) (*exec.Cmd, error) {
				return exec.Command(of.gateway, "serve", "--listen", at.main, "--log-level", "warn"), nil
			},
			options: func(at places, row, _ string) (bench.Options, bool) {
				return bench.Options{URL: "http://" + at.main}, !converses(row)
			},
		},
		{
			name: bare,
			start: func(at places) (*exec.Cmd, error) {
				return exec.Command(of.yardstick, "-listen", at.main, "-accept", at.second, "-keep", fmt.Sprint(missed)), nil
			},
			options: bareOptions,
		},
	}
	if nchanInstalled() {
		all = append(all, contestant{
			name: nchan, start: func(at places) (*exec.Cmd, error) { return startNchan(of.dir, at.main) }, options: nchanOptions,
		})
	}
	return append(all, echoers(of)...)
}

func bareOptions(at places, row, transport string) (bench.Options, bool) {
	o := bench.Options{Plain: true, PublishURL: "http://" + at.main + "/publish"}
	path := map[string]string{"websocket": "/ws", "sse": "/sse", "stream": "/stream", "longpoll": "/longpoll"}[transport]
	switch {
	case converses(row):
		return o, false
	case row == "publish":
		o.PublishURL = "http://" + at.main + "/discard"
		o.URL = o.PublishURL
	case row == "storm":
		o.URL = "http://" + at.second + path
	case transport == "websocket", transport == "sse":
		o.URL = "http://" + at.main + path
	default:
		return o, false
	}
	return o, row != "batch" && row != "slow" && row != "burst"
}

func nchanOptions(at places, row, transport string) (bench.Options, bool) {
	o := bench.Options{Plain: true, URL: "http://" + at.main + "/sub", PublishURL: "http://" + at.main + "/pub"}
	switch row {
	case "batch", "slow", "burst", "echo", "exec":
		return o, false
	case "storm":
		o.ResumeArgument, o.ReceiptField = "last_event_id", "last_message_id"
	}
	return o, transport != "stream"
}

// nchanConfig is one process without a master, so that what it uses is what one process uses. All it writes is in one
// directory.
const nchanConfig = `load_module ` + nchanModule + `;
daemon off;
master_process off;
worker_rlimit_nofile 20000;
pid %[1]s/nginx.pid;
error_log %[1]s/error.log;
events { worker_connections 19000; }
http {
  access_log off;
  client_body_temp_path %[1]s/body;
  proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi;
  scgi_temp_path %[1]s/scgi;
  keepalive_requests 1000000000;
  server {
    listen %[2]s backlog=4096;
    location = /sub {
      nchan_subscriber websocket eventsource longpoll;
      nchan_channel_id bench;
      nchan_subscriber_first_message newest;
    }
    location = /pub {
      nchan_publisher;
      nchan_channel_id bench;
      nchan_message_buffer_length 100;
    }
  }
}
`

func startNchan(dir, at string) (*exec.Cmd, error) {
	config := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, nchanConfig, dir, at), 0o600); err != nil {
		return nil, err
	}
	return exec.Command(nginx, "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", config), nil
}

// with starts a server, waits until it answers, and stops it afterwards.
func (c contestant) with(ctx context.Context, row, transport string, measure func(bench.Options) error) error {
	var at places
	for _, place := range []*string{&at.main, &at.second} {
		free, err := freeAddress()
		if err != nil {
			return err
		}
		*place = free
	}
	cmd, err := c.start(at)
	if err != nil {
		return err
	}
	var said said
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		_ = cmd.Process.Kill() // it is this command's own, and there is nothing to save
		_ = cmd.Wait()
	}()
	if err := answers(ctx, at.main); err != nil {
		return fmt.Errorf("%w\n%s", err, said.text())
	}
	o, _ := c.options(at, row, transport)
	o.Transport, o.PID = transport, cmd.Process.Pid
	return measure(o)
}

// said is what a server writes.
type said struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(b)
}

func (s *said) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// freeAddress returns a loopback address that nobody listens at.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

// answers returns when somebody listens.
func answers(ctx context.Context, at string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for again := time.NewTicker(20 * time.Millisecond); ; {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", at)
		if err == nil {
			again.Stop()
			return c.Close()
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return fmt.Errorf("it does not listen: %w", err)
		}
	}
}
